//! Which node is meant.

use crate::engine::remote::RemoteNode;
use crate::plan::ranked;
use crate::services::Services;
use nixl_aws::AwsError;
use nixl_aws::ec2::Filter;
use nixl_cluster::{ClusterName, tag};

/// How alike two names must be for one to be meant by the other.
const ALIKE: f64 = 0.7;

/// Why no node is meant.
#[derive(Debug, thiserror::Error)]
pub enum NoNode {
    /// A call failed.
    #[error("{0}")]
    Aws(#[from] AwsError),
    /// No cluster.
    #[error("no cluster {cluster} in {region}; `nixl-launch up` makes one")]
    NoCluster {
        /// Name.
        cluster: String,
        /// Region.
        region: String,
    },
    /// Nothing is called so.
    #[error("no node {asked}; {}there are {there}", .alike.as_ref().map(|it| format!("did you mean {it}? ")).unwrap_or_default())]
    Unknown {
        /// What was asked for.
        asked: String,
        /// What may be meant.
        alike: Option<String>,
        /// All nodes.
        there: String,
    },
    /// It does not run.
    #[error("{name} ({instance_id}) is {state}")]
    NotRunning {
        /// `Name`.
        name: String,
        /// Instance.
        instance_id: String,
        /// State.
        state: String,
    },
}

/// A node and its state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The node.
    pub node: RemoteNode,
    /// EC2's state.
    pub state: String,
}

/// The cluster's nodes by rank.
///
/// # Errors
/// If there is no cluster, or it cannot be read.
pub async fn all(
    services: &Services,
    cluster: &ClusterName,
    region: &str,
) -> Result<Vec<Found>, NoNode> {
    let ours = [Filter::tag(tag::CLUSTER, cluster.as_str())];
    let mut found: Vec<Found> = ranked(services.ec2.describe_instances(&ours).await?)
        .into_iter()
        .filter(|it| !matches!(it.state.as_str(), "terminated" | "shutting-down"))
        .map(|it| Found {
            node: RemoteNode {
                rank: it.launch_index,
                name: cluster.node(it.launch_index),
                instance_id: it.id,
            },
            state: it.state,
        })
        .collect();
    if found.is_empty() {
        let (cluster, region) = (cluster.to_string(), region.to_owned());
        return Err(NoNode::NoCluster { cluster, region });
    }
    found.sort_by(|a, b| a.node.cmp(&b.node));
    Ok(found)
}

/// The node of this name, rank or instance id.
///
/// # Errors
/// If there is none, or it does not run.
pub fn pick(nodes: &[Found], asked: &str) -> Result<RemoteNode, NoNode> {
    let fits = |it: &&Found| {
        let node = &it.node;
        node.name == asked || node.instance_id == asked || node.rank.to_string() == asked
    };
    let Some(found) = nodes.iter().find(fits) else {
        let named = |it: &Found| format!("{} (rank {})", it.node.name, it.node.rank);
        let there = nodes.iter().map(named).collect::<Vec<_>>().join(", ");
        return Err(NoNode::Unknown { asked: asked.to_owned(), alike: alike(nodes, asked), there });
    };
    if found.state != "running" {
        let RemoteNode { name, instance_id, .. } = found.node.clone();
        return Err(NoNode::NotRunning { name, instance_id, state: found.state.clone() });
    }
    Ok(found.node.clone())
}

/// These nodes, or all of them, by rank.
///
/// # Errors
/// If one is not there, or does not run.
pub fn pick_all(nodes: &[Found], asked: &[String]) -> Result<Vec<RemoteNode>, NoNode> {
    let mut picked = if asked.is_empty() {
        nodes.iter().map(|it| pick(nodes, &it.node.instance_id)).collect::<Result<Vec<_>, _>>()?
    } else {
        asked.iter().map(|asked| pick(nodes, asked)).collect::<Result<Vec<_>, _>>()?
    };
    picked.sort();
    picked.dedup();
    Ok(picked)
}

fn alike(nodes: &[Found], asked: &str) -> Option<String> {
    let names = nodes.iter().flat_map(|it| [&it.node.name, &it.node.instance_id]);
    names
        .map(|name| (strsim::jaro_winkler(name, asked), name))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> Vec<Found> {
        let found = |rank: u32, state: &str| Found {
            node: RemoteNode {
                rank,
                name: format!("nixl-node{}", rank + 1),
                instance_id: format!("i-000{rank}"),
            },
            state: state.to_owned(),
        };
        vec![found(0, "running"), found(1, "running"), found(2, "stopped")]
    }

    #[test]
    fn a_node_has_three_names() {
        for asked in ["nixl-node2", "1", "i-0001"] {
            assert_eq!(pick(&pair(), asked).unwrap().rank, 1, "{asked}");
        }
    }

    #[test]
    fn what_is_not_there_is_guessed() {
        let error = pick(&pair(), "nixl-nod2").unwrap_err().to_string();
        assert!(error.contains("did you mean nixl-node2?"), "{error}");
        let error = pick(&pair(), "7").unwrap_err().to_string();
        assert!(error.starts_with("no node 7; there are nixl-node1 (rank 0)"), "{error}");
        let error = pick(&pair(), "2").unwrap_err().to_string();
        assert_eq!(error, "nixl-node3 (i-0002) is stopped");
    }

    #[test]
    fn several_are_told_once_and_by_rank() {
        let asked = ["nixl-node2", "0", "i-0001"].map(str::to_owned);
        let ranks: Vec<u32> =
            pick_all(&pair(), &asked).unwrap().iter().map(|node| node.rank).collect();
        assert_eq!(ranks, [0, 1]);
    }
}
