//! The daemon's side of the process that owns the fabric.
//!
//! libfabric may abort or hang; so it lives in a child, and the child's end is
//! an event here, with its last words.

pub mod child;
mod death;
pub mod frame;
mod memory;
mod process;
pub mod sandbox;

pub use death::{Death, Deaths, Kind};
pub use process::ProcessSpawner;

use nixl_fabric::protocol::{Command, Event};
use std::io;
use tokio::sync::mpsc;
use tokio_util::sync::DropGuard;

/// What comes from a worker; `Died` is the last.
#[derive(Debug, PartialEq)]
pub enum FromWorker {
    /// It said this.
    Event(Event),
    /// It ended.
    Died(Death),
}

/// A running worker; dropping it kills it.
pub struct Worker {
    /// Not bounded: a worker that does not read is killed within seconds, and
    /// no more than heartbeats can pile up until then.
    pub commands: mpsc::UnboundedSender<Command>,
    /// What it says.
    pub events: mpsc::Receiver<FromWorker>,
    /// Kills it when dropped.
    pub guard: DropGuard,
}

/// Starts workers.
pub trait Spawner: Send + Sync {
    /// Starts one.
    ///
    /// # Errors
    /// If no process can be made.
    fn spawn(&self) -> io::Result<Worker>;
}
