//! IAM, as far as one role and one instance profile need it.
//!
//! Source of shapes and limits: IAM API reference 2010-05-08.

mod client;

pub use client::Client;

use crate::{Result, Tag};

/// A role.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Role {
    /// Name.
    pub name: String,
    /// ARN.
    pub arn: String,
    /// Tags.
    pub tags: Vec<Tag>,
}

/// An instance profile.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InstanceProfile {
    /// Name.
    pub name: String,
    /// ARN.
    pub arn: String,
    /// Names of the roles in it (EC2 allows one).
    pub roles: Vec<String>,
    /// Tags.
    pub tags: Vec<Tag>,
}

/// The calls. What is not there is `None` when asked for and `NoSuchEntity`
/// when deleted.
#[async_trait::async_trait]
pub trait Iam: Send + Sync {
    /// The role of this name.
    async fn role(&self, name: &str) -> Result<Option<Role>>;
    /// Names of all roles of the account.
    async fn role_names(&self) -> Result<Vec<String>>;
    /// Makes a role with this trust policy; its ARN.
    async fn create_role(&self, name: &str, trust_policy: &str, tags: &[Tag]) -> Result<String>;
    /// Adds tags to a role, replacing those of the same keys.
    async fn tag_role(&self, name: &str, tags: &[Tag]) -> Result<()>;
    /// Deletes a role that holds no policy and is in no profile.
    async fn delete_role(&self, name: &str) -> Result<()>;
    /// Writes an inline policy, replacing one of the same name.
    async fn put_role_policy(&self, role: &str, policy: &str, document: &str) -> Result<()>;
    /// Document of an inline policy, as JSON.
    async fn role_policy(&self, role: &str, policy: &str) -> Result<Option<String>>;
    /// Names of the role's inline policies.
    async fn role_policies(&self, role: &str) -> Result<Vec<String>>;
    /// Deletes an inline policy.
    async fn delete_role_policy(&self, role: &str, policy: &str) -> Result<()>;
    /// Attaches a managed policy; fine if it already is.
    async fn attach_role_policy(&self, role: &str, policy_arn: &str) -> Result<()>;
    /// ARNs of the role's managed policies.
    async fn attached_role_policies(&self, role: &str) -> Result<Vec<String>>;
    /// Detaches a managed policy.
    async fn detach_role_policy(&self, role: &str, policy_arn: &str) -> Result<()>;

    /// The instance profile of this name.
    async fn instance_profile(&self, name: &str) -> Result<Option<InstanceProfile>>;
    /// Makes an empty instance profile; its ARN.
    async fn create_instance_profile(&self, name: &str, tags: &[Tag]) -> Result<String>;
    /// Puts the role into the profile (`LimitExceeded` if one is in it).
    async fn add_role_to_instance_profile(&self, profile: &str, role: &str) -> Result<()>;
    /// Takes the role out of the profile.
    async fn remove_role_from_instance_profile(&self, profile: &str, role: &str) -> Result<()>;
    /// Deletes an empty instance profile.
    async fn delete_instance_profile(&self, name: &str) -> Result<()>;
}
