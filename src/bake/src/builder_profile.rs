//! The role and instance profile of the build instance.
//!
//! The role joins the profile last, so a profile that has its role is complete
//! and an interrupted run is finished by the next one.

use nixl_aws::iam::Iam;
use nixl_aws::{Result, Tag};

/// Trust policy of every role an EC2 instance uses.
const EC2_MAY_ASSUME: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;

/// What the build instance may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// Name of the role and of the profile.
    pub name: String,
    /// ARNs of managed policies.
    pub managed_policies: Vec<String>,
    /// Name of the inline policy.
    pub inline_name: String,
    /// Inline policy, JSON.
    pub inline_policy: String,
    /// Tags of role and profile.
    pub tags: Vec<Tag>,
}

/// The build instance's profile.
#[async_trait::async_trait]
pub trait BuilderProfile: Send + Sync {
    /// Whether it exists and is complete.
    async fn is_complete(&self, name: &str) -> Result<bool>;
    /// Makes what is missing; `false` if it was complete already.
    async fn ensure(&self, profile: &Profile) -> Result<bool>;
}

/// The profile as IAM keeps it.
pub struct InIam<I>(pub I);

#[async_trait::async_trait]
impl<I: Iam> BuilderProfile for InIam<I> {
    async fn is_complete(&self, name: &str) -> Result<bool> {
        Ok(self.0.instance_profile(name).await?.is_some_and(|profile| !profile.roles.is_empty()))
    }

    async fn ensure(&self, profile: &Profile) -> Result<bool> {
        if self.is_complete(&profile.name).await? {
            return Ok(false);
        }
        let name = &profile.name;
        unless(
            self.0.create_role(name, EC2_MAY_ASSUME, &profile.tags).await.map(drop),
            &["EntityAlreadyExists", "EntityAlreadyExistsException"],
        )?;
        for arn in &profile.managed_policies {
            self.0.attach_role_policy(name, arn).await?;
        }
        self.0.put_role_policy(name, &profile.inline_name, &profile.inline_policy).await?;
        unless(
            self.0.create_instance_profile(name, &profile.tags).await.map(drop),
            &["EntityAlreadyExists", "EntityAlreadyExistsException"],
        )?;
        // A profile takes one role: it came in between, from another run.
        unless(
            self.0.add_role_to_instance_profile(name, name).await,
            &["LimitExceeded", "LimitExceededException"],
        )?;
        Ok(true)
    }
}

fn unless(result: Result<()>, fine: &[&str]) -> Result<()> {
    match result {
        Err(error) if error.is(fine) => Ok(()),
        result => result,
    }
}
