//! The cluster's notice board, as the engine sees it: write one's own tags,
//! read the others'.

mod ec2;
mod seats;

pub use ec2::Ec2Registry;

use nixl_cluster::reason::Reason;
use nixl_cluster::{ClaimRecord, Membership};
use nixl_pairing::Member;

/// A failed write or read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct RegistryError {
    /// Refused by IAM: trying again soon is pointless.
    pub denied: bool,
    /// What was said.
    pub message: String,
}

/// What the cluster's tags say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roster {
    /// How this node stands.
    pub standing: Standing,
    /// Every other member of the cluster that has a rank.
    pub members: Vec<Member>,
}

/// How a node stands in its cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It has this rank.
    Ranked(u32),
    /// It has claimed this rank, which EC2 does not show yet.
    Claimed(u32),
    /// It goes on by publishing this.
    Claims(ClaimRecord),
    /// It has no rank, for this reason.
    Waits(&'static Reason, String),
    /// EC2 does not show this instance, or not with the tag of the cluster.
    Unseen,
}

impl Standing {
    /// Whether a node that has this rank keeps it.
    #[must_use]
    pub fn keeps(&self, rank: u32) -> bool {
        match self {
            Self::Ranked(told) | Self::Claimed(told) => *told == rank,
            Self::Claims(_) | Self::Waits(..) => false,
            Self::Unseen => true,
        }
    }
}

/// This node, and whom it takes for members.
#[derive(Debug, Clone)]
pub struct Own {
    /// Its instance id.
    pub instance_id: String,
    /// Its reservation, `r-…`.
    pub reservation_id: String,
    /// Its index in that.
    pub launch_index: u32,
    /// Who belongs to the cluster.
    pub membership: Membership,
    /// Nodes of the cluster.
    pub size: u32,
}

/// Where nodes publish themselves.
#[async_trait::async_trait]
pub trait Registry: Send + Sync {
    /// Writes these keys on this node's own instance, all in one call.
    async fn publish(&self, tags: &[(&'static str, String)]) -> Result<(), RegistryError>;
    /// This node's standing and the other members.
    async fn roster(&self) -> Result<Roster, RegistryError>;
}
