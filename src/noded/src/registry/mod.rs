//! The cluster's notice board, as the engine sees it: write one's own tags,
//! read the others'.

mod ec2;

pub use ec2::Ec2Registry;

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

/// Where nodes publish themselves.
#[async_trait::async_trait]
pub trait Registry: Send + Sync {
    /// Writes these keys on this node's own instance, all in one call.
    async fn publish(&self, tags: &[(&'static str, String)]) -> Result<(), RegistryError>;
    /// Every other member of the cluster.
    async fn members(&self) -> Result<Vec<Member>, RegistryError>;
}
