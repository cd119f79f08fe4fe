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
use std::time::Duration;
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

/// The kernel keeps it: a driver it called does not come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it cannot be killed, the kernel still holds it")]
pub struct NotGone;

impl Worker {
    /// Kills it unless it has ended, and waits until nothing of it is left: how
    /// it ended, unless that was told before.
    ///
    /// # Errors
    /// If it is still there after `patience`.
    pub async fn end(self, patience: Duration) -> Result<Option<Death>, NotGone> {
        let Self { commands: _commands, mut events, guard } = self;
        drop(guard);
        let gone = async {
            while let Some(said) = events.recv().await {
                if let FromWorker::Died(death) = said {
                    return Some(death);
                }
            }
            None
        };
        tokio::time::timeout(patience, gone).await.map_err(|_| NotGone)
    }
}

/// Starts workers.
pub trait Spawner: Send + Sync {
    /// Starts one.
    ///
    /// # Errors
    /// If no process can be made.
    fn spawn(&self) -> io::Result<Worker>;
}
