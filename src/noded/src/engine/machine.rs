//! The pairing as the engine drives it; a trait so that tests can script it.

use nixl_pairing::{Input, LocalNode, Output, Pairing, PeerView};
use std::sync::Arc;
use std::time::Duration;

/// A state machine without I/O.
pub trait Machine: Send {
    /// Takes one input in.
    fn handle(&mut self, now: Duration, input: Input) -> Vec<Output>;
    /// Goodbye to every peer.
    fn bye(&mut self, now: Duration) -> Vec<Output>;
    /// When `Tick` is due, [`Duration::MAX`] when nothing is.
    fn deadline(&self) -> Duration;
    /// Every peer.
    fn peers(&self) -> Vec<PeerView>;
    /// Whether every peer is paired.
    fn all_paired(&self) -> bool;
}

impl Machine for Pairing {
    fn handle(&mut self, now: Duration, input: Input) -> Vec<Output> {
        Self::handle(self, now, input)
    }
    fn bye(&mut self, now: Duration) -> Vec<Output> {
        Self::bye(self, now)
    }
    fn deadline(&self) -> Duration {
        Self::deadline(self)
    }
    fn peers(&self) -> Vec<PeerView> {
        Self::peers(self)
    }
    fn all_paired(&self) -> bool {
        Self::all_paired(self)
    }
}

/// Makes a machine for a new incarnation.
pub type MachineMaker = Arc<dyn Fn(LocalNode, Duration) -> Box<dyn Machine> + Send + Sync>;

/// The real one.
#[must_use]
pub fn pairing() -> MachineMaker {
    Arc::new(|local, now| Box::new(Pairing::new(local, now)))
}
