//! The registry over EC2 tags.
//!
//! Members carry the same `nixl:cluster` tag, come from the same RunInstances
//! and are not on their way out.

use super::{Registry, RegistryError};
use nixl_aws::ec2::{Ec2, Filter, Instance};
use nixl_aws::{AwsError, Tag};
use nixl_cluster::{ClusterName, RecordError, tag};
use nixl_pairing::Member;
use std::str::FromStr;
use std::sync::Arc;

/// Codes of a refusal by IAM (EC2 API reference, "Common client error codes").
const DENIED: &[&str] = &["UnauthorizedOperation", "AccessDenied", "AccessDeniedException"];

/// Reads and writes tags of one cluster.
pub struct Ec2Registry {
    ec2: Arc<dyn Ec2>,
    cluster: ClusterName,
    instance_id: String,
    reservation_id: String,
}

impl Ec2Registry {
    /// The registry of this instance's cluster.
    #[must_use]
    pub fn new(
        ec2: Arc<dyn Ec2>,
        cluster: ClusterName,
        instance_id: String,
        reservation_id: String,
    ) -> Self {
        Self { ec2, cluster, instance_id, reservation_id }
    }
}

#[async_trait::async_trait]
impl Registry for Ec2Registry {
    async fn publish(&self, tags: &[(&'static str, String)]) -> Result<(), RegistryError> {
        let tags: Vec<Tag> =
            tags.iter().map(|(key, value)| Tag::new(*key, value.as_str())).collect();
        let own = std::slice::from_ref(&self.instance_id);
        self.ec2.create_tags(own, &tags).await.map_err(|error| failed(&error))
    }

    async fn members(&self) -> Result<Vec<Member>, RegistryError> {
        let filters = [
            Filter::tag(tag::CLUSTER, self.cluster.as_str()),
            Filter::new("reservation-id", [self.reservation_id.as_str()]),
            Filter::new("instance-state-name", ["pending", "running"]),
        ];
        let found = self.ec2.describe_instances(&filters).await.map_err(|error| failed(&error))?;
        Ok(found.iter().filter(|other| other.id != self.instance_id).map(member).collect())
    }
}

fn failed(error: &AwsError) -> RegistryError {
    RegistryError { denied: error.is(DENIED), message: error.to_string() }
}

fn member(instance: &Instance) -> Member {
    Member {
        instance_id: instance.id.clone(),
        rank: instance.launch_index,
        identity: record(instance, tag::IDENTITY),
        endpoint: record(instance, tag::ENDPOINT),
    }
}

/// A record that does not parse counts as not there yet: the other node may
/// run a newer release, and will be told apart by name in the log.
fn record<T: FromStr<Err = RecordError>>(instance: &Instance, key: &str) -> Option<T> {
    Tag::find(&instance.tags, key)?
        .parse()
        .inspect_err(|error| {
            tracing::warn!(peer_id = %instance.id, tag = key, %error, "peer's tag is not usable");
        })
        .ok()
}

#[cfg(test)]
mod tests;
