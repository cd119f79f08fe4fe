//! [`ImageBuilder`] over aws-sdk-imagebuilder.

use super::*;
use crate::{Aws, AwsError, Tag};
use aws_sdk_imagebuilder::types::Filter;
use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use std::collections::HashMap;

pub(super) const SERVICE: &str = "imagebuilder";

/// The SDK's client.
#[derive(Debug, Clone)]
pub struct Client {
    pub(super) sdk: aws_sdk_imagebuilder::Client,
}

impl Client {
    /// A client with the shared configuration.
    #[must_use]
    pub fn new(aws: &Aws) -> Self {
        Self { sdk: aws_sdk_imagebuilder::Client::new(aws.sdk()) }
    }
}

#[async_trait::async_trait]
impl ImageBuilder for Client {
    async fn find_component(&self, name: &str, version: &str) -> Result<Option<Resource>> {
        self.component(name, version).await
    }
    async fn create_component(&self, request: &CreateComponent) -> Result<String> {
        self.new_component(request).await
    }
    async fn find_recipe(&self, name: &str, version: &str) -> Result<Option<Resource>> {
        self.recipe(name, version).await
    }
    async fn create_recipe(&self, request: &CreateRecipe) -> Result<String> {
        self.new_recipe(request).await
    }
    async fn find_infrastructure(&self, name: &str) -> Result<Option<Resource>> {
        self.infrastructure(name).await
    }
    async fn create_infrastructure(&self, request: &CreateInfrastructure) -> Result<String> {
        self.new_infrastructure(request).await
    }
    async fn find_distribution(&self, name: &str) -> Result<Option<Resource>> {
        self.distribution(name).await
    }
    async fn create_distribution(&self, request: &CreateDistribution) -> Result<String> {
        self.new_distribution(request).await
    }
    async fn find_test_workflow(&self, name: &str, version: &str) -> Result<Option<Resource>> {
        self.test_workflow(name, version).await
    }
    async fn create_test_workflow(&self, request: &CreateWorkflow) -> Result<String> {
        self.new_test_workflow(request).await
    }
    async fn create_image(&self, request: &CreateImage) -> Result<String> {
        self.new_image(request).await
    }
    async fn retry_image(&self, arn: &str, client_token: &str) -> Result<()> {
        self.retry(arn, client_token).await
    }
    async fn list_builds(&self, name: &str, version: &str) -> Result<Vec<Build>> {
        self.builds(name, version).await
    }
    async fn list_all_builds(&self) -> Result<Vec<Build>> {
        self.builds_of(None).await
    }
    async fn get_image(&self, arn: &str) -> Result<Option<Build>> {
        self.build(arn).await
    }
    async fn list_workflows(&self, image_arn: &str) -> Result<Vec<Workflow>> {
        self.workflows(image_arn).await
    }
    async fn list_steps(&self, workflow_execution_id: &str) -> Result<Vec<Step>> {
        self.steps(workflow_execution_id).await
    }
}

/// Maps an SDK error of `operation`.
pub(super) fn failed<E>(
    operation: &'static str,
) -> impl Fn(SdkError<E, HttpResponse>) -> AwsError + Copy
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    move |error| AwsError::from_sdk(SERVICE, operation, error)
}

/// Fails when an answer lacks a member the API reference promises.
pub(super) fn promised<T>(operation: &'static str, member: &str, value: Option<T>) -> Result<T> {
    value.ok_or_else(|| AwsError {
        service: SERVICE,
        operation,
        kind: crate::ErrorKind::Ambiguous,
        message: format!("the answer has no {member}"),
    })
}

pub(super) fn filter(name: &str, value: &str) -> Filter {
    Filter::builder().name(name).values(value).build()
}

pub(super) fn to_map(tags: &[Tag]) -> HashMap<String, String> {
    tags.iter().map(|tag| (tag.key.clone(), tag.value.clone())).collect()
}

pub(super) fn from_map(map: Option<&HashMap<String, String>>) -> Vec<Tag> {
    let mut tags: Vec<Tag> =
        map.into_iter().flatten().map(|(key, value)| Tag::new(key, value)).collect();
    tags.sort();
    tags
}
