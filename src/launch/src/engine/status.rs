//! `status`: what is there now.

use super::{Engine, now_secs};
use crate::failure::{Failure, Problem};
use crate::keys;
use crate::plan::{is_ours, live};
use crate::report::{Report, report};
use nixl_aws::Tag;
use nixl_aws::ec2::Filter;
use nixl_cluster::tag;

impl Engine<'_> {
    /// The cluster as it is.
    ///
    /// # Errors
    /// If there is none or it cannot be read.
    pub async fn status(&self) -> Result<Report, Failure> {
        let ec2 = &self.services.ec2;
        let ours = [Filter::tag(tag::CLUSTER, self.cluster.as_str())];
        let (mut instances, groups) =
            tokio::try_join!(ec2.describe_instances(&ours), ec2.describe_security_groups(&ours),)
                .map_err(Failure::unchanged)?;
        // Ended nodes are worth showing only while others live.
        if live(&instances).is_empty() {
            instances.retain(|node| node.state != "terminated");
        } else {
            let current = live(&instances)[0].reservation_id.clone();
            instances.retain(|node| node.reservation_id == current || node.state != "terminated");
        }
        if instances.is_empty() {
            let (cluster, region) = (self.cluster.to_string(), self.region.clone());
            return Err(Failure::unchanged(Problem::NoCluster { cluster, region }));
        }
        instances.sort_by_key(|node| node.launch_index);
        let told = instances.iter().find_map(|node| Tag::find(&node.tags, keys::TRACKING_ARN));
        let tracking = match told.and_then(|arn| arn.rsplit('/').next()) {
            Some(name) => self.tracking_report(name).await.map_err(Failure::unchanged)?,
            None => None,
        };
        let group = groups.into_iter().find(|group| is_ours(&self.cluster, &group.tags));
        let group = group.map(|group| group.id);
        Ok(report(&self.cluster, &self.region, &instances, group, tracking, now_secs()))
    }
}
