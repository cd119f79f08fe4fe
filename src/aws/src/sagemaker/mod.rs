//! SageMaker's MLflow tracking servers (API reference 2017-07-24), by
//! hand-signed AwsJson 1.1 calls: the SDK crate costs minutes and gigabytes.

mod client;

pub use client::Client;

use crate::{Result, Tag};

/// A tracking server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrackingServer {
    /// ARN.
    pub arn: String,
    /// Name.
    pub name: String,
    /// `Creating`, `Created`, `CreateFailed`, `Deleting`, …
    pub status: String,
    /// `IsActive == Active`: the only thing that says it is usable.
    pub is_active: bool,
    /// Where it answers.
    pub url: Option<String>,
    /// `s3://…`
    pub artifact_store_uri: String,
    /// Role it assumes.
    pub role_arn: String,
    /// Version of MLflow.
    pub mlflow_version: Option<String>,
}

/// A tracking server to create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateTrackingServer {
    /// Name, 1 to 256 of `[a-zA-Z0-9](-*[a-zA-Z0-9])*`.
    pub name: String,
    /// `s3://bucket/prefix` in the same region.
    pub artifact_store_uri: String,
    /// Role it assumes.
    pub role_arn: String,
    /// `Small`, `Medium` or `Large`.
    pub size: String,
    /// Tags.
    pub tags: Vec<Tag>,
}

/// The calls.
#[async_trait::async_trait]
pub trait SageMaker: Send + Sync {
    /// Starts creation; its ARN.
    async fn create_tracking_server(&self, request: &CreateTrackingServer) -> Result<String>;
    /// The server, or `None` if there is none of this name.
    async fn describe_tracking_server(&self, name: &str) -> Result<Option<TrackingServer>>;
    /// ARNs of all servers of the region (all pages).
    async fn list_tracking_servers(&self) -> Result<Vec<String>>;
    /// Starts to stop a server; its store is kept.
    async fn stop_tracking_server(&self, name: &str) -> Result<()>;
    /// Starts a server that is stopped.
    async fn start_tracking_server(&self, name: &str) -> Result<()>;
    /// Tags of a resource.
    async fn list_tags(&self, arn: &str) -> Result<Vec<Tag>>;
    /// Starts deletion; fine if there is none of this name.
    async fn delete_tracking_server(&self, name: &str) -> Result<()>;
    /// A single-use URL: lives `expires_secs` (5 to 300), opens a UI session
    /// of `session_secs` (1800 to 43200). It is a credential.
    async fn create_presigned_tracking_server_url(
        &self,
        name: &str,
        expires_secs: u32,
        session_secs: u32,
    ) -> Result<String>;
    /// The same for an MLflow App, by ARN.
    async fn create_presigned_app_url(
        &self,
        arn: &str,
        expires_secs: u32,
        session_secs: u32,
    ) -> Result<String>;
}
