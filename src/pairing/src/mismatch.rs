//! What a peer's tags say that this node cannot be paired with: known before
//! any message, so none is sent.

use crate::LocalNode;
use crate::noise::Tags;
use nixl_cluster::reason::{self, Reason};
use std::fmt;

/// Settings of two nodes that do not go together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mismatch {
    /// Roles are dealt out in different ways.
    Roles {
        /// How many nodes prefill, by this node's settings.
        own: Option<u32>,
        /// The same by the peer's.
        peer: Option<u32>,
    },
}

impl Mismatch {
    /// Between this node and what the peer has published.
    pub(crate) fn between(local: &LocalNode, peer: &Tags) -> Option<Self> {
        let (own, peer) = (local.identity.prefill, peer.identity.prefill);
        (own != peer).then_some(Self::Roles { own, peer })
    }

    /// What it is told as.
    #[must_use]
    pub fn reason(self) -> &'static Reason {
        match self {
            Self::Roles { .. } => &reason::ROLE_DIFFERS,
        }
    }
}

/// Both values, as a clause about the peer.
impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Roles { own, peer } => {
                let set = |prefill: &Option<u32>| {
                    prefill.map_or("no prefill".to_owned(), |count| format!("prefill = {count}"))
                };
                write!(f, "its settings say {}, this node's {}", set(peer), set(own))
            }
        }
    }
}
