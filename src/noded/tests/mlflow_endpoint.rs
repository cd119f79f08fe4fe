//! `nixl-noded mlflow-endpoint` as its unit starts it, before a server that answers.

#![allow(clippy::unwrap_used)]

mod daemon;

use daemon::{noded, stderr, wait_for};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Stdio};

const TOKEN: &str = "planted-token";
const SECRET: &str = "planted-secret-access-key";

/// Answers every request with what it was asked.
fn upstream() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.unwrap());
            std::thread::spawn(move || {
                loop {
                    let (mut head, mut length) = (String::new(), 0);
                    while !head.ends_with("\r\n\r\n") {
                        let begun = head.len();
                        if stream.read_line(&mut head).unwrap() == 0 {
                            return;
                        }
                        if let Some(given) = head[begun..].strip_prefix("content-length: ") {
                            length = given.trim().parse().unwrap();
                        }
                    }
                    stream.read_exact(&mut vec![0; length]).unwrap();
                    let told = head.len();
                    write!(
                        stream.get_mut(),
                        "HTTP/1.1 200 OK\r\nContent-Length: {told}\r\n\r\n{head}"
                    )
                    .unwrap();
                }
            });
        }
    });
    address
}

fn settings(folder: &Path, listen: SocketAddr, upstream: SocketAddr) {
    let text = format!(
        "cluster = \"nixl\"\nsize = 2\nprovider = \"tcp\"\n\
         mlflow_tracking_arn = \"arn:aws:sagemaker:us-east-1:111122223333:mlflow-app/app-1\"\n\
         [mlflow]\nlisten = \"{listen}\"\nendpoint = \"http://{upstream}\"\n"
    );
    std::fs::write(folder.join("node.toml"), text).unwrap();
    std::fs::write(folder.join("token"), format!("{TOKEN}\n")).unwrap();
}

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The answer to a request with this head.
fn ask(address: SocketAddr, head: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "{head}Connection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn clients_of_this_host_with_the_token_get_through_and_no_secret_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    settings(folder.path(), address, upstream());
    let log = std::fs::File::create(folder.path().join("log")).unwrap();
    let mut running = Running(
        std::process::Command::new(assert_cmd::cargo::cargo_bin!("nixl-noded"))
            .args(["--log", "trace", "mlflow-endpoint", "--settings"])
            .arg(folder.path().join("node.toml"))
            .arg("--token")
            .arg(folder.path().join("token"))
            .env("CACHE_DIRECTORY", folder.path())
            .env("AWS_ACCESS_KEY_ID", "AKID")
            .env("AWS_SECRET_ACCESS_KEY", SECRET)
            .env_remove("NOTIFY_SOCKET")
            .stderr(Stdio::from(log))
            .spawn()
            .unwrap(),
    );
    wait_for("endpoint", || TcpStream::connect(address).ok());
    let get = |path: &str, host: &str, more: &str| {
        let authorization = format!("Authorization: Bearer {TOKEN}\r\n");
        ask(address, &format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{authorization}{more}"))
    };
    let through = get("/api/2.0/mlflow/experiments/get?experiment_id=0", "localhost:9101", "");
    assert!(through.starts_with("HTTP/1.1 200"), "{through}");
    assert!(through.contains("/us-east-1/sagemaker/aws4_request"), "{through}");
    assert!(through.contains("x-sm-mlflow-app-arn: arn:aws:sagemaker:"), "{through}");
    assert!(!through.contains(TOKEN), "{through}");
    assert!(get("/version", "evil.example", "").starts_with("HTTP/1.1 421"));
    let page = get("/version", "localhost", "Origin: http://localhost:3000\r\n");
    assert!(page.starts_with("HTTP/1.1 403"), "{page}");
    let naked = ask(address, "GET /version HTTP/1.1\r\nHost: localhost\r\n");
    assert!(naked.starts_with("HTTP/1.1 401"), "{naked}");
    let status = ask(address, "GET /-/status HTTP/1.1\r\nHost: localhost\r\n");
    assert!(status.starts_with("HTTP/1.1 200") && status.contains("\"reason\":null"), "{status}");

    let pid = rustix::process::Pid::from_child(&running.0);
    let arguments = std::fs::read_to_string(format!("/proc/{}/cmdline", pid.as_raw_nonzero()));
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert!(running.0.wait().unwrap().success());
    let told = std::fs::read_to_string(folder.path().join("log")).unwrap() + &arguments.unwrap();
    assert!(told.contains("MLflow's endpoint on"), "{told}");
    for secret in [TOKEN, SECRET] {
        assert!(!told.contains(secret), "{secret} was told");
    }
}

#[test]
fn what_is_missing_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("node.toml");
    let args = ["mlflow-endpoint", "--settings", path.to_str().unwrap(), "--token", "/nonexistent"];
    std::fs::write(&path, "cluster = \"nixl\"\nsize = 2\nprovider = \"tcp\"\n").unwrap();
    assert!(stderr(&mut noded(&args), 1).contains("no mlflow_tracking_arn"));
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    settings(folder.path(), address, address);
    assert!(stderr(&mut noded(&args), 1).contains("/nonexistent cannot be read"));
}
