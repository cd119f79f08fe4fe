//! Asking the engine for a peer's health, from outside of its loop.

use nixl_cluster::PeerHealth;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, oneshot};

/// Longer than a question to a peer takes.
const PATIENCE: Duration = Duration::from_secs(4);
/// Who waits at the same time; more than that is no person.
const MOST: usize = 64;

/// Why there is no health of a peer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoHealth {
    /// Only a paired peer is asked.
    #[error("this node is not paired with {peer}: {why}")]
    NotPaired {
        /// The peer, as it was named.
        peer: String,
        /// What is known of it.
        why: String,
    },
    /// Nobody of this name is a peer.
    #[error("{peer} is no peer of this node; its peers are {known}")]
    Unknown {
        /// The peer, as it was named.
        peer: String,
        /// Those there are.
        known: String,
    },
    /// More than one peer, and none was named.
    #[error("this node has {count} peers: name one by `peer`, its instance id or rank")]
    Which {
        /// How many.
        count: usize,
    },
    /// It was asked and did not answer.
    #[error("{peer} did not answer: {why}")]
    Silent {
        /// Its instance id.
        peer: String,
        /// Why not.
        why: String,
    },
    /// No endpoint is open, or it was closed meanwhile.
    #[error("the fabric of this node is not open")]
    Closed,
    /// Too many ask.
    #[error("{MOST} requests wait for peers already")]
    Busy,
}

impl NoHealth {
    /// Stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotPaired { .. } | Self::Closed => "peer.not_paired",
            Self::Unknown { .. } => "peer.unknown",
            Self::Which { .. } => "peer.ambiguous",
            Self::Silent { .. } => "peer.silent",
            Self::Busy => "peer.busy",
        }
    }
}

/// One who waits.
pub(crate) struct Request {
    /// Instance id or rank; without it the only peer.
    pub peer: Option<String>,
    pub answer: oneshot::Sender<Result<PeerHealth, NoHealth>>,
}

/// The way to the engine; clones share it.
#[derive(Clone, Default)]
pub struct Peers(Arc<Shared>);

#[derive(Default)]
struct Shared {
    waiting: Mutex<Vec<Request>>,
    asked: Notify,
}

impl Peers {
    fn lock(&self) -> MutexGuard<'_, Vec<Request>> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks a peer, by instance id or rank, how it is.
    ///
    /// # Errors
    /// If it cannot be asked or does not answer.
    pub async fn health(&self, peer: Option<String>) -> Result<PeerHealth, NoHealth> {
        let (answer, answered) = oneshot::channel();
        {
            let mut waiting = self.lock();
            waiting.retain(|request| !request.answer.is_closed());
            if waiting.len() >= MOST {
                return Err(NoHealth::Busy);
            }
            waiting.push(Request { peer, answer });
        }
        self.0.asked.notify_one();
        match tokio::time::timeout(PATIENCE, answered).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) | Err(_) => Err(NoHealth::Closed),
        }
    }

    /// Until somebody asks.
    pub(crate) async fn asked(&self) {
        self.0.asked.notified().await;
    }

    /// Who has asked since the last time.
    pub(crate) fn take(&self) -> Vec<Request> {
        std::mem::take(&mut *self.lock())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_waits_for_an_engine_that_goes_learns_that_the_fabric_is_closed() {
        let peers = Peers::default();
        let ask = |peers: Peers| tokio::spawn(async move { peers.health(None).await });
        let waiting: Vec<_> = (0..MOST).map(|_| ask(peers.clone())).collect();
        while peers.lock().len() < MOST {
            tokio::task::yield_now().await;
        }
        assert_eq!(peers.health(None).await, Err(NoHealth::Busy));
        drop(peers.take());
        for waiting in waiting {
            assert_eq!(waiting.await.unwrap(), Err(NoHealth::Closed));
        }
        // Who has given up does not count.
        let gone: Vec<_> = (0..MOST).map(|_| ask(peers.clone())).collect();
        while peers.lock().len() < MOST {
            tokio::task::yield_now().await;
        }
        for gone in gone {
            gone.abort();
            assert!(gone.await.is_err());
        }
        let last = ask(peers.clone());
        while peers.lock().len() != 1 {
            tokio::task::yield_now().await;
        }
        drop(peers.take());
        assert_eq!(last.await.unwrap(), Err(NoHealth::Closed));
    }
}
