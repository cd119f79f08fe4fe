//! The nodes' role and instance profile: made once, used by every launch.

use super::Engine;
use crate::errors;
use crate::failure::Problem;
use crate::plan::{
    Artifacts, Facts, NODE_POLICY, is_ours, node_policy, owner_tags, ssm_core_policy_arn,
    trust_policy,
};
use nixl_aws::{AwsError, Tag};
use serde_json::Value;

/// IAM does not show its own changes at once.
pub(super) fn not_there_yet(error: &AwsError) -> bool {
    error.is(&["NoSuchEntity", "NoSuchEntityException"]) || errors::passes(error)
}

impl Engine<'_> {
    /// Makes sure of both, in two rounds: role and profile, then what is in them.
    pub(super) async fn node_role(
        &self,
        facts: &Facts,
        tracking_arn: Option<&str>,
        artifacts: Option<&Artifacts>,
    ) -> Result<(), Problem> {
        let iam = &self.services.iam;
        let name = self.cluster.node_role(&self.region);
        let tags = owner_tags(&self.cluster);
        let (role, full) = tokio::join!(
            async {
                match &facts.node_role {
                    Some(_) => Ok(()),
                    None => {
                        self.role(&name, &trust_policy("ec2.amazonaws.com"), &tags).await.map(drop)
                    }
                }
            },
            self.node_profile(facts, &name, &tags),
        );
        role?;
        let full = full?;

        let policy = node_policy(&self.region, tracking_arn, artifacts);
        let there = facts.node_policy.as_deref().and_then(|text| serde_json::from_str(text).ok());
        let (written, attached, added) = tokio::join!(
            async {
                if there.is_some_and(|there: Value| there == policy) {
                    return Ok(());
                }
                self.inline_policy(&name, NODE_POLICY, &policy).await
            },
            async {
                let arn = ssm_core_policy_arn(&self.region);
                if facts.node_managed_policies.contains(&arn) {
                    return Ok(());
                }
                let call = async || iam.attach_role_policy(&name, &arn).await;
                self.pace.patiently(self.pace.consistency, not_there_yet, call).await
            },
            async {
                if full {
                    return Ok(());
                }
                let call = async || iam.add_role_to_instance_profile(&name, &name).await;
                match self.pace.patiently(self.pace.consistency, not_there_yet, call).await {
                    // A lost answer was repeated: EC2 allows one role.
                    Err(error) if error.is(&["LimitExceeded", "LimitExceededException"]) => {
                        let profile = iam.instance_profile(&name).await?;
                        let ours = profile.is_some_and(|it| it.roles.contains(&name));
                        if ours { Ok(()) } else { Err(error) }
                    }
                    other => other,
                }
            },
        );
        written?;
        attached?;
        Ok(added?)
    }

    /// Makes sure of the profile; whether the role is in it.
    async fn node_profile(&self, facts: &Facts, name: &str, tags: &[Tag]) -> Result<bool, Problem> {
        let iam = &self.services.iam;
        if let Some(profile) = &facts.node_profile {
            return Ok(profile.roles.iter().any(|role| role == name));
        }
        match iam.create_instance_profile(name, tags).await {
            Ok(_) => {
                self.progress.told(&format!("instance profile {name} made"));
                Ok(false)
            }
            Err(error) if errors::is(&error, errors::DUPLICATE) => {
                match iam.instance_profile(name).await? {
                    Some(profile) if is_ours(&self.cluster, &profile.tags) => {
                        Ok(profile.roles.iter().any(|role| role == name))
                    }
                    _ => Err(Problem::Foreign { kind: "instance profile", name: name.to_owned() }),
                }
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Writes an inline policy of a role that IAM may not show itself yet.
    pub(super) async fn inline_policy(
        &self,
        role: &str,
        policy: &str,
        document: &Value,
    ) -> nixl_aws::Result<()> {
        let text = document.to_string();
        let call = async || self.services.iam.put_role_policy(role, policy, &text).await;
        self.pace.patiently(self.pace.consistency, not_there_yet, call).await
    }

    /// Makes a role with this trust policy, or finds that it is ours.
    pub(super) async fn role(
        &self,
        name: &str,
        trust: &Value,
        tags: &[Tag],
    ) -> Result<String, Problem> {
        let iam = &self.services.iam;
        match iam.create_role(name, &trust.to_string(), tags).await {
            Ok(arn) => {
                self.progress.told(&format!("IAM role {name} made"));
                Ok(arn)
            }
            Err(error) if errors::is(&error, errors::DUPLICATE) => match iam.role(name).await? {
                Some(role) if is_ours(&self.cluster, &role.tags) => Ok(role.arn),
                _ => Err(Problem::Foreign { kind: "IAM role", name: name.to_owned() }),
            },
            Err(error) => Err(error.into()),
        }
    }
}
