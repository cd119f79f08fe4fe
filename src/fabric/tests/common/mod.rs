//! Starts real workers and talks to them as the daemon does.
#![allow(dead_code, missing_docs)]

use nixl_fabric::codec;
use nixl_fabric::protocol::{Command, Event};
use nixl_fabric::worker::{WORKER_ENV, WORKER_ENV_REMOVED};
use std::io::BufReader;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, ExitStatus, Stdio};
use std::time::{Duration, Instant};

pub const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const PATIENCE: Duration = Duration::from_secs(10);

/// libfabric to test against; the system's unless told otherwise.
pub fn library() -> Option<PathBuf> {
    std::env::var_os("NIXL_TEST_LIBFABRIC").map(PathBuf::from)
}

/// A worker process and the daemon's end of its socket.
pub struct Worker {
    pub child: Child,
    library: Option<PathBuf>,
    commands: Option<UnixStream>,
    events: BufReader<UnixStream>,
}

impl Worker {
    /// Starts `command` as a worker with the socket as its standard input.
    pub fn start(mut command: std::process::Command) -> Self {
        let (ours, theirs) = UnixStream::pair().expect("socketpair");
        for name in WORKER_ENV_REMOVED {
            command.env_remove(name);
        }
        let child = command
            .envs(WORKER_ENV.iter().copied())
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            .spawn()
            .expect("worker starts");
        // Keeps a hang from hanging the test.
        ours.set_read_timeout(Some(PATIENCE)).expect("socket option");
        let events = BufReader::new(ours.try_clone().expect("clones"));
        Self { child, library: library(), commands: Some(ours), events }
    }

    /// Will open this library.
    pub fn with_library(mut self, library: PathBuf) -> Self {
        self.library = Some(library);
        self
    }

    pub fn send(&mut self, command: &Command) {
        let socket = self.commands.as_mut().expect("not hung up");
        codec::write(socket, command).expect("worker takes commands");
    }

    pub fn send_raw(&mut self, bytes: &[u8]) {
        let socket = self.commands.as_mut().expect("not hung up");
        std::io::Write::write_all(socket, bytes).expect("worker reads");
    }

    pub fn next(&mut self) -> Event {
        codec::read(&mut self.events).expect("worker speaks").expect("worker lives")
    }

    /// The first event that `pick` wants; others are skipped.
    pub fn wait_for<T>(&mut self, what: &str, mut pick: impl FnMut(&Event) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(found) = pick(&self.next()) {
                return found;
            }
        }
        panic!("no {what} within {PATIENCE:?}");
    }

    /// Waits until it has said nothing for so long.
    pub fn falls_silent(&mut self, length: Duration) {
        let socket = self.commands.as_ref().expect("not hung up");
        socket.set_read_timeout(Some(length)).expect("socket option");
        let deadline = Instant::now() + PATIENCE;
        while codec::read::<Event>(&mut self.events).is_ok() {
            assert!(Instant::now() < deadline, "still speaks after {PATIENCE:?}");
        }
    }

    pub fn open(&mut self, rank: u16, provider: &str, sources: &[IpAddr]) -> Event {
        let provider = provider.parse().expect("a provider");
        let sources = sources.to_vec();
        let library = self.library.clone();
        self.send(&Command::Open { rank, provider, sources, library });
        self.wait_for("answer to open", |event| match event {
            Event::Opened { .. } | Event::OpenFailed { .. } => Some(event.clone()),
            _ => None,
        })
    }

    /// Opens and gives the address of each rail.
    pub fn opened(&mut self, rank: u16, provider: &str, sources: &[IpAddr]) -> Vec<Vec<u8>> {
        match self.open(rank, provider, sources) {
            Event::Opened { rails, .. } => rails.into_iter().map(|(_, address)| address).collect(),
            Event::OpenFailed { code, message } if code == "fabric.library_missing" => {
                panic!("install libfabric1: {message}")
            }
            other => panic!("{other:?}"),
        }
    }

    /// Opens and gives the address of its first rail, on loopback if it needs one.
    pub fn address(&mut self, rank: u16, provider: &str) -> Vec<u8> {
        let sources = if provider == "tcp" { &[LOOPBACK][..] } else { &[] };
        self.opened(rank, provider, sources).remove(0)
    }

    pub fn received(&mut self) -> Vec<u8> {
        self.wait_for("message", |event| match event {
            Event::Received { bytes } => Some(bytes.clone()),
            _ => None,
        })
    }

    /// Closes the daemon's end.
    pub fn hang_up(&mut self) {
        if let Some(socket) = self.commands.take() {
            socket.shutdown(std::net::Shutdown::Both).expect("shuts down");
        }
    }

    /// Waits for the process to end by itself.
    pub fn ended(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait().expect("child of ours") {
                return status;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("worker did not end within {PATIENCE:?}");
    }

    pub fn kill(&mut self) {
        self.child.kill().expect("child of ours");
        self.child.wait().expect("child of ours");
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a worker's process does; its socket is standard input.
pub fn be_worker() -> Result<(), nixl_fabric::worker::WorkerError> {
    use std::os::fd::AsFd;
    let socket = std::io::stdin().as_fd().try_clone_to_owned()?;
    nixl_fabric::worker::run(socket)
}

/// The same as a test of its own name, which [`start`] runs.
pub fn worker_process() {
    if let Err(error) = be_worker() {
        eprintln!("worker: {error}");
        std::process::exit(1);
    }
    std::process::exit(0);
}

/// Starts this test program as a worker: it has a test `worker_process`.
pub fn start() -> Worker {
    let mut command =
        std::process::Command::new(std::env::current_exe().expect("this test's binary"));
    command.args(["--ignored", "--exact", "worker_process", "--nocapture"]);
    Worker::start(command)
}

/// Two workers that know each other, ranks 0 and 1.
pub fn pair(provider: &str) -> (Worker, Worker) {
    let (mut a, mut b) = (start(), start());
    let address_a = a.address(0, provider);
    let address_b = b.address(1, provider);
    a.send(&Command::AddPeer { peer: 1, address: address_b });
    b.send(&Command::AddPeer { peer: 0, address: address_a });
    (a, b)
}

pub fn message(text: &str) -> Vec<u8> {
    [&[1, 3, 0, 0], text.as_bytes()].concat()
}

pub fn send(worker: &mut Worker, peer: u32, text: &str) {
    worker.send(&Command::Send { peer, bytes: message(text) });
}

/// Says it again until the other side has heard it: a datagram may be lost
/// while that still holds an old connection.
pub fn say_until_heard(from: &mut Worker, peer: u32, to: &mut Worker, text: &str) {
    let deadline = Instant::now() + Duration::from_secs(5);
    while Instant::now() < deadline {
        send(from, peer, text);
        // A sign of life comes every second: time to say it again.
        let heard = to.wait_for("message or sign of life", |event| match event {
            Event::Received { bytes } if *bytes == message(text) => Some(true),
            Event::Alive => Some(false),
            _ => None,
        });
        if heard {
            return;
        }
    }
    panic!("{text:?} was never heard");
}
