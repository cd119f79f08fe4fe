//! What differs from node to node, so that the launch itself cannot carry it.

use super::Engine;
use crate::errors::{self, Launch};
use crate::failure::Problem;
use crate::keys;
use crate::lifetime::End;
use nixl_aws::ec2::Instance;
use nixl_aws::{AwsError, Tag};
use nixl_cluster::{Layout, Role, tag};

impl Engine<'_> {
    /// `Name` of each node, its role where they differ and its end, unless they are
    /// there: all differ from launch to launch or node to node, so the launch itself
    /// cannot carry them.
    pub(super) async fn name_nodes(&self, nodes: &[Instance]) -> Result<(), Problem> {
        for node in nodes {
            let mut tags = vec![Tag::new(tag::NAME, self.cluster.node(node.launch_index))];
            tags.extend(role(node).map(|role| Tag::new(tag::ROLE, role.as_str())));
            tags.retain(|tag| !node.tags.contains(tag));
            if Tag::find(&node.tags, tag::EXPIRES_AT).is_none() {
                tags.extend(End::of(node)?.tag());
            }
            if tags.is_empty() {
                continue;
            }
            let ids = [node.id.clone()];
            let again = |error: &AwsError| {
                matches!(errors::launch(error), Launch::AwaitConsistency | Launch::Retry)
            };
            let call = async || self.services.ec2.create_tags(&ids, &tags).await;
            self.pace.patiently(self.pace.consistency, again, call).await?;
        }
        Ok(())
    }
}

/// What the node was told at its launch, whatever is asked now.
fn role(node: &Instance) -> Option<Role> {
    let told = |key| Tag::find(&node.tags, key)?.parse().ok();
    Layout { size: told(tag::SIZE)?, prefill: Some(told(keys::PREFILL)?) }.role(node.launch_index)
}
