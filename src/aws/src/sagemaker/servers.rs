//! Tracking servers on the wire.

use super::client::epoch_secs;
use super::pages::Page;
use super::{Kind, Mlflow};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Described {
    tracking_server_arn: String,
    tracking_server_name: String,
    tracking_server_status: String,
    tracking_server_size: Option<String>,
    tracking_server_maintenance_status: Option<String>,
    #[serde(default)]
    is_active: String,
    tracking_server_url: Option<String>,
    #[serde(default)]
    artifact_store_uri: String,
    #[serde(default)]
    role_arn: String,
    mlflow_version: Option<String>,
    creation_time: Option<f64>,
}

impl From<Described> for Mlflow {
    fn from(found: Described) -> Self {
        Self {
            kind: Kind::Server,
            arn: found.tracking_server_arn,
            name: found.tracking_server_name,
            status: found.tracking_server_status,
            is_active: found.is_active == "Active",
            url: found.tracking_server_url,
            artifact_store_uri: found.artifact_store_uri,
            role_arn: found.role_arn,
            mlflow_version: found.mlflow_version,
            size: found.tracking_server_size,
            maintenance: found.tracking_server_maintenance_status,
            created_secs: epoch_secs(found.creation_time),
        }
    }
}

/// Of most answers only the ARN is of use.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ArnOnly {
    pub tracking_server_arn: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Listed {
    #[serde(default)]
    tracking_server_summaries: Vec<ArnOnly>,
    next_token: Option<String>,
}

impl Page for Listed {
    type Item = ArnOnly;
    fn split(self) -> (Vec<ArnOnly>, Option<String>) {
        (self.tracking_server_summaries, self.next_token)
    }
}
