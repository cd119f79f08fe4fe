//! The registry over EC2 tags.
//!
//! Members carry the same `nixl:cluster` tag, come from the same RunInstances
//! and are not on their way out.

use super::{Registry, RegistryError};
use crate::events::{self, Peer};
use nixl_aws::ec2::{Ec2, Filter, Instance};
use nixl_aws::{AwsError, Tag};
use nixl_cluster::{ClusterName, RecordError, pair_id, tag};
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
        let others = found.iter().filter(|other| other.id != self.instance_id);
        Ok(others.map(|other| self.member(other)).collect())
    }
}

impl Ec2Registry {
    fn member(&self, instance: &Instance) -> Member {
        Member {
            instance_id: instance.id.clone(),
            rank: instance.launch_index,
            identity: self.record(instance, tag::IDENTITY),
            endpoint: self.record(instance, tag::ENDPOINT),
        }
    }

    /// A record that does not parse counts as not there yet: the other node may
    /// run a newer release, and will be told apart by name in the log.
    fn record<T: FromStr<Err = RecordError>>(&self, instance: &Instance, key: &str) -> Option<T> {
        let parsed = Tag::find(&instance.tags, key)?.parse();
        parsed
            .inspect_err(|error| {
                let pair_id = pair_id(&self.cluster, &self.instance_id, &instance.id);
                let (id, rank) = (Some(instance.id.as_str()), instance.launch_index);
                events::tag_unusable(Peer { id, rank, pair_id: Some(&pair_id) }, key, error);
            })
            .ok()
    }
}

fn failed(error: &AwsError) -> RegistryError {
    RegistryError { denied: error.is(DENIED), message: error.to_string() }
}

#[cfg(test)]
mod tests;
