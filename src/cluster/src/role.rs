//! Who is paired with whom: every node with every other one, or those that
//! prefill with those that decode.

use crate::Roles;
use std::fmt;

/// Role of a node where roles differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Computes the KV cache of a prompt and sends it.
    Prefill,
    /// Receives it and goes on from there.
    Decode,
}

impl Role {
    /// Name in the tag `nixl:role` and in `/health`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Prefill => "prefill",
            Self::Decode => "decode",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The nodes of a cluster and how roles are dealt out among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// Nodes.
    pub size: u32,
    /// How many of them prefill, those with the lowest ranks; the others
    /// decode. `None` where roles do not differ.
    pub prefill: Option<u32>,
}

/// A layout that leaves a role without a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is {prefill}; of {size} nodes, 1 to {} can prefill, the others decode", size.saturating_sub(1))]
pub struct LayoutError {
    /// Nodes.
    pub size: u32,
    /// Nodes that should prefill.
    pub prefill: u32,
}

impl Layout {
    /// Whether each role has a node.
    ///
    /// # Errors
    /// If one has none.
    pub fn check(self) -> Result<(), LayoutError> {
        match self.prefill {
            Some(prefill) if prefill == 0 || prefill >= self.size => {
                Err(LayoutError { size: self.size, prefill })
            }
            _ => Ok(()),
        }
    }

    /// Role of the node with this rank; `None` where roles do not differ.
    #[must_use]
    pub fn role(self, rank: u32) -> Option<Role> {
        let prefill = self.prefill?;
        Some(if rank < prefill { Role::Prefill } else { Role::Decode })
    }

    /// How many nodes have which role; `None` where roles do not differ.
    #[must_use]
    pub fn roles(self) -> Option<Roles> {
        let prefill = self.prefill?;
        Some(Roles { prefill, decode: self.size.saturating_sub(prefill) })
    }

    /// Ranks of the peers of the node with this rank.
    pub fn peers(self, rank: u32) -> impl Iterator<Item = u32> {
        let is_peer = move |other: &u32| {
            *other != rank && self.role(*other).is_none_or(|role| Some(role) != self.role(rank))
        };
        (0..self.size).filter(is_peer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peers(size: u32, prefill: Option<u32>, rank: u32) -> Vec<u32> {
        Layout { size, prefill }.peers(rank).collect()
    }

    #[test]
    fn without_roles_every_other_node_is_a_peer() {
        assert_eq!(peers(4, None, 1), [0, 2, 3]);
        assert_eq!(Layout { size: 4, prefill: None }.role(1), None);
    }

    #[test]
    fn with_roles_those_of_the_other_role_are() {
        assert_eq!(peers(5, Some(2), 1), [2, 3, 4]);
        assert_eq!(peers(5, Some(2), 2), [0, 1]);
        let layout = Layout { size: 5, prefill: Some(2) };
        assert_eq!((layout.role(1), layout.role(2)), (Some(Role::Prefill), Some(Role::Decode)));
    }

    #[test]
    fn a_role_without_a_node_is_refused() {
        for (prefill, good) in [(0, false), (1, true), (4, true), (5, false), (9, false)] {
            let checked = Layout { size: 5, prefill: Some(prefill) }.check();
            assert_eq!(checked.is_ok(), good, "{prefill}");
        }
        let error = Layout { size: 5, prefill: Some(0) }.check().unwrap_err();
        assert_eq!(error.to_string(), "is 0; of 5 nodes, 1 to 4 can prefill, the others decode");
    }
}
