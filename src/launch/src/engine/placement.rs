//! Cluster placement groups: one for each zone tried, because a group binds to
//! the zone of its first instance.

use super::Engine;
use crate::errors;
use crate::failure::Problem;
use crate::plan::{is_ours, owner_tags};
use nixl_aws::ec2::{Filter, PlacementGroup};
use std::collections::BTreeSet;

impl Engine<'_> {
    /// Makes sure of a group, unless it is among those `known` to be there; its
    /// name if it was not. Creation is asynchronous, and a launch into a
    /// `pending` group is refused as if there was none: the launch waits for
    /// that, nobody asks before.
    pub(super) async fn placement_group(
        &self,
        name: Option<&str>,
        known: &BTreeSet<String>,
    ) -> Result<Option<String>, Problem> {
        let Some(name) = name.filter(|name| !known.contains(*name)) else { return Ok(None) };
        let tags = owner_tags(&self.cluster);
        let call = async || self.services.ec2.create_placement_group(name, &tags).await;
        match self.pace.patiently(self.pace.consistency, errors::passes, call).await {
            Ok(()) => self.progress.told(&format!("placement group {name} made")),
            Err(error) if errors::is(&error, errors::DUPLICATE) => {
                let group = self.find_placement_group(name).await?;
                if !group.is_some_and(|group| is_ours(&self.cluster, &group.tags)) {
                    let name = name.to_owned();
                    return Err(Problem::Foreign { kind: "placement group", name });
                }
            }
            Err(error) => return Err(error.into()),
        }
        Ok(Some(name.to_owned()))
    }

    /// A group that EC2 says is there; it may take a moment to show it.
    async fn find_placement_group(&self, name: &str) -> Result<Option<PlacementGroup>, Problem> {
        let named = [Filter::new("group-name", [name])];
        let start = self.pace.clock.now();
        loop {
            let groups = match self.services.ec2.describe_placement_groups(&named).await {
                Err(error) if errors::is(&error, errors::GONE) => Vec::new(),
                groups => groups?,
            };
            if let Some(group) = groups.into_iter().next() {
                return Ok(Some(group));
            }
            if self.pace.clock.since(start) >= self.pace.consistency {
                return Ok(None);
            }
            self.pace.clock.sleep(self.pace.poll).await;
        }
    }

    /// Deletes a group, as soon as nothing uses it.
    pub(super) async fn delete_placement_group(&self, name: &str) -> nixl_aws::Result<()> {
        let call = async || self.services.ec2.delete_placement_group(name).await;
        self.removed(self.pace.patiently(self.pace.removal, super::down::later, call).await)
    }
}
