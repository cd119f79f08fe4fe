//! What the nodes know of their links, asked through SSM.

use super::Engine;
use super::remote::RemoteNode;
use crate::node_says::{self, NodeSays, Part};
use nixl_aws::Result;
use nixl_aws::ec2::Instance;

/// What each node said, or why it said nothing, by rank.
pub(super) type Told = Vec<(u32, std::result::Result<NodeSays, String>)>;

impl Engine<'_> {
    /// What these nodes know of their links now.
    pub(super) async fn links(&self, nodes: &[Instance]) -> Result<Told> {
        self.ask(nodes, &[Part::Link]).await
    }

    /// Asks nodes of themselves; all at once.
    pub(super) async fn ask(&self, nodes: &[Instance], parts: &[Part]) -> Result<Told> {
        let nodes: Vec<RemoteNode> = nodes.iter().map(|node| self.remote(node)).collect();
        let told =
            node_says::ask(self.services.ssm.as_ref(), &nodes, parts, self.pace.poll).await?;
        Ok(told.into_iter().map(|(node, says)| (node.rank, says)).collect())
    }

    fn remote(&self, node: &Instance) -> RemoteNode {
        RemoteNode {
            rank: node.launch_index,
            name: self.cluster.node(node.launch_index),
            instance_id: node.id.clone(),
        }
    }
}
