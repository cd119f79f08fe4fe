//! [`SageMaker`] over AwsJson 1.1.

use super::pages::{self, Page};
use super::{CreateApp, CreateTrackingServer, Mlflow, SageMaker, apps, servers};
use crate::json::{Service, client};
use crate::{Result, Tag};
use serde::{Deserialize, Serialize};
use serde_json::json;

const SERVICE: Service = Service {
    name: "sagemaker",
    endpoint_prefix: "api.sagemaker",
    signing_name: "sagemaker",
    target_prefix: "SageMaker",
    endpoint_variable: "SAGEMAKER",
    nearest: None,
};
/// SageMaker spells it without the usual `Exception`.
const NOT_FOUND: &[&str] = &["ResourceNotFound", "ResourceNotFoundException"];

client!(SERVICE);

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct WireTag {
    key: String,
    value: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Tags {
    #[serde(default)]
    tags: Vec<WireTag>,
    next_token: Option<String>,
}

impl Page for Tags {
    type Item = WireTag;
    fn split(self) -> (Vec<WireTag>, Option<String>) {
        (self.tags, self.next_token)
    }
}

/// A time as AwsJson writes it.
pub(super) fn epoch_secs(time: Option<f64>) -> u64 {
    time.filter(|secs| *secs > 0.0).map_or(0, |secs| secs as u64)
}

fn on_wire(tags: &[Tag]) -> Vec<WireTag> {
    tags.iter().map(|tag| WireTag { key: tag.key.clone(), value: tag.value.clone() }).collect()
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Presigned {
    authorized_url: String,
}

/// The answer, or `None` if what was named is not there.
fn if_there<T>(answer: Result<T>) -> Result<Option<T>> {
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.is(NOT_FOUND) => Ok(None),
        Err(error) => Err(error),
    }
}

#[async_trait::async_trait]
impl SageMaker for Client {
    async fn create_tracking_server(&self, request: &CreateTrackingServer) -> Result<String> {
        let mut body = json!({
            "TrackingServerName": request.name,
            "ArtifactStoreUri": request.artifact_store_uri,
            "RoleArn": request.role_arn,
            "TrackingServerSize": request.size,
            "Tags": on_wire(&request.tags),
        });
        if let Some(version) = &request.mlflow_version {
            body["MlflowVersion"] = json!(version);
        }
        let created: servers::ArnOnly = self.json.call("CreateMlflowTrackingServer", &body).await?;
        Ok(created.tracking_server_arn)
    }

    async fn describe_tracking_server(&self, name: &str) -> Result<Option<Mlflow>> {
        let body = json!({ "TrackingServerName": name });
        let described = self.json.call("DescribeMlflowTrackingServer", &body).await;
        Ok(if_there(described)?.map(|found: servers::Described| found.into()))
    }

    async fn list_tracking_servers(&self) -> Result<Vec<String>> {
        let operation = "ListMlflowTrackingServers";
        let found = pages::all::<servers::Listed>(&self.json, operation, json!({})).await?;
        Ok(found.into_iter().map(|server| server.tracking_server_arn).collect())
    }

    async fn stop_tracking_server(&self, name: &str) -> Result<()> {
        let body = json!({ "TrackingServerName": name });
        self.json.call::<_, servers::ArnOnly>("StopMlflowTrackingServer", &body).await.map(drop)
    }

    async fn start_tracking_server(&self, name: &str) -> Result<()> {
        let body = json!({ "TrackingServerName": name });
        self.json.call::<_, servers::ArnOnly>("StartMlflowTrackingServer", &body).await.map(drop)
    }

    async fn create_app(&self, request: &CreateApp) -> Result<String> {
        let body = json!({
            "Name": request.name,
            "ArtifactStoreUri": request.artifact_store_uri,
            "RoleArn": request.role_arn,
            "Tags": on_wire(&request.tags),
        });
        let created: apps::ArnOnly = self.json.call_once("CreateMlflowApp", &body).await?;
        Ok(created.arn)
    }

    async fn delete_app(&self, arn: &str) -> Result<()> {
        let deleted = self.json.call("DeleteMlflowApp", &json!({ "Arn": arn })).await;
        if_there::<serde_json::Value>(deleted).map(drop)
    }

    async fn describe_app(&self, arn: &str) -> Result<Option<Mlflow>> {
        let described = self.json.call("DescribeMlflowApp", &json!({ "Arn": arn })).await;
        Ok(if_there(described)?.and_then(apps::App::there))
    }

    async fn list_apps(&self) -> Result<Vec<Mlflow>> {
        let found = pages::all::<apps::Listed>(&self.json, "ListMlflowApps", json!({})).await?;
        Ok(found.into_iter().filter_map(apps::App::there).collect())
    }

    async fn list_tags(&self, arn: &str) -> Result<Vec<Tag>> {
        let body = json!({ "ResourceArn": arn });
        let found = pages::all::<Tags>(&self.json, "ListTags", body).await?;
        Ok(found.into_iter().map(|tag| Tag::new(tag.key, tag.value)).collect())
    }

    async fn delete_tracking_server(&self, name: &str) -> Result<()> {
        let body = json!({ "TrackingServerName": name });
        let deleted = self.json.call("DeleteMlflowTrackingServer", &body).await;
        if_there::<serde_json::Value>(deleted).map(drop)
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
