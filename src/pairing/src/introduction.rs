//! What two nodes tell each other under seal once they are paired, since the
//! tags have no room for it: the release and the addresses of further rails.

use crate::LocalNode;
use nixl_cluster::reason::{self, Reason};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Longest release.
const MAX_RELEASE_BYTES: usize = 64;
/// Most rails beside rail 0. 31 are the most today: p5.48xlarge has 32 EFA
/// devices (EC2 User Guide, EFA).
const MAX_RAILS: usize = 48;
/// Longest address of a rail; EFA's has 32 bytes, `sockaddr_in6` 28.
const MAX_ADDRESS_BYTES: usize = 64;

/// What a node says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Introduction {
    release: String,
    rails: Vec<Vec<u8>>,
}

/// What a paired peer has otherwise than this node; pairing goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Skew {
    /// Another release of the daemon.
    Release {
        /// This node's.
        own: String,
        /// The peer's.
        peer: String,
    },
    /// Another number of rails, rail 0 included.
    Rails {
        /// This node's.
        own: usize,
        /// The peer's.
        peer: usize,
    },
}

impl Introduction {
    /// This node's, cut to what fits into one message.
    pub(crate) fn of(local: &LocalNode) -> Self {
        let fits = |address: &&Vec<u8>| is_address(address);
        Self {
            release: local.release.chars().take(MAX_RELEASE_BYTES).collect(),
            rails: local.rails.iter().take(MAX_RAILS).take_while(fits).cloned().collect(),
        }
    }

    /// Whether a peer may say this: it ends up in logs and in the fabric.
    pub(crate) fn is_sound(&self) -> bool {
        (1..=MAX_RELEASE_BYTES).contains(&self.release.len())
            && self.release.chars().all(|c| c.is_ascii_graphic())
            && self.rails.len() <= MAX_RAILS
            && self.rails.iter().all(|address| is_address(address))
    }

    /// Addresses of rails 1 and up.
    pub(crate) fn rails(&self) -> &[Vec<u8>] {
        &self.rails
    }

    /// In what the peer, who says this, differs from this node.
    pub(crate) fn skews(&self, local: &LocalNode) -> Vec<Skew> {
        let own = Self::of(local);
        let release = (own.release != self.release)
            .then(|| Skew::Release { own: own.release, peer: self.release.clone() });
        let (own, peer) = (own.rails.len() + 1, self.rails.len() + 1);
        let rails = (own != peer).then_some(Skew::Rails { own, peer });
        release.into_iter().chain(rails).collect()
    }
}

fn is_address(bytes: &[u8]) -> bool {
    (1..=MAX_ADDRESS_BYTES).contains(&bytes.len())
}

impl Skew {
    /// What it is told as.
    #[must_use]
    pub fn reason(&self) -> &'static Reason {
        match self {
            Self::Release { .. } => &reason::RELEASE_SKEW,
            Self::Rails { .. } => &reason::RAILS_DIFFER,
        }
    }
}

/// Both values, as a clause about the peer.
impl fmt::Display for Skew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Release { own, peer } => {
                write!(f, "its daemon is release {peer}, this node's {own}")
            }
            Self::Rails { own, peer } => write!(f, "it has {peer} rails, this node {own}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{HEADER_BYTES, MAX_MESSAGE_BYTES, Payload};
    use crate::noise::SEAL_BYTES;

    fn introduction(release: &str, rails: Vec<Vec<u8>>) -> Introduction {
        Introduction { release: release.to_owned(), rails }
    }

    #[test]
    fn the_longest_fits_into_a_message() {
        let longest = vec![vec![7; MAX_ADDRESS_BYTES]; MAX_RAILS];
        let longest = introduction(&"9".repeat(MAX_RELEASE_BYTES), longest);
        assert!(longest.is_sound());
        let payload = postcard::to_stdvec(&Payload::Introduction(longest)).unwrap();
        let bytes = HEADER_BYTES + payload.len() + SEAL_BYTES;
        assert!(bytes <= MAX_MESSAGE_BYTES, "{bytes}");
    }

    #[test]
    fn what_no_peer_of_ours_says_is_not_sound() {
        assert!(introduction("0.1.0-rc.1+a", vec![vec![1; MAX_ADDRESS_BYTES]]).is_sound());
        for bad in [
            introduction("", vec![]),
            introduction(&"9".repeat(MAX_RELEASE_BYTES + 1), vec![]),
            introduction("1.0\nroot", vec![]),
            introduction("1.0", vec![vec![1]; MAX_RAILS + 1]),
            introduction("1.0", vec![vec![1; MAX_ADDRESS_BYTES + 1]]),
            introduction("1.0", vec![vec![]]),
        ] {
            assert!(!bad.is_sound(), "{bad:?}");
        }
    }
}
