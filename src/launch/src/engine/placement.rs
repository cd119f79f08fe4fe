//! Cluster placement groups: one for each zone tried, because a group binds to
//! the zone of its first instance.

use super::Engine;
use crate::errors;
use crate::failure::Problem;
use crate::plan::{is_ours, owner_tags};
use nixl_aws::ec2::{Filter, PlacementGroup};
use std::collections::BTreeSet;

/// Whether a group can be launched into, now or in a moment.
fn is_usable(group: &PlacementGroup) -> bool {
    matches!(group.state.as_str(), "pending" | "available")
}

/// Names of those that can be launched into.
pub(super) fn usable(groups: &[PlacementGroup]) -> BTreeSet<String> {
    groups.iter().filter(|group| is_usable(group)).map(|group| group.name.clone()).collect()
}

impl Engine<'_> {
    /// Makes sure of a group, unless it is among those `known` to be there; its
    /// name if it was not. Creation is asynchronous, and a launch into a
    /// `pending` group is refused as if there was none: the launch waits for
    /// that, nobody asks before. One that is still being deleted is waited for.
    pub(super) async fn placement_group(
        &self,
        name: Option<&str>,
        known: &BTreeSet<String>,
    ) -> Result<Option<String>, Problem> {
        let Some(name) = name.filter(|name| !known.contains(*name)) else { return Ok(None) };
        let tags = owner_tags(&self.cluster);
        let call = async || self.services.ec2.create_placement_group(name, &tags).await;
        let start = self.pace.clock.now();
        loop {
            match self.pace.patiently(self.pace.consistency, errors::passes, call).await {
                Ok(()) => {
                    self.progress.told(&format!("placement group {name} made"));
                    return Ok(Some(name.to_owned()));
                }
                Err(error) if errors::is(&error, errors::DUPLICATE) => {}
                Err(error) => return Err(error.into()),
            }
            match self.find_placement_group(name).await? {
                Some(group) if !is_ours(&self.cluster, &group.tags) => {
                    let name = name.to_owned();
                    return Err(Problem::Foreign { kind: "placement group", name });
                }
                Some(group) if is_usable(&group) => return Ok(Some(name.to_owned())),
                // It is going, gone since, or not shown yet.
                _ => {}
            }
            let waited = self.pace.clock.since(start);
            if waited >= self.pace.removal {
                let missing = vec![format!("placement group {name} is neither there nor gone")];
                return Err(Problem::Timeout { secs: waited.as_secs(), missing });
            }
            self.rest(self.pace.poll).await?;
        }
    }

    /// A group that EC2 says is there, if it shows it.
    async fn find_placement_group(&self, name: &str) -> Result<Option<PlacementGroup>, Problem> {
        let named = [Filter::new("group-name", [name])];
        match self.services.ec2.describe_placement_groups(&named).await {
            Err(error) if errors::is(&error, errors::GONE) => Ok(None),
            groups => Ok(groups?.into_iter().next()),
        }
    }

    /// Deletes the groups that no node is in. One that does not go at once costs
    /// nothing and goes with `down`: nobody waits for it.
    pub(super) async fn tidy_placement_groups(
        &self,
        there: &BTreeSet<String>,
        used: Option<&String>,
    ) {
        let unused = there.iter().filter(|name| Some(*name) != used);
        let ec2 = &self.services.ec2;
        let removed =
            unused.map(async |name| (name, self.removed(ec2.delete_placement_group(name).await)));
        for (name, removed) in futures_util::future::join_all(removed).await {
            if let Err(error) = removed {
                self.progress.told(&format!("placement group {name} stays for now: {error}"));
            }
        }
    }

    /// Deletes a group, as soon as nothing uses it.
    pub(super) async fn delete_placement_group(&self, name: &str) -> nixl_aws::Result<()> {
        let call = async || self.services.ec2.delete_placement_group(name).await;
        self.removed(self.pace.patiently(self.pace.removal, super::down::later, call).await)
    }
}
