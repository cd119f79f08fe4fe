//! The program as a person calls it.

#![allow(clippy::unwrap_used)]

mod daemon;

use daemon::{Daemon, noded, stderr, wait_for};
use nixl_noded::client::get;
use std::net::TcpListener;
use std::time::{Duration, Instant};

#[test]
fn wrong_use_is_exit_code_2() {
    assert!(stderr(&mut noded(&["run", "--prot", "1"]), 2).contains("--prot"));
    assert!(stderr(&mut noded(&["run", "--listen", "0.0.0.0:9100"]), 2).contains("loopback"));
    assert!(stderr(&mut noded(&["--log", "nixl_noded=loud", "explain"]), 2).contains("--log"));
    assert!(stderr(&mut noded(&["link", "--peer", "i-1 HTTP/1.0"]), 2).contains("instance id"));
    assert!(stderr(&mut noded(&[]), 2).contains("Usage"));
}

#[test]
fn a_taken_port_is_exit_code_1_and_named() {
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = holder.local_addr().unwrap().to_string();
    let told = stderr(&mut noded(&["run", "--listen", &address]), 1);
    assert!(told.contains(&format!("taken by pid {}", std::process::id())), "{told}");
    assert_eq!(told.lines().count(), 1, "{told}");
}

#[test]
fn reasons_are_explained() {
    noded(&["explain", "pair.peer_lost"]).assert().success();
    assert!(stderr(&mut noded(&["explain", "pair.peer_gone"]), 1).contains("pair.peer_lost"));
    noded(&["explain", "--output", "json"]).assert().success();
    assert!(stderr(&mut noded(&["explain", "--catalog", "--markdown"]), 2).contains("--markdown"));
    noded(&["--version"]).assert().success();
}

#[test]
fn the_worker_is_not_for_people() {
    assert!(stderr(&mut noded(&["fabric-worker", "--provider", "tcp"]), 1).contains("not by hand"));
}

#[test]
fn health_of_nobody_is_exit_code_1() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    assert!(stderr(&mut noded(&["health", "--listen", &free]), 1).contains("systemctl status"));
    assert!(stderr(&mut noded(&["link", "--listen", &free]), 1).contains("systemctl status"));
}

#[test]
fn an_mlflow_test_without_a_server_fails_in_its_first_step() {
    let test = |args: &[&str]| {
        let mut command = noded(&[&["mlflow-test"], args].concat());
        command.env_remove("MLFLOW_TRACKING_URI").env_remove("MLFLOW_TRACKING_ARN");
        command
    };
    assert!(stderr(&mut test(&[]), 1).contains("--tracking-uri"));
    assert!(stderr(&mut test(&["--tracking-uri", "https://x"]), 2).contains("http://"));
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let uri = format!("http://{free}");
    let done = test(&["--tracking-uri", &uri, "--output", "json"]).assert().code(1);
    let told: serde_json::Value = serde_json::from_slice(&done.get_output().stdout).unwrap();
    assert_eq!((&told["verdict"], &told["run_id"]), (&"FAIL".into(), &serde_json::Value::Null));
    let verdicts: Vec<_> =
        told["steps"].as_array().unwrap().iter().map(|s| &s["verdict"]).collect();
    assert_eq!(verdicts, ["FAIL", "SKIP", "SKIP", "SKIP", "SKIP", "SKIP", "SKIP", "SKIP"]);
    let reason = told["steps"][0]["reason"].as_str().unwrap();
    assert!(reason.starts_with("experiments/get-by-name: nobody answers"), "{reason}");
}

#[test]
fn the_environment_needs_settings() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("node.toml");
    let args = [
        "environment",
        "--settings",
        path.to_str().unwrap(),
        "--root",
        root.path().to_str().unwrap(),
    ];
    assert!(stderr(&mut noded(&args), 1).contains("does not exist"));
    std::fs::write(&path, "cluster = \"nixl\"\nsize = 2\nprovider = \"tcp\"\n").unwrap();
    noded(&args).assert().success();
}

#[test]
fn a_daemon_without_settings_says_so_and_stops_in_time() {
    let folder = tempfile::tempdir().unwrap();
    let mut daemon = Daemon::start(folder.path());
    let (address, listen) = (daemon.address, daemon.listen());
    let body = daemon.health(503, "node.settings_missing");
    assert!(body.contains("node.settings_missing"), "{body}");
    assert_eq!(get(address, "/livez").unwrap().0, 200);
    std::fs::write(folder.path().join("node.toml"), "cluster = \"nixl\"\nsise = 2\n").unwrap();
    wait_for("line of the fault", || {
        let (_, body) = get(address, "/health").ok()?;
        body.contains("line 2").then_some(())
    });
    noded(&["health", &listen]).assert().code(1);
    let told = stderr(&mut noded(&["link", &listen]), 1);
    assert!(told.contains("not paired; see `nixl-noded health`"), "{told}");
    let told = stderr(&mut noded(&["link", "--run", &listen]), 1);
    assert!(told.contains("nothing was measured: this node is not paired"), "{told}");

    let start = Instant::now();
    let status = daemon.stop();
    assert!(status.success() && start.elapsed() < Duration::from_secs(2), "{status}");
}
