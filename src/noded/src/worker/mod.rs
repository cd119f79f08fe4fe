//! The daemon's side of the processes that call what may abort or hang:
//! libfabric, and NVIDIA's library. Each lives in a child, and the child's end
//! is an event here, with its last words.

pub mod child;
mod death;
pub mod frame;
mod memory;
mod process;
pub mod sandbox;

pub use death::{Death, Deaths, Kind};
pub use process::{ProcessSpawner, Upkeep, passes_to_all};

use nixl_fabric::protocol::{Command, Event};
use std::io;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_util::sync::DropGuard;

/// What comes from a worker; `Died` is the last.
#[derive(Debug, PartialEq)]
pub enum FromWorker<E = Event> {
    /// It said this.
    Event(E),
    /// It ended.
    Died(Death),
}

/// A running worker that takes `C` and says `E`, the fabric's unless named;
/// dropping it kills it.
pub struct Worker<C = Command, E = Event> {
    /// Not bounded: a worker that does not read is killed within seconds, and
    /// no more than heartbeats can pile up until then.
    pub commands: mpsc::UnboundedSender<C>,
    /// What it says.
    pub events: mpsc::Receiver<FromWorker<E>>,
    /// Kills it when dropped.
    pub guard: Option<DropGuard>,
}

/// The kernel keeps it: a driver it called does not come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it cannot be killed, the kernel still holds it")]
pub struct NotGone;

impl<C, E> Worker<C, E> {
    /// Kills it unless it has ended, and waits until nothing of it is left: how
    /// it ended, unless that was told before.
    ///
    /// # Errors
    /// If it is still there after `patience`.
    pub async fn end(&mut self, patience: Duration) -> Result<Option<Death>, NotGone> {
        self.guard = None;
        let gone = async {
            while let Some(said) = self.events.recv().await {
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
pub trait Spawner<C = Command, E = Event>: Send + Sync {
    /// Starts one.
    ///
    /// # Errors
    /// If no process can be made.
    fn spawn(&self) -> io::Result<Worker<C, E>>;
}
