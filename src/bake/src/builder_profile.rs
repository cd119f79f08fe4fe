//! The role and instance profile of the build instance.
//!
//! The role joins the profile last, so one that is interrupted is not taken
//! for whole, and what is there already is compared with what is wanted: a
//! newer program may need another right.

use nixl_aws::iam::{Iam, InstanceProfile, Role};
use nixl_aws::{Result, Tag};
use nixl_cluster::tag;

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

/// How a profile stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Standing {
    /// As it is wanted.
    Complete,
    /// Something is not there, or not as it is wanted.
    #[default]
    Incomplete,
    /// Somebody else has the name.
    Foreign {
        /// `role` or `instance profile`.
        what: &'static str,
        /// Its ARN.
        arn: String,
    },
}

/// The build instance's profile.
#[async_trait::async_trait]
pub trait BuilderProfile: Send + Sync {
    /// How it stands; changes nothing.
    async fn standing(&self, profile: &Profile) -> Result<Standing>;
    /// Makes and mends what is not as it should be; how it stood before. One
    /// that is foreign stays as it is.
    async fn ensure(&self, profile: &Profile) -> Result<Standing>;
}

/// The profile as IAM keeps it.
pub struct InIam<I>(pub I);

/// What there is of a profile.
struct Found {
    role: Option<Role>,
    profile: Option<InstanceProfile>,
}

impl Found {
    /// A profile takes one role: with another in it, ours has no place.
    fn foreign(&self) -> Option<Standing> {
        let role = self.role.as_ref().filter(|role| !is_ours(&role.tags));
        let profile = self.profile.as_ref().filter(|profile| {
            !is_ours(&profile.tags) || profile.roles.iter().any(|role| *role != profile.name)
        });
        let (what, arn) = match (role, profile) {
            (Some(role), _) => ("role", &role.arn),
            (None, Some(profile)) => ("instance profile", &profile.arn),
            (None, None) => return None,
        };
        Some(Standing::Foreign { what, arn: arn.clone() })
    }

    fn has_its_role(&self) -> bool {
        self.profile.as_ref().is_some_and(|profile| !profile.roles.is_empty())
    }
}

/// A cluster may have our name; its roles say so.
pub(crate) fn is_ours(tags: &[Tag]) -> bool {
    Tag::find(tags, tag::VERSION).is_some() && Tag::find(tags, tag::CLUSTER).is_none()
}

impl<I: Iam> InIam<I> {
    async fn look(&self, name: &str) -> Result<Found> {
        let (role, profile) = tokio::try_join!(self.0.role(name), self.0.instance_profile(name))?;
        Ok(Found { role, profile })
    }

    async fn has_its_rights(&self, wanted: &Profile) -> Result<bool> {
        let (attached, inline) = tokio::try_join!(
            self.0.attached_role_policies(&wanted.name),
            self.0.role_policy(&wanted.name, &wanted.inline_name)
        )?;
        let same = |text: &String| {
            let json = |text: &str| serde_json::from_str::<serde_json::Value>(text).ok();
            json(text) == json(&wanted.inline_policy)
        };
        Ok(wanted.managed_policies.iter().all(|arn| attached.contains(arn))
            && inline.as_ref().is_some_and(same))
    }

    async fn compare(&self, found: &Found, wanted: &Profile) -> Result<Standing> {
        if let Some(foreign) = found.foreign() {
            return Ok(foreign);
        }
        let is_whole = found.role.is_some() && found.has_its_role();
        Ok(match is_whole && self.has_its_rights(wanted).await? {
            true => Standing::Complete,
            false => Standing::Incomplete,
        })
    }
}

#[async_trait::async_trait]
impl<I: Iam> BuilderProfile for InIam<I> {
    async fn standing(&self, profile: &Profile) -> Result<Standing> {
        self.compare(&self.look(&profile.name).await?, profile).await
    }

    async fn ensure(&self, profile: &Profile) -> Result<Standing> {
        let name = &profile.name;
        let mut found = self.look(name).await?;
        let before = self.compare(&found, profile).await?;
        if before != Standing::Incomplete {
            return Ok(before);
        }
        let mut raced = false;
        if found.role.is_none() {
            let made = self.0.create_role(name, EC2_MAY_ASSUME, &profile.tags).await;
            raced |= exists(made)?;
        }
        if found.profile.is_none() {
            raced |= exists(self.0.create_instance_profile(name, &profile.tags).await)?;
        }
        if raced {
            // Made in between, by another run of ours or by somebody else.
            found = self.look(name).await?;
            if let Some(foreign) = found.foreign() {
                return Ok(foreign);
            }
        }
        for arn in &profile.managed_policies {
            self.0.attach_role_policy(name, arn).await?;
        }
        self.0.put_role_policy(name, &profile.inline_name, &profile.inline_policy).await?;
        if !found.has_its_role() {
            match self.0.add_role_to_instance_profile(name, name).await {
                // A profile takes one role: it came in between, from another run.
                Err(error) if error.is(&["LimitExceeded", "LimitExceededException"]) => {}
                result => result?,
            }
        }
        Ok(before)
    }
}

/// Whether what was to be made is there already.
pub(crate) fn exists(made: Result<String>) -> Result<bool> {
    match made {
        Ok(_) => Ok(false),
        Err(error) if error.is(&["EntityAlreadyExists", "EntityAlreadyExistsException"]) => {
            Ok(true)
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
pub(crate) mod tests;
