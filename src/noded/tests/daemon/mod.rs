//! A daemon alone, without settings unless somebody writes them, and the
//! program as a person calls it.

#![allow(dead_code)]

use assert_cmd::Command;
use nixl_noded::client::get;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::time::{Duration, Instant};

pub fn noded(args: &[&str]) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("nixl-noded"));
    command.args(args).env_remove("NIXL_LOG").env_remove("NOTIFY_SOCKET");
    command
}

pub fn stderr(command: &mut Command, code: i32) -> String {
    let output = command.assert().code(code).get_output().clone();
    String::from_utf8(output.stderr).unwrap()
}

pub fn stdout(command: &mut Command, code: i32) -> String {
    let output = command.assert().code(code).get_output().clone();
    String::from_utf8(output.stdout).unwrap()
}

pub fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < Duration::from_secs(20), "no {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Its settings are `node.toml` in the folder, its state is the folder.
pub struct Daemon {
    child: Child,
    folder: PathBuf,
    imds: Option<SocketAddr>,
    pub address: SocketAddr,
}

impl Daemon {
    pub fn start(folder: &Path) -> Self {
        Self::start_on(folder, None)
    }

    /// On an instance with this metadata service.
    pub fn start_on(folder: &Path, imds: Option<SocketAddr>) -> Self {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let child = run(folder, address, imds);
        Self { child, folder: folder.to_owned(), imds, address }
    }

    /// The options with which a command asks this one.
    pub fn listen(&self) -> String {
        format!("--listen={}", self.address)
    }

    /// What `/health` says once its status is this and these words are in it.
    pub fn health(&self, wanted: u16, words: &str) -> String {
        wait_for(words, || {
            let (status, body) = get(self.address, "/health").ok()?;
            (status == wanted && body.contains(words)).then_some(body)
        })
    }

    /// Ends it as systemd does.
    pub fn stop(&mut self) -> ExitStatus {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        wait_for("exit", || self.child.try_wait().unwrap())
    }

    /// Kills it, and starts it anew.
    pub fn again(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.child = run(&self.folder, self.address, self.imds);
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn run(folder: &Path, address: SocketAddr, imds: Option<SocketAddr>) -> Child {
    let mut command = std::process::Command::new(assert_cmd::cargo::cargo_bin!("nixl-noded"));
    if let Some(imds) = imds {
        command.env("AWS_EC2_METADATA_SERVICE_ENDPOINT", format!("http://{imds}"));
    }
    command
        .args(["run", "--listen", &address.to_string(), "--settings"])
        .arg(folder.join("node.toml"))
        .env("STATE_DIRECTORY", folder)
        .env_remove("NOTIFY_SOCKET")
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}
