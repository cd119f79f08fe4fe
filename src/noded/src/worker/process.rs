//! A worker as a child process: this binary again, with one end of a socketpair
//! as file descriptor 3.

use super::{Death, FromWorker, Kind, Spawner, Worker, frame, memory};
use crate::terminal::plain;
use nixl_cluster::ProviderChoice;
use nixl_fabric::protocol::{Command, Event};
use nixl_fabric::worker::{WORKER_ENV, WORKER_ENV_REMOVED};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::marker::PhantomData;
use std::os::fd::AsRawFd as _;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::process::{Child, ChildStderr};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Descriptor on which a worker finds its socket.
pub(super) const WORKER_FD: i32 = 3;
/// A worker that closed its socket has this long to end by itself.
const EXIT_GRACE: Duration = Duration::from_secs(1);
/// Longest last line kept.
const MAX_WORDS_CHARS: usize = 400;
/// Events waiting for the engine; the worker waits when there are more.
const EVENTS: usize = 1024;

/// What a kind of worker is given.
pub struct Upkeep<E> {
    /// What it owns, by which it is known: `fabric`.
    pub owns: &'static str,
    /// Environment of its own.
    pub environment: &'static [(&'static str, &'static str)],
    /// What of the daemon's environment it sees: never credentials, nor sockets
    /// of the service manager.
    pub passes: fn(&str) -> bool,
    /// Memory it may hold.
    pub memory_bytes: u64,
    /// Memory it may hold once it has said this, if that is another.
    pub memory_bytes_after: fn(&E) -> Option<u64>,
}

// Derived ones would ask the same of the events.
impl<E> Clone for Upkeep<E> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<E> Copy for Upkeep<E> {}

/// Starts `program` with `args`.
pub struct ProcessSpawner<C = Command, E = Event> {
    program: OsString,
    args: Vec<OsString>,
    upkeep: Upkeep<E>,
    takes: PhantomData<fn(C)>,
}

impl ProcessSpawner {
    /// Starts `program`, a `nixl-noded`, as owner of the fabric, in a sandbox cut for this.
    #[must_use]
    pub fn workers(program: &str, provider: ProviderChoice, library: Option<&Path>) -> Self {
        let mut args = vec!["fabric-worker".into(), "--provider".into()];
        args.push(provider.as_str().into());
        if let Some(library) = library {
            args.extend(["--library".into(), library.into()]);
        }
        Self::new(program, args, FABRIC)
    }
}

const FABRIC: Upkeep<Event> = Upkeep {
    owns: "fabric",
    environment: WORKER_ENV,
    passes: |key| {
        (key.starts_with("FI_") && !WORKER_ENV_REMOVED.contains(&key)) || passes_to_all(key)
    },
    memory_bytes: memory::limit_bytes(memory::MOST_RAILS),
    memory_bytes_after: |event| match event {
        Event::Opened { rails, .. } => Some(memory::limit_bytes(rails.len())),
        _ => None,
    },
};

/// What a program and its libraries need to be found and to tell of a panic.
pub fn passes_to_all(key: &str) -> bool {
    matches!(key, "PATH" | "LD_LIBRARY_PATH" | "RUST_BACKTRACE")
}

impl<C, E> ProcessSpawner<C, E> {
    /// Starts `program`.
    #[must_use]
    pub fn new(program: &str, args: Vec<OsString>, upkeep: Upkeep<E>) -> Self {
        Self { program: program.into(), args, upkeep, takes: PhantomData }
    }
}

impl<C, E> Spawner<C, E> for ProcessSpawner<C, E>
where
    C: Serialize + Send + 'static,
    E: DeserializeOwned + Send + 'static,
{
    fn spawn(&self) -> io::Result<Worker<C, E>> {
        let upkeep = self.upkeep;
        let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let mut command = tokio::process::Command::new(&self.program);
        command
            // What `ps` shows, whatever path it is started by.
            .arg0("nixl-noded")
            .args(&self.args)
            .env_clear()
            .envs(std::env::vars_os().filter(|(key, _)| (upkeep.passes)(&key.to_string_lossy())))
            .envs(upkeep.environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let theirs_fd = theirs.as_raw_fd();
        // SAFETY: dup2 and fcntl are async-signal-safe. Descriptor 3 is in use
        // since the socketpair was made at the latest (the lowest free number
        // is given out first), so it is none that `spawn` itself relies on.
        unsafe {
            command.pre_exec(move || {
                let done = if theirs_fd == WORKER_FD {
                    libc::fcntl(WORKER_FD, libc::F_SETFD, 0)
                } else {
                    libc::dup2(theirs_fd, WORKER_FD)
                };
                if done < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
            });
        }
        let mut child = command.spawn()?;
        drop(theirs);
        let (read, write) = UnixStream::from_std(ours)?.into_split();
        let (commands, from_engine) = mpsc::unbounded_channel();
        let (to_engine, events) = mpsc::channel(EVENTS);
        let words = Arc::new(Mutex::new(String::new()));
        let kill = CancellationToken::new();
        if let Some(stderr) = child.stderr.take() {
            tokio::spawn(listen(upkeep.owns, stderr, words.clone()));
        }
        tokio::spawn(send(upkeep.owns, write, from_engine));
        let statm = memory::watch(child.id());
        if let Err(error) = crate::processes::started(upkeep.owns, child.id()) {
            tracing::debug!(%error, "what the {} worker costs is not told", upkeep.owns);
        }
        tokio::spawn(supervise(upkeep, child, read, to_engine, words, kill.clone(), statm));
        Ok(Worker { commands, events, guard: Some(kill.drop_guard()) })
    }
}

/// Passes commands on; the worker sees the end of the stream when the engine
/// lets go.
async fn send<C: Serialize>(
    owns: &'static str,
    mut write: OwnedWriteHalf,
    mut commands: mpsc::UnboundedReceiver<C>,
) {
    while let Some(command) = commands.recv().await {
        match frame::encode(&command) {
            Ok(frame) => {
                if write.write_all(&frame).await.is_err() {
                    return;
                }
            }
            Err(error) => tracing::error!(%error, "a command to the {owns} worker was dropped"),
        }
    }
}

async fn listen(owns: &'static str, stderr: ChildStderr, words: Arc<Mutex<String>>) {
    let mut lines = BufReader::new(stderr).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let line: String = plain(&line).trim().chars().take(MAX_WORDS_CHARS).collect();
        if !line.is_empty() {
            tracing::info!(worker_says = %line, "{owns} worker: {line}");
            *words.lock().unwrap_or_else(PoisonError::into_inner) = line;
        }
    }
}

/// What makes the end of a worker.
enum EndOf {
    /// The engine has let go.
    Engine,
    /// Its stream has ended, or says what is no event.
    Stream(Option<io::Error>),
    /// It holds so many bytes.
    Memory(u64),
}

/// Tells what it says, and its end once it is gone.
async fn supervise<E: DeserializeOwned>(
    upkeep: Upkeep<E>,
    mut child: Child,
    mut read: OwnedReadHalf,
    events: mpsc::Sender<FromWorker<E>>,
    words: Arc<Mutex<String>>,
    kill: CancellationToken,
    statm: io::Result<File>,
) {
    let limit = AtomicU64::new(upkeep.memory_bytes);
    let said = |event: &E| {
        if let Some(bytes) = (upkeep.memory_bytes_after)(event) {
            limit.store(bytes, Ordering::Relaxed);
        }
    };
    let end = tokio::select! {
        () = kill.cancelled() => EndOf::Engine,
        fault = pass_events(&mut read, &events, said) => EndOf::Stream(fault),
        bytes = memory::exceeded(upkeep.owns, statm, &limit) => EndOf::Memory(bytes),
    };
    let grace = if matches!(end, EndOf::Stream(_)) { EXIT_GRACE } else { Duration::ZERO };
    let (kind, status) = match tokio::time::timeout(grace, child.wait()).await {
        Ok(status) => (Kind::of(&status), status),
        Err(_) => match child.kill().await {
            Ok(()) => (Kind::Hung, child.wait().await),
            Err(error) => (Kind::Hung, Err(error)),
        },
    };
    // The last line may still be in the pipe.
    tokio::time::sleep(Duration::from_millis(20)).await;
    let (kind, how) = match end {
        EndOf::Memory(bytes) => {
            let allowed = limit.load(Ordering::Relaxed);
            (Kind::Leaked, format!("it held {bytes} bytes of memory, {allowed} are allowed"))
        }
        EndOf::Stream(fault) => (kind, obituary(status, fault)),
        EndOf::Engine => (kind, obituary(status, None)),
    };
    let death = Death { kind, how: with_words(how, &words) };
    let _ = events.send(FromWorker::Died(death)).await;
}

async fn pass_events<E: DeserializeOwned>(
    read: &mut OwnedReadHalf,
    events: &mpsc::Sender<FromWorker<E>>,
    said: impl Fn(&E),
) -> Option<io::Error> {
    loop {
        match frame::read(read).await {
            Ok(Some(event)) => {
                said(&event);
                if events.send(FromWorker::Event(event)).await.is_err() {
                    return None;
                }
            }
            Ok(None) => return None,
            Err(error) => return Some(error),
        }
    }
}

fn with_words(how: String, words: &Mutex<String>) -> String {
    let words = words.lock().unwrap_or_else(PoisonError::into_inner);
    if words.is_empty() { how } else { format!("{how}; last words: {words}") }
}

fn obituary(status: io::Result<ExitStatus>, fault: Option<io::Error>) -> String {
    let text = match status {
        Ok(status) => status.to_string(),
        Err(error) => format!("its end could not be seen: {error}"),
    };
    match fault {
        Some(fault) => format!("{text}; it sent {fault}"),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spawner(script: &str) -> ProcessSpawner {
        ProcessSpawner::new("/bin/sh", vec!["-c".into(), script.into()], FABRIC)
    }

    fn shell(script: &str) -> Worker {
        spawner(script).spawn().unwrap()
    }

    #[tokio::test]
    async fn a_death_is_told_with_the_last_words() {
        let mut worker =
            shell("echo first >&2; printf 'provider\\033aborts\\007\\n' >&2; kill -ABRT $$");
        let Some(FromWorker::Died(told)) = worker.events.recv().await else { panic!() };
        assert_eq!(told.kind, Kind::Aborted);
        assert!(
            told.how.contains("SIGABRT") && told.how.ends_with("last words: provider aborts"),
            "{told:?}"
        );
        assert!(worker.events.recv().await.is_none());
    }

    #[tokio::test]
    async fn frames_pass_over_descriptor_three_in_both_directions() {
        let answer: String = frame::encode(&Event::Alive)
            .unwrap()
            .iter()
            .map(|byte| format!("\\{byte:03o}"))
            .collect();
        let length = frame::encode(&Command::Shutdown).unwrap().len();
        let mut worker = shell(&format!("head -c {length} <&3 >/dev/null; printf '{answer}' >&3"));
        worker.commands.send(Command::Shutdown).unwrap();
        assert_eq!(worker.events.recv().await, Some(FromWorker::Event(Event::Alive)));
        assert_eq!(
            worker.events.recv().await,
            Some(FromWorker::Died(Death::other("exit status: 0")))
        );
    }

    #[tokio::test]
    async fn nonsense_from_the_worker_ends_it() {
        let mut worker = shell("printf '\\377\\377\\377\\377' >&3; exec 3>&-; exec sleep 60");
        let Some(FromWorker::Died(Death { how: told, .. })) = worker.events.recv().await else {
            panic!()
        };
        assert!(told.contains("SIGKILL") && told.contains("longer than"), "{told}");
    }

    #[tokio::test]
    async fn one_that_takes_too_much_memory_is_killed() {
        // The shell holds what it reads: 32 MB.
        let script = "echo filling >&2; x=$(head -c 32000000 /dev/zero | tr '\\0' x); sleep 60";
        let mut spawner = spawner(script);
        spawner.upkeep.memory_bytes = 16_000_000;
        let mut worker = spawner.spawn().unwrap();
        let Some(FromWorker::Died(told)) = worker.events.recv().await else { panic!() };
        assert_eq!(told.kind, Kind::Leaked);
        let said = told.how.ends_with("16000000 are allowed; last words: filling");
        assert!(said, "{told:?}");
    }

    #[tokio::test]
    async fn letting_go_kills_the_worker_and_tells_its_last_words() {
        let mut worker = shell("echo 'waits for the driver' >&2; printf x >&3; exec sleep 60");
        // One byte is no frame, so that it stays with us until it is let go.
        let silent = tokio::time::timeout(Duration::from_millis(50), worker.events.recv());
        assert!(silent.await.is_err());
        let Ok(Some(told)) = worker.end(Duration::from_secs(20)).await else { panic!() };
        assert!(told.how.contains("SIGKILL"), "{told:?}");
        assert!(told.how.ends_with("last words: waits for the driver"), "{told:?}");
    }

    #[tokio::test]
    async fn one_that_has_ended_is_not_waited_for() {
        let mut worker = shell("exit 3");
        assert!(matches!(worker.events.recv().await, Some(FromWorker::Died(_))));
        assert_eq!(worker.end(Duration::from_secs(20)).await, Ok(None));
    }

    #[tokio::test]
    async fn the_environment_is_cut_down() {
        let passes = FABRIC.passes;
        assert!(passes("FI_LOG_LEVEL") && !passes("AWS_SECRET_ACCESS_KEY"));
        assert!(!passes("FI_PROVIDER") && !passes("NOTIFY_SOCKET") && !passes("LISTEN_FDS"));
        let mut worker = shell("echo \"[$NOTIFY_SOCKET$HOME]\" >&2; exit 3");
        let Some(FromWorker::Died(Death { how: told, .. })) = worker.events.recv().await else {
            panic!()
        };
        assert_eq!(told, "exit status: 3; last words: []");
    }
}
