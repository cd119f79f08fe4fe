//! Roles and instance profiles.

use crate::api::tags::Tags;
use jiff::Timestamp;
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
    /// The policies that are still in effect, and until when, after a change.
    pub before: Option<(Timestamp, Vec<Value>)>,
    /// Tags.
    pub tags: Tags,
}

impl Role {
    /// Every policy that says what the role may do now.
    #[must_use]
    pub fn policies(&self, now: Timestamp) -> Vec<Value> {
        match &self.before {
            Some((until, before)) if *until > now => before.clone(),
            _ => {
                let managed = self.attached.iter().filter_map(|arn| managed_policy(arn));
                self.inline.values().cloned().chain(managed).collect()
            }
        }
    }
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
    /// Launches see it from then on.
    pub visible: Timestamp,
    /// Name of its role.
    pub role: Option<String>,
    /// Launches see the role in it from then on.
    pub role_visible: Timestamp,
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
    /// Every policy that says what the role may do now.
    #[must_use]
    pub fn policies_of(&self, role_name: &str, now: Timestamp) -> Vec<Value> {
        self.roles.get(role_name).map(|role| role.policies(now)).unwrap_or_default()
    }

    /// The role of an ARN.
    #[must_use]
    pub fn role_of(&self, arn: &str) -> Option<&Role> {
        self.roles.values().find(|role| role.arn == arn)
    }
}

/// AWS managed policies this region knows, cut down to the actions of services
/// it has (names and actions: AWS Managed Policy Reference Guide).
#[must_use]
pub fn managed_policy(arn: &str) -> Option<Value> {
    let actions: &[&str] = match arn.strip_prefix("arn:aws:iam::aws:policy/")? {
        "AmazonSSMManagedInstanceCore" => &[
            "ssm:GetParameter",
            "ssm:GetParameters",
            "ssm:UpdateInstanceInformation",
            "ssmmessages:CreateControlChannel",
            "ssmmessages:CreateDataChannel",
            "ssmmessages:OpenControlChannel",
            "ssmmessages:OpenDataChannel",
        ],
        "EC2ImageBuilderExecutionPolicy" => &["ec2:RunInstances"],
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
