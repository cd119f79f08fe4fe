//! A real MLflow server; needs `NIXL_REGION_VENV` (a venv with mlflow), and says
//! so when skipped; under `./test` (`NIXL_TEST_ALL`) that is a failure.

use crate::python::Python;
use rustix::process::{Pid, Signal, kill_process_group};
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// mlflow imports for long, and the computer may be busy.
const START_PATIENCE: Duration = Duration::from_secs(120);

pub fn venv() -> Option<PathBuf> {
    let venv = std::env::var_os("NIXL_REGION_VENV");
    if venv.is_none() {
        let why = "NIXL_REGION_VENV is not set";
        assert!(std::env::var_os("NIXL_TEST_ALL").is_none(), "{why}");
        eprintln!("SKIPPED: {why}");
    }
    venv.map(PathBuf::from)
}

pub struct Server {
    venv: PathBuf,
    folder: TempDir,
    pub port: u16,
    child: Child,
    python: Mutex<Python>,
}

impl Server {
    pub fn start(venv: PathBuf) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let child = spawn(&venv, &folder, port);
        // Both import at the same time.
        let python = Mutex::new(Python::start(&venv, port));
        let mut server = Self { venv, folder, port, child, python };
        server.wait();
        server
    }

    /// SIGKILL to all of its processes.
    pub fn kill(&mut self) {
        let group = Pid::from_child(&self.child);
        kill_process_group(group, Signal::KILL).unwrap();
        self.child.wait().unwrap();
    }

    /// On the same port, with what it had stored.
    pub fn restart(&mut self) {
        self.child = spawn(&self.venv, &self.folder, self.port);
        self.wait();
    }

    fn wait(&mut self) {
        let deadline = Instant::now() + START_PATIENCE;
        while !healthy(self.port) {
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none() && Instant::now() < deadline, "{}", self.log());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// What MLflow's own Python client prints; `client` and `json` are there.
    pub fn python(&self, script: &str) -> String {
        self.python.lock().unwrap().run(script)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        let _ = self.child.wait();
    }
}

fn spawn(venv: &std::path::Path, folder: &TempDir, port: u16) -> Child {
    let folder = folder.path();
    let log = std::fs::File::create(folder.join("log")).unwrap();
    Command::new(venv.join("bin/mlflow"))
        .args(["server", "--host", "127.0.0.1", "--workers", "1", "--port", &port.to_string()])
        .arg(format!("--backend-store-uri=sqlite:///{}/mlflow.db", folder.display()))
        .arg(format!("--default-artifact-root={}/artifacts", folder.display()))
        .env("MLFLOW_DISABLE_TELEMETRY", "true")
        .env("DO_NOT_TRACK", "true")
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .process_group(0)
        .spawn()
        .unwrap()
}

fn healthy(port: u16) -> bool {
    let ask = || {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        write!(stream, "GET /health HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\n\r\n")?;
        let mut status = [0; 12];
        stream.read_exact(&mut status)?;
        std::io::Result::Ok(status)
    };
    ask().is_ok_and(|status| status.ends_with(b" 200"))
}
