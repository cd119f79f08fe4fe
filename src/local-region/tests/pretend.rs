//! `nixl-region up --machines pretend` as a person runs it: without root, several at once.
#![allow(clippy::unwrap_used)] // a test ends at the first surprise

use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};

fn region(state: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nixl-region"));
    command.arg("--state-dir").arg(state).arg("--cache-dir").arg(state.join("no-cache"));
    command.args(args).output().unwrap()
}

fn ok(state: &Path, args: &[&str]) -> String {
    let output = region(state, args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn refused(state: &Path, args: &[&str]) -> String {
    let output = region(state, args);
    assert!(!output.status.success(), "{args:?}");
    String::from_utf8(output.stderr).unwrap()
}

fn free_port() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string()
}

#[test]
fn two_regions_without_machines_stand_side_by_side_and_say_so() {
    let folder = tempfile::tempdir().unwrap();
    let states = [folder.path().join("a"), folder.path().join("b")];
    for state in &states {
        let port = free_port();
        let up = ok(state, &["up", "--machines", "pretend", "--port", &port]);
        assert!(up.contains("WITHOUT MACHINES"), "{up}");
        assert!(ok(state, &["status"]).contains("WITHOUT MACHINES"));
        let again = ["up", "--machines", "pretend", "--port", &port];
        assert!(ok(state, &again).contains("already up"));
        assert!(refused(state, &["up", "--port", &port]).contains("another --machines"));
    }
    let status: serde_json::Value =
        serde_json::from_str(&ok(&states[0], &["status", "--output", "json"])).unwrap();
    assert_eq!(status["machine_kind"], "pretend");
    assert!(refused(&states[0], &["power-cut", "i-0"]).contains("no machine"));
    for state in &states {
        assert!(ok(state, &["down"]).contains("the region is down"));
        assert!(!state.exists());
    }
}

#[test]
fn a_script_that_is_none_is_told_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let (state, script) = (folder.path().join("state"), folder.path().join("script.toml"));
    std::fs::write(&script, "strat = '1s'").unwrap();
    let path = script.to_str().unwrap();
    let port = free_port();
    let up = ["up", "--machines", "pretend", "--port", &port, "--script", path];
    let told = refused(&state, &up);
    assert!(told.contains("script.toml") && told.contains("strat"), "{told}");
    ok(&state, &["down"]);
}
