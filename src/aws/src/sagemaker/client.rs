//! [`SageMaker`] over AwsJson 1.1.

use super::{CreateTrackingServer, SageMaker, TrackingServer};
use crate::json::{JsonClient, Service};
use crate::{Aws, Result, Tag};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// SageMaker spells it without the usual `Exception`.
const NOT_FOUND: &[&str] = &["ResourceNotFound", "ResourceNotFoundException"];

/// The service.
#[derive(Debug, Clone)]
pub struct Client {
    json: JsonClient,
}

impl Client {
    /// A client with the shared configuration.
    #[must_use]
    pub fn new(aws: &Aws) -> Self {
        let service = Service {
            name: "sagemaker",
            endpoint_prefix: "api.sagemaker",
            signing_name: "sagemaker",
            target_prefix: "SageMaker",
            endpoint_variable: "SAGEMAKER",
        };
        Self { json: JsonClient::new(aws, service) }
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct WireTag {
    key: String,
    value: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Described {
    tracking_server_arn: String,
    tracking_server_name: String,
    tracking_server_status: String,
    #[serde(default)]
    is_active: String,
    tracking_server_url: Option<String>,
    #[serde(default)]
    artifact_store_uri: String,
    #[serde(default)]
    role_arn: String,
    mlflow_version: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Created {
    tracking_server_arn: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    #[serde(default)]
    tracking_server_summaries: Vec<Created>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Tags {
    #[serde(default)]
    tags: Vec<WireTag>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Presigned {
    authorized_url: String,
}

#[async_trait::async_trait]
impl SageMaker for Client {
    async fn create_tracking_server(&self, request: &CreateTrackingServer) -> Result<String> {
        let tags: Vec<WireTag> = request
            .tags
            .iter()
            .map(|tag| WireTag { key: tag.key.clone(), value: tag.value.clone() })
            .collect();
        let body = json!({
            "TrackingServerName": request.name,
            "ArtifactStoreUri": request.artifact_store_uri,
            "RoleArn": request.role_arn,
            "TrackingServerSize": request.size,
            "Tags": tags,
        });
        let created: Created = self.json.call("CreateMlflowTrackingServer", &body).await?;
        Ok(created.tracking_server_arn)
    }

    async fn describe_tracking_server(&self, name: &str) -> Result<Option<TrackingServer>> {
        let body = json!({ "TrackingServerName": name });
        match self.json.call::<_, Described>("DescribeMlflowTrackingServer", &body).await {
            Ok(found) => Ok(Some(TrackingServer {
                arn: found.tracking_server_arn,
                name: found.tracking_server_name,
                status: found.tracking_server_status,
                is_active: found.is_active == "Active",
                url: found.tracking_server_url,
                role_arn: found.role_arn,
                artifact_store_uri: found.artifact_store_uri,
                mlflow_version: found.mlflow_version,
            })),
            Err(error) if error.is(NOT_FOUND) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn list_tracking_servers(&self) -> Result<Vec<String>> {
        let mut all = Vec::new();
        let mut token: Option<String> = None;
        loop {
            let mut body = json!({});
            if let Some(token) = &token {
                body["NextToken"] = json!(token);
            }
            let page: Listed = self.json.call("ListMlflowTrackingServers", &body).await?;
            all.extend(page.tracking_server_summaries.into_iter().map(|it| it.tracking_server_arn));
            match page.next_token {
                Some(next) if token.as_ref() != Some(&next) => token = Some(next),
                _ => return Ok(all),
            }
        }
    }

    async fn stop_tracking_server(&self, name: &str) -> Result<()> {
        let body = json!({ "TrackingServerName": name });
        self.json.call::<_, Created>("StopMlflowTrackingServer", &body).await.map(drop)
    }

    async fn start_tracking_server(&self, name: &str) -> Result<()> {
        let body = json!({ "TrackingServerName": name });
        self.json.call::<_, Created>("StartMlflowTrackingServer", &body).await.map(drop)
    }

    async fn list_tags(&self, arn: &str) -> Result<Vec<Tag>> {
        let mut all = Vec::new();
        let mut token: Option<String> = None;
        loop {
            let mut body = json!({ "ResourceArn": arn });
            if let Some(token) = &token {
                body["NextToken"] = json!(token);
            }
            let page: Tags = self.json.call("ListTags", &body).await?;
            all.extend(page.tags.into_iter().map(|tag| Tag::new(tag.key, tag.value)));
            match page.next_token {
                Some(next) if token.as_ref() != Some(&next) => token = Some(next),
                _ => return Ok(all),
            }
        }
    }

    async fn delete_tracking_server(&self, name: &str) -> Result<()> {
        let body = json!({ "TrackingServerName": name });
        match self.json.call::<_, serde_json::Value>("DeleteMlflowTrackingServer", &body).await {
            Ok(_) => Ok(()),
            Err(error) if error.is(NOT_FOUND) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn create_presigned_tracking_server_url(
        &self,
        name: &str,
        expires_secs: u32,
        session_secs: u32,
    ) -> Result<String> {
        let body = json!({
            "TrackingServerName": name,
            "ExpiresInSeconds": expires_secs,
            "SessionExpirationDurationInSeconds": session_secs,
        });
        let answer: Presigned =
            self.json.call("CreatePresignedMlflowTrackingServerUrl", &body).await?;
        Ok(answer.authorized_url)
    }

    async fn create_presigned_app_url(
        &self,
        arn: &str,
        expires_secs: u32,
        session_secs: u32,
    ) -> Result<String> {
        let body = json!({
            "Arn": arn,
            "ExpiresInSeconds": expires_secs,
            "SessionExpirationDurationInSeconds": session_secs,
        });
        let answer: Presigned = self.json.call("CreatePresignedMlflowAppUrl", &body).await?;
        Ok(answer.authorized_url)
    }
}
