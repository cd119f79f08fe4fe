//! What a peer's tags say that this node cannot be paired with: known before
//! any message, so none is sent.

use crate::LocalNode;
use crate::noise::Tags;
use nixl_cluster::Provider;
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
    /// Other providers of libfabric: an address of one means nothing to another.
    Provider {
        /// This node's.
        own: Provider,
        /// The peer's.
        peer: Provider,
    },
}

impl Mismatch {
    /// Between this node and what the peer has published.
    pub(crate) fn between(local: &LocalNode, peer: &Tags) -> Option<Self> {
        let roles = (local.identity.prefill, peer.identity.prefill);
        let providers = (local.endpoint.provider, peer.endpoint.provider);
        if roles.0 != roles.1 {
            Some(Self::Roles { own: roles.0, peer: roles.1 })
        } else if providers.0 != providers.1 {
            Some(Self::Provider { own: providers.0, peer: providers.1 })
        } else {
            None
        }
    }

    /// What it is told as.
    #[must_use]
    pub fn reason(self) -> &'static Reason {
        match self {
            Self::Roles { .. } => &reason::ROLE_DIFFERS,
            Self::Provider { .. } => &reason::PROVIDER_DIFFERS,
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
            Self::Provider { own, peer } => write!(f, "its provider is {peer}, this node's {own}"),
        }
    }
}
