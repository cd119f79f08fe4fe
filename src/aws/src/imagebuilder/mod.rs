//! EC2 Image Builder, as far as baking one AMI needs it.
//!
//! Source of shapes and limits: EC2 Image Builder API reference 2019-12-02.
//! Names and versions are immutable there, so every creation comes with a
//! look-up that adopts what an earlier run has made.

mod client;
mod create;
mod read;
mod types;

pub use client::Client;
pub use types::*;

use crate::Result;

/// The calls; [`Client`] implements them over the SDK, tests script them.
#[async_trait::async_trait]
pub trait ImageBuilder: Send + Sync {
    /// Newest build of the account's own component of this name and version.
    async fn find_component(&self, name: &str, version: &str) -> Result<Option<Resource>>;
    /// Makes a Linux component; its ARN.
    async fn create_component(&self, request: &CreateComponent) -> Result<String>;
    /// The account's own image recipe of this name and version.
    async fn find_recipe(&self, name: &str, version: &str) -> Result<Option<Resource>>;
    /// Makes an image recipe; its ARN.
    async fn create_recipe(&self, request: &CreateRecipe) -> Result<String>;
    /// The infrastructure configuration of this name.
    async fn find_infrastructure(&self, name: &str) -> Result<Option<Resource>>;
    /// Makes an infrastructure configuration; its ARN.
    async fn create_infrastructure(&self, request: &CreateInfrastructure) -> Result<String>;
    /// The distribution configuration of this name.
    async fn find_distribution(&self, name: &str) -> Result<Option<Resource>>;
    /// Makes a distribution configuration; its ARN.
    async fn create_distribution(&self, request: &CreateDistribution) -> Result<String>;
    /// Newest build of the account's own test workflow of this name and version.
    async fn find_test_workflow(&self, name: &str, version: &str) -> Result<Option<Resource>>;
    /// Makes a workflow of type TEST; its ARN.
    async fn create_test_workflow(&self, request: &CreateWorkflow) -> Result<String>;

    /// Starts a build; the ARN of the image build version.
    async fn create_image(&self, request: &CreateImage) -> Result<String>;
    /// Goes on with a build whose test or distribution failed, without building again.
    async fn retry_image(&self, arn: &str, client_token: &str) -> Result<()>;
    /// Builds of one image version, oldest first.
    async fn list_builds(&self, name: &str, version: &str) -> Result<Vec<Build>>;
    /// Builds of all of the account's own images.
    async fn list_all_builds(&self) -> Result<Vec<Build>>;
    /// One build, or `None` if there is none of this ARN.
    async fn get_image(&self, arn: &str) -> Result<Option<Build>>;
    /// Workflow executions (build, test, distribution) of a build.
    async fn list_workflows(&self, image_arn: &str) -> Result<Vec<Workflow>>;
    /// Steps of a workflow execution.
    async fn list_steps(&self, workflow_execution_id: &str) -> Result<Vec<Step>>;
}
