//! The role and instance profile of the build instance: one ready-made thing
//! over several IAM calls (API reference 2010-05-08).
//!
//! The role joins the profile last, so a profile that has its role is complete
//! and an interrupted run is finished by the next one.

use crate::{Aws, AwsError, ErrorKind, Result, Tag};
use aws_sdk_iam::types::Tag as IamTag;
use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

const SERVICE: &str = "iam";

/// What the build instance may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// Name of the role and of the profile.
    pub name: String,
    /// Description of the role.
    pub description: String,
    /// ARNs of managed policies.
    pub managed_policies: Vec<String>,
    /// Name of the inline policy.
    pub inline_name: String,
    /// Inline policy, JSON.
    pub inline_policy: String,
    /// Tags of role and profile.
    pub tags: Vec<Tag>,
}

/// Client for this one purpose.
#[derive(Debug, Clone)]
pub struct Client {
    sdk: aws_sdk_iam::Client,
}

impl Client {
    /// A client with the shared configuration.
    #[must_use]
    pub fn new(aws: &Aws) -> Self {
        Self { sdk: aws_sdk_iam::Client::new(aws.sdk()) }
    }

    /// Whether the profile exists and has its role.
    pub async fn is_complete(&self, name: &str) -> Result<bool> {
        match self
            .sdk
            .get_instance_profile()
            .instance_profile_name(name)
            .send()
            .await
            .map_err(failed("GetInstanceProfile"))
        {
            Ok(answer) => {
                Ok(answer.instance_profile().is_some_and(|profile| !profile.roles().is_empty()))
            }
            Err(error) if error.is(&["NoSuchEntity", "NoSuchEntityException"]) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Makes what is missing; `false` if it was complete already.
    pub async fn ensure(&self, profile: &Profile) -> Result<bool> {
        if self.is_complete(&profile.name).await? {
            return Ok(false);
        }
        let tags = profile
            .tags
            .iter()
            .map(|tag| IamTag::builder().key(&tag.key).value(&tag.value).build())
            .collect::<std::result::Result<Vec<_>, _>>()
            .map_err(|error| AwsError {
                service: SERVICE,
                operation: "CreateRole",
                kind: ErrorKind::Invalid,
                message: error.to_string(),
            })?;
        let created = self
            .sdk
            .create_role()
            .role_name(&profile.name)
            .description(&profile.description)
            .assume_role_policy_document(EC2_MAY_ASSUME)
            .set_tags(Some(tags.clone()))
            .send()
            .await
            .map(drop)
            .map_err(failed("CreateRole"));
        unless(created, &["EntityAlreadyExists", "EntityAlreadyExistsException"])?;
        for arn in &profile.managed_policies {
            self.sdk
                .attach_role_policy()
                .role_name(&profile.name)
                .policy_arn(arn)
                .send()
                .await
                .map_err(failed("AttachRolePolicy"))?;
        }
        self.sdk
            .put_role_policy()
            .role_name(&profile.name)
            .policy_name(&profile.inline_name)
            .policy_document(&profile.inline_policy)
            .send()
            .await
            .map_err(failed("PutRolePolicy"))?;
        let created = self
            .sdk
            .create_instance_profile()
            .instance_profile_name(&profile.name)
            .set_tags(Some(tags))
            .send()
            .await
            .map(drop)
            .map_err(failed("CreateInstanceProfile"));
        unless(created, &["EntityAlreadyExists", "EntityAlreadyExistsException"])?;
        let joined = self
            .sdk
            .add_role_to_instance_profile()
            .instance_profile_name(&profile.name)
            .role_name(&profile.name)
            .send()
            .await
            .map(drop)
            .map_err(failed("AddRoleToInstanceProfile"));
        // A profile takes one role: it came in between, from another run.
        unless(joined, &["LimitExceeded", "LimitExceededException"])?;
        Ok(true)
    }
}

/// Trust policy of every role an EC2 instance uses.
const EC2_MAY_ASSUME: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;

fn unless(result: Result<()>, fine: &[&str]) -> Result<()> {
    match result {
        Err(error) if error.is(fine) => Ok(()),
        result => result,
    }
}

fn failed<E>(operation: &'static str) -> impl Fn(SdkError<E, HttpResponse>) -> AwsError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    move |error| AwsError::from_sdk(SERVICE, operation, error)
}
