//! `--nodes` and `--roles`: how many nodes, and what they do.

use clap::Args;
use nixl_cluster::{Layout, Roles};

/// Nodes unless it is said otherwise: the article's pair.
const DEFAULT_NODES: u32 = 2;

/// How many nodes, and what they do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Args)]
pub struct Nodes {
    /// Number of nodes, at least 2 [default: 2, or as many as `--roles` counts]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(2..))]
    pub nodes: Option<u32>,
    /// What they do, e.g. prefill=1,decode=3: dealt out by rank, and only nodes of
    /// different roles are paired [default: each node is paired with each]
    #[arg(long, value_name = "ROLE=N,…")]
    pub roles: Option<Roles>,
}

/// Roles for another number of nodes than there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("--roles {roles} counts {} nodes, --nodes says {nodes}", roles.size())]
pub struct RolesError {
    /// By `--roles`.
    pub roles: Roles,
    /// By `--nodes`.
    pub nodes: u32,
}

impl Nodes {
    /// Whether both flags say the same.
    ///
    /// # Errors
    /// If the roles are dealt out to more or fewer nodes than there are.
    pub fn check(self) -> Result<(), RolesError> {
        match (self.nodes, self.roles) {
            (Some(nodes), Some(roles)) if roles.size() != u64::from(nodes) => {
                Err(RolesError { roles, nodes })
            }
            _ => Ok(()),
        }
    }

    /// The nodes and how roles are dealt out among them, after `check` was good.
    #[must_use]
    pub fn layout(self) -> Layout {
        match self.roles {
            Some(roles) => roles.layout(),
            None => Layout { size: self.nodes.unwrap_or(DEFAULT_NODES), prefill: None },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes(nodes: Option<u32>, roles: Option<&str>) -> Nodes {
        Nodes { nodes, roles: roles.map(|roles| roles.parse().unwrap()) }
    }

    #[test]
    fn roles_count_the_nodes_and_must_agree_with_what_is_said() {
        let layout = |nodes: Nodes| (nodes.layout().size, nodes.layout().prefill);
        assert_eq!(layout(nodes(None, None)), (2, None));
        assert_eq!(layout(nodes(Some(4), None)), (4, None));
        assert_eq!(layout(nodes(None, Some("prefill=1,decode=3"))), (4, Some(1)));
        assert_eq!(nodes(Some(4), Some("decode=3,prefill=1")).check(), Ok(()));
        let error = nodes(Some(5), Some("prefill=1,decode=3")).check().unwrap_err();
        assert_eq!(error.to_string(), "--roles prefill=1,decode=3 counts 4 nodes, --nodes says 5");
    }
}
