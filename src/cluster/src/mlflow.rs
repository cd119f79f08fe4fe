//! The node's MLflow endpoint: an HTTP server on loopback that signs what MLflow's
//! clients ask and passes it on to SageMaker (`nixl-noded mlflow-endpoint`).

use serde::{Deserialize, Serialize};
use std::net::{Ipv4Addr, SocketAddr};

/// Its port.
pub const PORT: u16 = 9101;
/// The token that a request carries as `Authorization: Bearer`, unless it is of a user who
/// may use sudo; one line, random at each boot, mode 0640, of the group [`GROUP`].
pub const TOKEN_FILE: &str = "/run/nixl/mlflow-token";
/// `MLFLOW_TRACKING_TOKEN=…`, for `EnvironmentFile=` of units; mode and group as above.
pub const TOKEN_ENVIRONMENT_FILE: &str = "/run/nixl/mlflow.env";
/// Who may read the token.
pub const GROUP: &str = "nixl-mlflow";
/// What MLflow's clients read: the endpoint's URL.
pub const URI_VARIABLE: &str = "MLFLOW_TRACKING_URI";
/// What MLflow's clients read: the token.
pub const TOKEN_VARIABLE: &str = "MLFLOW_TRACKING_TOKEN";

/// Settings of the endpoint, `[mlflow]` in node.toml.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MlflowSettings {
    /// Where it listens, a loopback address and a port.
    pub listen: SocketAddr,
    /// URL that requests are passed to in place of the public one of the ARN's kind
    /// and region.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// Most requests a second, shared fairly by the users of the node, 0 for no
    /// limit; without it 25 for a tracking server, which is what a Small one takes,
    /// and no limit for an App.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests_per_sec: Option<u32>,
    /// What clients may ask, `METHOD /path`, `*` for one part of a path, `**` for
    /// the rest; `default` stands for the usual list, which deletes nothing.
    pub allow: Vec<String>,
    /// Bytes of disk for bodies above 1 MiB, all together, on their way.
    pub body_disk_bytes: u64,
}

impl Default for MlflowSettings {
    fn default() -> Self {
        Self {
            listen: (Ipv4Addr::LOCALHOST, PORT).into(),
            endpoint: None,
            requests_per_sec: None,
            allow: vec!["default".to_owned()],
            body_disk_bytes: 4 << 30,
        }
    }
}

impl MlflowSettings {
    /// All as it is where nothing is set.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// `MLFLOW_TRACKING_URI`.
    #[must_use]
    pub fn uri(&self) -> String {
        format!("http://{}", self.listen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_set_is_the_default() {
        let read = serde_json::from_str::<MlflowSettings>;
        let settings = read(r#"{"requests_per_sec": 100}"#).unwrap();
        let expected = MlflowSettings { requests_per_sec: Some(100), ..MlflowSettings::default() };
        assert_eq!(settings, expected);
        assert_eq!(settings.uri(), "http://127.0.0.1:9101");
        assert!(!settings.is_default() && read("{}").unwrap().is_default());
        assert!(read(r#"{"tps": 1}"#).is_err());
    }
}
