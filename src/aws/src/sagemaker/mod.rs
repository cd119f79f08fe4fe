//! SageMaker's MLflow: tracking servers and Apps (API reference 2017-07-24), by
//! hand-signed AwsJson 1.1 calls: the SDK crate costs minutes and gigabytes.

mod apps;
mod client;
mod kind;
mod pages;
mod servers;

pub use client::Client;
pub use kind::Kind;

use crate::{Result, Tag};

/// A tracking server or an App.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mlflow {
    /// Which of the two.
    pub kind: Kind,
    /// ARN.
    pub arn: String,
    /// Name; of Apps several may have the same.
    pub name: String,
    /// `Creating`, `Created`, `CreateFailed`, `Deleting`, …
    pub status: String,
    /// Usable: of a server `IsActive` says so, of an App its status.
    pub is_active: bool,
    /// Where it answers; not told of an App.
    pub url: Option<String>,
    /// `s3://…`
    pub artifact_store_uri: String,
    /// Role it assumes.
    pub role_arn: String,
    /// Version of MLflow.
    pub mlflow_version: Option<String>,
    /// `Small`, `Medium` or `Large`; an App has none.
    pub size: Option<String>,
    /// `MaintenanceInProgress`, `MaintenanceComplete` or `MaintenanceFailed`.
    pub maintenance: Option<String>,
    /// When it was made, seconds since 1970; 0 where it is not told.
    pub created_secs: u64,
}

impl Mlflow {
    /// What it is and its name, for people.
    #[must_use]
    pub fn label(&self) -> String {
        format!("MLflow {} {}", self.kind, self.name)
    }
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
    /// Version of MLflow; SageMaker's own choice if not given.
    pub mlflow_version: Option<String>,
    /// Tags.
    pub tags: Vec<Tag>,
}

/// An App to create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateApp {
    /// Name, as a server's; not unique.
    pub name: String,
    /// `s3://bucket/prefix` in the same region.
    pub artifact_store_uri: String,
    /// Role it assumes.
    pub role_arn: String,
    /// Tags.
    pub tags: Vec<Tag>,
}

/// The calls.
#[async_trait::async_trait]
pub trait SageMaker: Send + Sync {
    /// Starts creation; its ARN.
    async fn create_tracking_server(&self, request: &CreateTrackingServer) -> Result<String>;
    /// The server, or `None` if there is none of this name.
    async fn describe_tracking_server(&self, name: &str) -> Result<Option<Mlflow>>;
    /// ARNs of all servers of the region (all pages).
    async fn list_tracking_servers(&self) -> Result<Vec<String>>;
    /// Starts to stop a server; its store is kept.
    async fn stop_tracking_server(&self, name: &str) -> Result<()>;
    /// Starts a server that is stopped.
    async fn start_tracking_server(&self, name: &str) -> Result<()>;
    /// Starts creation; its ARN. A second call makes a second App, so it is never sent
    /// again once it may have been carried out.
    async fn create_app(&self, request: &CreateApp) -> Result<String>;
    /// Starts deletion; fine if there is none of this ARN.
    async fn delete_app(&self, arn: &str) -> Result<()>;
    /// The App, or `None` if there is none of this ARN.
    async fn describe_app(&self, arn: &str) -> Result<Option<Mlflow>>;
    /// All Apps of the region (all pages), each with what a list tells: ARN, name,
    /// status, version and when it was made.
    async fn list_apps(&self) -> Result<Vec<Mlflow>>;
    /// What this ARN is of, or `None` if it is not there. Servers are found by their
    /// name in the caller's account only.
    async fn describe(&self, arn: &str) -> Result<Option<Mlflow>> {
        match Kind::of(arn) {
            Some((Kind::App, _)) => self.describe_app(arn).await,
            Some((Kind::Server, name)) => {
                let found = self.describe_tracking_server(name).await?;
                Ok(found.filter(|server| server.arn == arn))
            }
            None => Ok(None),
        }
    }
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
