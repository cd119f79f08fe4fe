//! Cluster placement groups: one for each zone tried, because a group binds to
//! the zone of its first instance.

use super::Engine;
use crate::errors;
use crate::failure::Problem;
use crate::plan::{is_ours, owner_tags};
use nixl_aws::ec2::{Filter, PlacementGroup};
use std::time::Instant;

impl Engine<'_> {
    /// Makes sure of a group and that it can be used: creation is asynchronous,
    /// and a launch into a `pending` group is refused.
    pub(super) async fn placement_group(&self, name: &str) -> Result<(), Problem> {
        let ec2 = &self.services.ec2;
        let name = name.to_owned();
        match ec2.create_placement_group(&name, &owner_tags(&self.cluster)).await {
            Ok(()) => self.progress.told(&format!("placement group {name} made")),
            Err(error) if errors::is(&error, errors::DUPLICATE) => {}
            Err(error) => return Err(error.into()),
        }
        let start = Instant::now();
        loop {
            match self.find_placement_group(&name).await? {
                Some(group) if !is_ours(&self.cluster, &group.tags) => {
                    return Err(Problem::Foreign { kind: "placement group", name });
                }
                Some(group) if group.state == "available" => return Ok(()),
                _ if start.elapsed() > self.pace.consistency => {
                    return Err(Problem::Timeout {
                        secs: start.elapsed().as_secs(),
                        missing: vec![format!("placement group {name} is not available")],
                    });
                }
                _ => tokio::time::sleep(self.pace.retry_first).await,
            }
        }
    }

    async fn find_placement_group(&self, name: &str) -> Result<Option<PlacementGroup>, Problem> {
        let named = [Filter::new("group-name", [name])];
        match self.services.ec2.describe_placement_groups(&named).await {
            Ok(groups) => Ok(groups.into_iter().next()),
            Err(error) if errors::is(&error, errors::GONE) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Deletes a group, as soon as nothing uses it.
    pub(super) async fn delete_placement_group(&self, name: &str) -> nixl_aws::Result<()> {
        let call = async || self.services.ec2.delete_placement_group(name).await;
        self.removed(self.pace.patiently(self.pace.removal, super::down::later, call).await)
    }
}
