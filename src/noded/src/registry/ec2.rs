//! The registry over EC2 tags.
//!
//! Members carry the same `nixl:cluster` tag and are not on their way out; with
//! `membership = "launch"` they come from the same RunInstances as well.

use super::seats::{Registrant, Seats, Tagged, by_registration, by_tag};
use super::{Own, Registry, RegistryError, Roster, Standing};
use crate::events::{self, Peer};
use nixl_aws::ec2::{Ec2, Filter, Instance};
use nixl_aws::{AwsError, Tag};
use nixl_cluster::{ClaimRecord, ClusterName, Membership, RecordError, pair_id, tag};
use nixl_pairing::Member;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

/// Codes of a refusal by IAM (EC2 API reference, "Common client error codes").
const DENIED: &[&str] = &["UnauthorizedOperation", "AccessDenied", "AccessDeniedException"];

/// Reads and writes tags of one cluster.
pub struct Ec2Registry {
    ec2: Arc<dyn Ec2>,
    cluster: ClusterName,
    own: Own,
    /// What this node has claimed last: its own word is newer than EC2's.
    claimed: Mutex<Option<ClaimRecord>>,
}

impl Ec2Registry {
    /// The registry of this instance's cluster.
    #[must_use]
    pub fn new(ec2: Arc<dyn Ec2>, cluster: ClusterName, own: Own) -> Self {
        Self { ec2, cluster, own, claimed: Mutex::new(None) }
    }
}

#[async_trait::async_trait]
impl Registry for Ec2Registry {
    async fn publish(&self, tags: &[(&'static str, String)]) -> Result<(), RegistryError> {
        let claim = tags.iter().find(|(key, _)| *key == tag::CLAIM);
        let tags: Vec<Tag> =
            tags.iter().map(|(key, value)| Tag::new(*key, value.as_str())).collect();
        let own = std::slice::from_ref(&self.own.instance_id);
        self.ec2.create_tags(own, &tags).await.map_err(|error| failed(&error))?;
        if let Some(claim) = claim.and_then(|(_, value)| value.parse().ok()) {
            self.remember(claim);
        }
        Ok(())
    }

    async fn roster(&self) -> Result<Roster, RegistryError> {
        let mut filters = vec![
            Filter::tag(tag::CLUSTER, self.cluster.as_str()),
            Filter::new("instance-state-name", ["pending", "running"]),
        ];
        if self.own.membership.is_launch() {
            filters.push(Filter::new("reservation-id", [self.own.reservation_id.as_str()]));
        }
        let found = self.ec2.describe_instances(&filters).await.map_err(|error| failed(&error))?;
        Ok(match self.own.membership {
            Membership::Launch => {
                let others = found.iter().filter(|other| other.id != self.own.instance_id);
                Roster {
                    standing: Standing::Ranked(self.own.launch_index),
                    members: others.map(|other| self.member(other, other.launch_index)).collect(),
                }
            }
            Membership::Tag => self.tagged(&found),
            Membership::Registration => self.registered(&found),
        })
    }
}

impl Ec2Registry {
    fn tagged(&self, found: &[Instance]) -> Roster {
        let all: Vec<Tagged<'_>> = found
            .iter()
            .map(|of| Tagged {
                id: &of.id,
                launched_secs: launched_secs(of),
                rank: Tag::find(&of.tags, tag::RANK),
            })
            .collect();
        self.seated(by_tag(&all, &self.own.instance_id, self.own.size), found)
    }

    fn registered(&self, found: &[Instance]) -> Roster {
        let all: Vec<Registrant<'_>> = found
            .iter()
            .map(|of| Registrant {
                id: &of.id,
                launched_secs: launched_secs(of),
                claim: self.record(of, of.launch_index, tag::CLAIM),
            })
            .collect();
        let claimed = *self.claimed.lock().unwrap_or_else(PoisonError::into_inner);
        let now = u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap_or(0);
        let own = &self.own;
        let seats = by_registration(&all, &own.instance_id, own.size, claimed, now);
        let shown = all.iter().find(|of| of.id == own.instance_id).and_then(|of| of.claim);
        if let (Standing::Ranked(_), Some(claim)) = (&seats.standing, shown) {
            self.remember(claim);
        }
        self.seated(seats, found)
    }

    fn remember(&self, claim: ClaimRecord) {
        *self.claimed.lock().unwrap_or_else(PoisonError::into_inner) = Some(claim);
    }

    fn seated(&self, seats: Seats<'_>, found: &[Instance]) -> Roster {
        let holders = seats.holders.iter().filter(|(_, id)| **id != self.own.instance_id);
        let member = |(rank, id): (&u32, &&str)| {
            Some(self.member(found.iter().find(|of| of.id == **id)?, *rank))
        };
        Roster { standing: seats.standing, members: holders.filter_map(member).collect() }
    }

    fn member(&self, instance: &Instance, rank: u32) -> Member {
        Member {
            instance_id: instance.id.clone(),
            rank,
            identity: self.record(instance, rank, tag::IDENTITY),
            endpoint: self.record(instance, rank, tag::ENDPOINT),
        }
    }

    /// A record that does not parse counts as not there yet: the other node may
    /// run a newer release, and will be told apart by name in the log.
    fn record<T: FromStr<Err = RecordError>>(
        &self,
        instance: &Instance,
        rank: u32,
        key: &str,
    ) -> Option<T> {
        let parsed = Tag::find(&instance.tags, key)?.parse();
        parsed
            .inspect_err(|error| {
                let pair_id = pair_id(&self.cluster, &self.own.instance_id, &instance.id);
                let id = Some(instance.id.as_str());
                events::tag_unusable(Peer { id, rank, pair_id: Some(&pair_id) }, key, error);
            })
            .ok()
    }
}

/// One that EC2 does not tell counts as the last.
fn launched_secs(instance: &Instance) -> i64 {
    let told =
        instance.launch_time.as_deref().and_then(|time| time.parse::<jiff::Timestamp>().ok());
    told.map_or(i64::MAX, |time| time.as_second())
}

fn failed(error: &AwsError) -> RegistryError {
    RegistryError { denied: error.is(DENIED), message: error.to_string() }
}

#[cfg(test)]
mod tests;
