//! [`Iam`] over aws-sdk-iam.

use super::{Iam, InstanceProfile, Role};
use crate::{Aws, AwsError, ErrorKind, Result, Tag};
use aws_sdk_iam::types as sdk;
use percent_encoding::percent_decode_str;

const SERVICE: &str = "iam";
const NOT_FOUND: &[&str] = &["NoSuchEntity", "NoSuchEntityException"];

/// The service.
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
}

/// Names the operation in an SDK error.
macro_rules! named {
    ($operation:literal, $call:expr) => {
        $call.map_err(|error| AwsError::from_sdk(SERVICE, $operation, error))
    };
}

fn incomplete(operation: &'static str) -> AwsError {
    AwsError {
        service: SERVICE,
        operation,
        kind: ErrorKind::Ambiguous,
        message: "the answer lacks what was made".to_owned(),
    }
}

fn to_sdk(operation: &'static str, tags: &[Tag]) -> Result<Vec<sdk::Tag>> {
    tags.iter()
        .map(|tag| {
            sdk::Tag::builder().key(&tag.key).value(&tag.value).build().map_err(|error| AwsError {
                service: SERVICE,
                operation,
                kind: ErrorKind::Invalid,
                message: error.to_string(),
            })
        })
        .collect()
}

fn from_sdk(tags: Option<Vec<sdk::Tag>>) -> Vec<Tag> {
    tags.unwrap_or_default().into_iter().map(|tag| Tag::new(tag.key, tag.value)).collect()
}

/// `None` where the service says there is no such entity.
fn found<T>(answer: Result<T>) -> Result<Option<T>> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if error.is(NOT_FOUND) => Ok(None),
        Err(error) => Err(error),
    }
}

#[async_trait::async_trait]
impl Iam for Client {
    async fn role(&self, name: &str) -> Result<Option<Role>> {
        let answer = named!("GetRole", self.sdk.get_role().role_name(name).send().await);
        Ok(found(answer)?.and_then(|answer| answer.role).map(|role| Role {
            name: role.role_name,
            arn: role.arn,
            tags: from_sdk(role.tags),
        }))
    }

    async fn role_names(&self) -> Result<Vec<String>> {
        let pages = self.sdk.list_roles().into_paginator().items();
        let roles = named!("ListRoles", pages.send().try_collect().await)?;
        Ok(roles.into_iter().map(|role| role.role_name).collect())
    }

    async fn create_role(&self, name: &str, trust_policy: &str, tags: &[Tag]) -> Result<String> {
        let answer = named!(
            "CreateRole",
            self.sdk
                .create_role()
                .role_name(name)
                .assume_role_policy_document(trust_policy)
                .set_tags(Some(to_sdk("CreateRole", tags)?))
                .send()
                .await
        )?;
        answer.role.map(|role| role.arn).ok_or_else(|| incomplete("CreateRole"))
    }

    async fn tag_role(&self, name: &str, tags: &[Tag]) -> Result<()> {
        let tags = to_sdk("TagRole", tags)?;
        let call = self.sdk.tag_role().role_name(name).set_tags(Some(tags));
        named!("TagRole", call.send().await)?;
        Ok(())
    }

    async fn delete_role(&self, name: &str) -> Result<()> {
        named!("DeleteRole", self.sdk.delete_role().role_name(name).send().await)?;
        Ok(())
    }

    async fn put_role_policy(&self, role: &str, policy: &str, document: &str) -> Result<()> {
        named!(
            "PutRolePolicy",
            self.sdk
                .put_role_policy()
                .role_name(role)
                .policy_name(policy)
                .policy_document(document)
                .send()
                .await
        )?;
        Ok(())
    }

    async fn role_policy(&self, role: &str, policy: &str) -> Result<Option<String>> {
        let answer = named!(
            "GetRolePolicy",
            self.sdk.get_role_policy().role_name(role).policy_name(policy).send().await
        );
        // IAM sends documents percent-encoded (RFC 3986).
        let document = found(answer)?.map(|answer| answer.policy_document);
        Ok(document.map(|text| percent_decode_str(&text).decode_utf8_lossy().into_owned()))
    }

    async fn role_policies(&self, role: &str) -> Result<Vec<String>> {
        named!(
            "ListRolePolicies",
            self.sdk
                .list_role_policies()
                .role_name(role)
                .into_paginator()
                .items()
                .send()
                .try_collect()
                .await
        )
    }

    async fn delete_role_policy(&self, role: &str, policy: &str) -> Result<()> {
        named!(
            "DeleteRolePolicy",
            self.sdk.delete_role_policy().role_name(role).policy_name(policy).send().await
        )?;
        Ok(())
    }

    async fn attach_role_policy(&self, role: &str, policy_arn: &str) -> Result<()> {
        named!(
            "AttachRolePolicy",
            self.sdk.attach_role_policy().role_name(role).policy_arn(policy_arn).send().await
        )?;
        Ok(())
    }

    async fn attached_role_policies(&self, role: &str) -> Result<Vec<String>> {
        let attached = named!(
            "ListAttachedRolePolicies",
            self.sdk
                .list_attached_role_policies()
                .role_name(role)
                .into_paginator()
                .items()
                .send()
                .try_collect()
                .await
        )?;
        Ok(attached.into_iter().filter_map(|policy| policy.policy_arn).collect())
    }

    async fn detach_role_policy(&self, role: &str, policy_arn: &str) -> Result<()> {
        named!(
            "DetachRolePolicy",
            self.sdk.detach_role_policy().role_name(role).policy_arn(policy_arn).send().await
        )?;
        Ok(())
    }

    async fn instance_profile(&self, name: &str) -> Result<Option<InstanceProfile>> {
        let answer = named!(
            "GetInstanceProfile",
            self.sdk.get_instance_profile().instance_profile_name(name).send().await
        );
        Ok(found(answer)?.and_then(|answer| answer.instance_profile).map(|profile| {
            InstanceProfile {
                name: profile.instance_profile_name,
                arn: profile.arn,
                roles: profile.roles.into_iter().map(|role| role.role_name).collect(),
                tags: from_sdk(profile.tags),
            }
        }))
    }

    async fn create_instance_profile(&self, name: &str, tags: &[Tag]) -> Result<String> {
        let answer = named!(
            "CreateInstanceProfile",
            self.sdk
                .create_instance_profile()
                .instance_profile_name(name)
                .set_tags(Some(to_sdk("CreateInstanceProfile", tags)?))
                .send()
                .await
        )?;
        let profile = answer.instance_profile;
        profile.map(|profile| profile.arn).ok_or_else(|| incomplete("CreateInstanceProfile"))
    }

    async fn add_role_to_instance_profile(&self, profile: &str, role: &str) -> Result<()> {
        named!(
            "AddRoleToInstanceProfile",
            self.sdk
                .add_role_to_instance_profile()
                .instance_profile_name(profile)
                .role_name(role)
                .send()
                .await
        )?;
        Ok(())
    }

    async fn remove_role_from_instance_profile(&self, profile: &str, role: &str) -> Result<()> {
        named!(
            "RemoveRoleFromInstanceProfile",
            self.sdk
                .remove_role_from_instance_profile()
                .instance_profile_name(profile)
                .role_name(role)
                .send()
                .await
        )?;
        Ok(())
    }

    async fn delete_instance_profile(&self, name: &str) -> Result<()> {
        named!(
            "DeleteInstanceProfile",
            self.sdk.delete_instance_profile().instance_profile_name(name).send().await
        )?;
        Ok(())
    }
}
