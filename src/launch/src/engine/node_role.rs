//! The nodes' role and instance profile.

use super::Engine;
use crate::errors;
use crate::failure::Problem;
use crate::plan::{
    Facts, NODE_POLICY, is_ours, node_policy, owner_tags, ssm_core_policy_arn, trust_policy,
};
use nixl_aws::Tag;

impl Engine<'_> {
    /// Makes sure of both; the policy is written anew each time.
    pub(super) async fn node_role(
        &self,
        facts: &Facts,
        tracking_arn: Option<&str>,
    ) -> Result<(), Problem> {
        let iam = &self.services.iam;
        let name = self.cluster.node_role();
        let tags = owner_tags(&self.cluster);
        if facts.node_role.is_none() {
            self.role(&name, "ec2.amazonaws.com", &tags).await?;
        }
        let policy = node_policy(&self.region, tracking_arn).to_string();
        iam.put_role_policy(&name, NODE_POLICY, &policy).await?;
        iam.attach_role_policy(&name, &ssm_core_policy_arn(&self.region)).await?;

        let mut profile = facts.node_profile.clone();
        if profile.is_none() {
            match iam.create_instance_profile(&name, &tags).await {
                Ok(_) => self.progress.told(&format!("instance profile {name} made")),
                Err(error) if errors::is(&error, errors::DUPLICATE) => {
                    profile = iam.instance_profile(&name).await?;
                    if !profile.as_ref().is_some_and(|p| is_ours(&self.cluster, &p.tags)) {
                        return Err(Problem::Foreign { kind: "instance profile", name });
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
        if !profile.is_some_and(|profile| profile.roles.contains(&name)) {
            iam.add_role_to_instance_profile(&name, &name).await?;
        }
        Ok(())
    }

    /// Makes a role that one service may assume, or finds that it is ours.
    pub(super) async fn role(
        &self,
        name: &str,
        service: &str,
        tags: &[Tag],
    ) -> Result<String, Problem> {
        let iam = &self.services.iam;
        match iam.create_role(name, &trust_policy(service).to_string(), tags).await {
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
