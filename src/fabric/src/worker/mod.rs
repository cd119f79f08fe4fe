//! The worker process: owns the endpoint, takes commands and tells events.
//!
//! Three threads: one reads commands and is the watchdog at the end, one
//! writes events, and the thread that called [`run`] owns libfabric.

mod engine;
mod events;
mod limit;
mod measure;
mod measuring;
mod outbox;
mod pace;
mod peers;
mod state;

use crate::FabricError;
use crate::codec::{self, CodecError};
use crate::protocol::{Command, Event};
use engine::Engine;
use events::Events;
use std::io::BufReader;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::Duration;

/// Environment the daemon must start a worker with. libfabric reads it before
/// the first call, so it cannot be set by the worker, which has threads.
pub const WORKER_ENV: &[(&str, &str)] = &[
    // No CUDA, ROCr …: a health daemon must not make GPU contexts.
    ("FI_HMEM", "system"),
    // "EFA" between two processes of one host would silently be shared memory.
    ("FI_EFA_ENABLE_SHM_TRANSFER", "0"),
    // The cache's memory hooks rewrite code pages, which the unit's
    // MemoryDenyWriteExecute= forbids.
    ("FI_EFA_MR_CACHE_ENABLE", "0"),
    ("FI_MR_CACHE_MONITOR", "disabled"),
    // libinfinipath, which Debian's libfabric links, would turn an abort into
    // an exit with code 1 after a page of addresses.
    ("IPATH_NO_BACKTRACE", "1"),
    // Huge pages belong to the application.
    ("FI_EFA_USE_HUGE_PAGE", "0"),
];

/// Environment that must not reach a worker.
pub const WORKER_ENV_REMOVED: &[&str] = &[
    // Aborts the process when the device cannot honour it.
    "FI_EFA_USE_DEVICE_RDMA",
    // Would hide the provider that was asked for.
    "FI_PROVIDER",
];

/// How long closing the endpoint may take; EFA's can hang for ever.
const CLOSE_DEADLINE: Duration = Duration::from_secs(2);
/// How long the daemon may leave an event unread before the worker gives it up.
const WRITE_DEADLINE: Duration = Duration::from_secs(5);

/// Why a worker ended other than by order.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// The endpoint could not be opened, or is of no use any more; the daemon
    /// has been told.
    #[error(transparent)]
    Fabric(#[from] FabricError),
    /// The daemon does not speak the protocol.
    #[error("commands: {0}")]
    Codec(#[from] CodecError),
    /// A thread or the socket could not be set up.
    #[error("worker set-up: {0}")]
    SetUp(#[from] std::io::Error),
}

/// Runs a worker over this socket until the daemon shuts it down or goes away.
///
/// This is a process's main: it asks to be killed with the thread that
/// started it (so start workers from a thread that lives as long as the
/// daemon), and ends the process itself when closing the endpoint hangs.
///
/// # Errors
/// [`WorkerError`]; what concerns the fabric has been told to the daemon.
pub fn run(socket: OwnedFd) -> Result<(), WorkerError> {
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))
        .map_err(std::io::Error::from)?;
    let socket = UnixStream::from(socket);
    socket.set_write_timeout(Some(WRITE_DEADLINE))?;
    let mut reading = BufReader::new(socket.try_clone()?);
    let mut writing = socket;

    let (to_engine, commands) = channel();
    thread::Builder::new().name("fabric-reader".to_owned()).spawn(move || {
        read_commands(&mut reading, &to_engine);
        // The engine may be stuck inside libfabric and never see the end.
        exit_after_deadline();
    })?;
    let (events, queued) = Events::new();
    let writer = thread::Builder::new()
        .name("fabric-writer".to_owned())
        .spawn(move || events::write_all(&queued, &mut writing))?;

    let mut engine = Engine::new(events);
    let ended = engine.run(&commands);
    thread::Builder::new().name("fabric-watchdog".to_owned()).spawn(exit_after_deadline)?;
    drop(engine);
    // The engine's events are dropped by now, so the writer empties the queue
    // and ends; its errors mean that the daemon has gone.
    if let Ok(Err(error)) = writer.join() {
        tracing::debug!(%error, "daemon stopped reading");
    }
    ended
}

/// Ends the process unless it has ended by then.
fn exit_after_deadline() {
    thread::sleep(CLOSE_DEADLINE);
    // SAFETY: ends the process at once; destructors are what may hang.
    unsafe { libc::_exit(1) }
}

/// What the reader hands to the engine.
#[derive(Debug)]
pub(crate) enum Input {
    /// A command.
    Command(Command),
    /// The daemon has closed the socket.
    Closed,
    /// The daemon sent something else.
    Broken(CodecError),
}

fn read_commands(stream: &mut impl std::io::Read, to_engine: &Sender<Input>) {
    loop {
        let input = match codec::read(stream) {
            Ok(Some(command)) => Input::Command(command),
            Ok(None) => Input::Closed,
            Err(error) => Input::Broken(error),
        };
        let last = !matches!(&input, Input::Command(command) if *command != Command::Shutdown);
        if to_engine.send(input).is_err() || last {
            return;
        }
    }
}

/// An error as an event.
pub(crate) fn fault(error: &FabricError) -> Event {
    let (errno, prov_errno) = error.numbers();
    Event::Fault { code: error.code().to_owned(), errno, prov_errno, message: error.to_string() }
}
