//! Roles and instance profiles.

use crate::api::tags::Tags;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// A role.
#[derive(Debug, Clone)]
pub struct Role {
    /// Name.
    pub name: String,
    /// Path, `/` by default.
    pub path: String,
    /// `AROA…`
    pub id: String,
    /// ARN.
    pub arn: String,
    /// Trust policy.
    pub trust: Value,
    /// Creation time.
    pub created: String,
    /// Description.
    pub description: Option<String>,
    /// Longest session.
    pub max_session_secs: u32,
    /// Inline policies by name.
    pub inline: BTreeMap<String, Value>,
    /// ARNs of attached managed policies.
    pub attached: BTreeSet<String>,
    /// Tags.
    pub tags: Tags,
}

/// An instance profile.
#[derive(Debug, Clone)]
pub struct Profile {
    /// Name.
    pub name: String,
    /// Path.
    pub path: String,
    /// `AIPA…`
    pub id: String,
    /// ARN.
    pub arn: String,
    /// Creation time.
    pub created: String,
    /// Name of its role.
    pub role: Option<String>,
    /// Tags.
    pub tags: Tags,
}

/// All of IAM.
#[derive(Debug, Default)]
pub struct Iam {
    /// Roles by name.
    pub roles: BTreeMap<String, Role>,
    /// Profiles by name.
    pub profiles: BTreeMap<String, Profile>,
}

impl Iam {
    /// Every policy that says what the role may do.
    #[must_use]
    pub fn policies_of(&self, role_name: &str) -> Vec<Value> {
        let Some(role) = self.roles.get(role_name) else { return Vec::new() };
        let managed = role.attached.iter().filter_map(|arn| managed_policy(arn));
        role.inline.values().cloned().chain(managed).collect()
    }
}

/// AWS managed policies this region knows, cut down to the actions of services
/// it has (names and actions: AWS Managed Policy Reference Guide).
#[must_use]
pub fn managed_policy(arn: &str) -> Option<Value> {
    let actions: &[&str] = match arn.strip_prefix("arn:aws:iam::aws:policy/")? {
        "AmazonSSMManagedInstanceCore" => &["ssm:GetParameter", "ssm:GetParameters"],
        "EC2InstanceProfileForImageBuilder" => &["imagebuilder:GetComponent"],
        "AmazonEC2ReadOnlyAccess" => &["ec2:Describe*"],
        "AmazonS3ReadOnlyAccess" => &["s3:Get*", "s3:List*"],
        "AmazonS3FullAccess" => &["s3:*"],
        "AmazonSageMakerFullAccess" => &["sagemaker:*"],
        _ => return None,
    };
    Some(json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": actions, "Resource": "*"}
    ]}))
}
