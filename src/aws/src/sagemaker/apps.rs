//! MLflow Apps on the wire.

use super::client::epoch_secs;
use super::pages::Page;
use super::{Kind, Mlflow};
use serde::Deserialize;

/// States in which an App answers: a failed update leaves it as it was.
const ACTIVE: [&str; 3] = ["Created", "Updated", "UpdateFailed"];
/// One that is gone may still be shown for a while.
const GONE: &str = "Deleted";

/// Of an App as described, or of one in a list, which tells less.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct App {
    arn: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    status: String,
    #[serde(default)]
    artifact_store_uri: String,
    #[serde(default)]
    role_arn: String,
    mlflow_version: Option<String>,
    maintenance_status: Option<String>,
    creation_time: Option<f64>,
}

impl App {
    /// The App, unless it is gone.
    pub(super) fn there(self) -> Option<Mlflow> {
        (self.status != GONE).then(|| Mlflow {
            kind: Kind::App,
            is_active: ACTIVE.contains(&self.status.as_str()),
            arn: self.arn,
            name: self.name,
            status: self.status,
            url: None,
            artifact_store_uri: self.artifact_store_uri,
            role_arn: self.role_arn,
            mlflow_version: self.mlflow_version,
            size: None,
            maintenance: self.maintenance_status,
            created_secs: epoch_secs(self.creation_time),
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ArnOnly {
    pub arn: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Listed {
    #[serde(default)]
    summaries: Vec<App>,
    next_token: Option<String>,
}

impl Page for Listed {
    type Item = App;
    fn split(self) -> (Vec<App>, Option<String>) {
        (self.summaries, self.next_token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_app_is_read_from_what_is_told_of_it() {
        let text = r#"{"Arn": "arn:a", "Name": "n", "Status": "Updated", "MlflowVersion": "3.10.1",
            "CreationTime": 1764403200.123, "NewField": 1}"#;
        let app = serde_json::from_str::<App>(text).unwrap().there().unwrap();
        assert!(app.is_active && app.kind == Kind::App && app.created_secs == 1_764_403_200);
        assert_eq!(app.mlflow_version.as_deref(), Some("3.10.1"));
        let of = |status: &str| {
            let text = format!(r#"{{"Arn": "arn:a", "Status": "{status}"}}"#);
            serde_json::from_str::<App>(&text).unwrap().there()
        };
        assert!(!of("Creating").unwrap().is_active);
        assert_eq!(of("Deleted"), None);
    }
}
