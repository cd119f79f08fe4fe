//! A worker without a daemon: in its sandbox, or for comparison without one.
#![allow(dead_code)]

use crate::node::Fake;
use nixl_fabric::codec;
use nixl_fabric::protocol::{Command, Event};
use nixl_fabric::worker::WORKER_ENV;
use std::io::{BufRead as _, BufReader};
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, ChildStderr, Stdio};
use std::time::Duration;

/// Where a worker finds its socket.
const WORKER_FD: i32 = 3;

/// What the process does that [`Lone::start`] starts without a sandbox.
pub fn be_unconfined() {
    // SAFETY: the socket is there, and nothing else in this process has it.
    let socket = unsafe { OwnedFd::from_raw_fd(WORKER_FD) };
    std::process::exit(i32::from(nixl_fabric::worker::run(socket).is_err()));
}

/// What came of attempts.
#[derive(Debug)]
pub struct Trial {
    /// What the sandbox could not enforce.
    pub missing: Vec<String>,
    /// Lines on stderr.
    pub words: Vec<String>,
    /// What ended it before it had tried everything.
    pub signal: Option<i32>,
}

impl Trial {
    /// Whether files and ports are limited here.
    pub fn has_landlock(&self) -> bool {
        !self.missing.iter().any(|missing| missing.contains("Landlock"))
    }

    /// `done` or the name of an error.
    pub fn outcome(&self, attempt: &str) -> &str {
        let what = attempt.split(' ').next().unwrap();
        let told = self.words.iter().find_map(|line| {
            line.strip_prefix("tried ")?.strip_prefix(attempt)?.strip_prefix(": ")
        });
        told.unwrap_or_else(|| panic!("{what} was not tried: {:?}", self.words))
    }
}

/// A worker, with its socket.
pub struct Lone {
    child: Child,
    socket: UnixStream,
}

impl Lone {
    /// Starts one; its sandbox is cut for this provider.
    pub fn start(fake: &Fake, provider: &str, confined: bool) -> Self {
        let command = if confined {
            let program = assert_cmd::cargo::cargo_bin!("nixl-noded");
            let mut command = std::process::Command::new(program);
            command.args(["fabric-worker", "--provider", provider, "--library"]);
            command.arg(fake.library());
            command
        } else {
            let mut command = std::process::Command::new(std::env::current_exe().unwrap());
            command.args(["--ignored", "--exact", "worker_process", "--nocapture"]);
            command
        };
        Self::spawn(command)
    }

    /// Any worker.
    pub fn spawn(mut command: std::process::Command) -> Self {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let passed = theirs.as_raw_fd();
        // SAFETY: dup2 and fcntl are async-signal-safe.
        unsafe {
            command.pre_exec(move || {
                let done = match passed {
                    WORKER_FD => libc::fcntl(WORKER_FD, libc::F_SETFD, 0),
                    _ => libc::dup2(passed, WORKER_FD),
                };
                if done < 0 { Err(std::io::Error::last_os_error()) } else { Ok(()) }
            });
        }
        let child = command
            .envs(WORKER_ENV.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        ours.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Self { child, socket: ours }
    }

    /// The socket, and what it writes to stderr.
    pub fn streams(&mut self) -> (&mut UnixStream, ChildStderr) {
        (&mut self.socket, self.child.stderr.take().expect("taken once"))
    }

    pub fn send(&mut self, command: &Command) {
        codec::write(&mut self.socket, command).unwrap();
    }

    /// The next event but for signs of life.
    pub fn next(&mut self) -> Event {
        loop {
            match codec::read(&mut self.socket).unwrap().expect("a living worker") {
                Event::Alive => {}
                event => return event,
            }
        }
    }

    /// Opens an endpoint: what the sandbox lacks, and the answer.
    pub fn open(&mut self, fake: &Fake, provider: &str) -> (Vec<String>, Event) {
        let sources: &[IpAddr] = match provider {
            "tcp" => &[IpAddr::V4(Ipv4Addr::LOCALHOST)],
            _ => &[],
        };
        let open = Command::Open {
            rank: 0,
            provider: provider.parse().expect("a provider"),
            sources: sources.to_vec(),
            library: Some(fake.library()),
        };
        self.send(&open);
        let mut lacks = Vec::new();
        loop {
            match self.next() {
                Event::Confined { missing } => lacks = missing,
                answer => return (lacks, answer),
            }
        }
    }
}

impl Drop for Lone {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Tries all of this from inside a worker, one at each read of its queue.
pub fn trial(fake: &Fake, provider: &str, confined: bool, attempts: &[&str]) -> Trial {
    let script: Vec<String> = attempts
        .iter()
        .enumerate()
        .map(|(index, attempt)| format!("cq_read#{} try {attempt}", index + 1))
        .collect();
    let usual = if provider == "efa" { "getinfo as efa" } else { "" };
    fake.script(usual);
    let mut worker = Lone::start(fake, provider, confined);
    let (missing, answer) = worker.open(fake, provider);
    assert!(matches!(answer, Event::Opened { .. }), "{answer:?}");
    fake.script(&script.join("\n"));
    let mut words = Vec::new();
    for line in BufReader::new(worker.child.stderr.take().unwrap()).lines() {
        words.push(line.unwrap());
        if words.iter().filter(|line| line.starts_with("tried ")).count() == attempts.len() {
            return Trial { missing, words, signal: None };
        }
    }
    Trial { missing, words, signal: worker.child.wait().unwrap().signal() }
}
