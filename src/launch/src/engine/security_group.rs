//! The fabric's security group: all traffic with itself, both ways, and the
//! record of launches in its tags.

use super::Engine;
use crate::errors::{self, Launch};
use crate::failure::Problem;
use crate::keys;
use crate::plan::{Plan, is_ours, owner_tags};
use nixl_aws::ec2::{Filter, SecurityGroup};
use nixl_aws::{AwsError, Tag};
use uuid::Uuid;

/// The group as the launch needs it.
#[derive(Debug, Clone)]
pub(super) struct Group {
    /// `sg-…`
    pub id: String,
    /// Current generation.
    pub generation: String,
    /// Key (`Attempt::key`) and token of the launch that may be in flight.
    pub attempt: Option<(String, String)>,
}

/// Key and token of the launch recorded on a group.
pub(super) fn attempt_of(tags: &[Tag]) -> Option<(String, String)> {
    let (key, token) = Tag::find(tags, keys::ATTEMPT)?.rsplit_once('/')?;
    Some((key.to_owned(), token.to_owned()))
}

fn new_generation() -> String {
    Uuid::new_v4().simple().to_string()
}

fn not_shown_yet(error: &AwsError) -> bool {
    errors::launch(error) == Launch::AwaitConsistency
}

impl Engine<'_> {
    /// Makes sure of the group, its two rules and its generation.
    pub(super) async fn security_group(&self, plan: &Plan) -> Result<Group, Problem> {
        let found = match plan.security_group.clone() {
            Some(group) => group,
            None => self.make_group(&plan.vpc_id).await?,
        };
        let ec2 = &self.services.ec2;
        let patience = self.pace.consistency;
        let duplicate_is_fine = |answer: nixl_aws::Result<()>| match answer {
            Err(error) if errors::is(&error, errors::DUPLICATE) => Ok(()),
            other => other,
        };
        let (ingress, egress) = tokio::join!(
            async {
                if found.self_ingress {
                    return Ok(());
                }
                let call = async || ec2.authorize_self_ingress(&found.id).await;
                duplicate_is_fine(self.pace.patiently(patience, not_shown_yet, call).await)
            },
            async {
                if found.self_egress {
                    return Ok(());
                }
                let call = async || ec2.authorize_self_egress(&found.id).await;
                duplicate_is_fine(self.pace.patiently(patience, not_shown_yet, call).await)
            },
        );
        ingress?;
        egress?;
        let mut group = Group {
            attempt: attempt_of(&found.tags),
            generation: Tag::find(&found.tags, keys::GENERATION).unwrap_or_default().to_owned(),
            id: found.id,
        };
        if group.generation.is_empty() {
            self.renew_generation(&mut group).await?;
        }
        Ok(group)
    }

    async fn make_group(&self, vpc_id: &str) -> Result<SecurityGroup, Problem> {
        let ec2 = &self.services.ec2;
        let name = self.cluster.security_group();
        let mut tags = owner_tags(&self.cluster);
        tags.push(Tag::new(keys::GENERATION, new_generation()));
        let description = "Fabric of a nixl cluster: all traffic with itself, in both directions";
        match ec2.create_security_group(&name, description, vpc_id, &tags).await {
            Ok(id) => {
                self.progress.told(&format!("security group {id} made"));
                Ok(SecurityGroup { id, name, tags, ..Default::default() })
            }
            Err(error) if errors::is(&error, errors::DUPLICATE) => {
                let named = [Filter::new("group-name", [name.as_str()])];
                let groups = ec2.describe_security_groups(&named).await?;
                let group = groups.into_iter().find(|group| group.vpc_id == vpc_id);
                match group {
                    Some(group) if is_ours(&self.cluster, &group.tags) => Ok(group),
                    _ => Err(Problem::Foreign { kind: "security group", name }),
                }
            }
            Err(error) => Err(error.into()),
        }
    }

    /// A new generation, recorded before it is used.
    pub(super) async fn renew_generation(&self, group: &mut Group) -> Result<(), Problem> {
        let generation = new_generation();
        let tags =
            [Tag::new(keys::GENERATION, &generation), Tag::new(keys::ATTEMPT, keys::NO_ATTEMPT)];
        self.tag_group(group, &tags).await?;
        group.generation = generation;
        group.attempt = None;
        Ok(())
    }

    /// Records the launch that is about to be sent, or that none is open.
    pub(super) async fn record_attempt(
        &self,
        group: &mut Group,
        attempt: Option<(&str, &str)>,
    ) -> Result<(), Problem> {
        let attempt = attempt.map(|(key, token)| (key.to_owned(), token.to_owned()));
        if group.attempt == attempt {
            return Ok(());
        }
        let value = attempt
            .as_ref()
            .map_or_else(|| keys::NO_ATTEMPT.to_owned(), |(key, token)| format!("{key}/{token}"));
        self.tag_group(group, &[Tag::new(keys::ATTEMPT, value)]).await?;
        group.attempt = attempt;
        Ok(())
    }

    async fn tag_group(&self, group: &Group, tags: &[Tag]) -> Result<(), Problem> {
        let ids = [group.id.clone()];
        let call = async || self.services.ec2.create_tags(&ids, tags).await;
        Ok(self.pace.patiently(self.pace.consistency, not_shown_yet, call).await?)
    }
}
