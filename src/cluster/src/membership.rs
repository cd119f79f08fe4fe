//! Who belongs to a cluster, and how ranks are dealt out.

use serde::{Deserialize, Serialize};

/// Who belongs to a cluster, and how ranks are dealt out. In every way only
/// instances of this account with the same `nixl:cluster` tag do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Membership {
    /// The instances of one RunInstances; the rank is the launch index.
    #[default]
    Launch,
    /// Every instance of the cluster; the rank is what the tag `nixl:rank` says,
    /// which whoever launches the instance writes.
    Tag,
    /// Every instance of the cluster; ranks are dealt out in the order of launch
    /// once as many nodes as the cluster has are registered, see
    /// [`ClaimRecord`](crate::ClaimRecord).
    Registration,
}

impl Membership {
    /// Name in node.toml.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Launch => "launch",
            Self::Tag => "tag",
            Self::Registration => "registration",
        }
    }

    /// Whether it is the default, which need not be said.
    #[must_use]
    pub fn is_launch(&self) -> bool {
        *self == Self::Launch
    }
}

impl std::fmt::Display for Membership {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}
