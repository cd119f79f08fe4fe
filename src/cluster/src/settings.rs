//! The settings file the launcher's user data leaves on a node.

use crate::{ClusterName, Layout, LinkRuns, Membership, MlflowSettings, ProviderChoice};
use std::path::PathBuf;

/// Where user data writes the file and the daemon reads it.
pub const PATH: &str = "/etc/nixl/node.toml";

/// What a node must be told; everything else it reads from IMDS or EC2.
///
/// Unknown keys are refused, so a typo is an error at boot and not a silence.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeSettings {
    /// Cluster this node belongs to; its `nixl:cluster` tag says the same.
    pub cluster: ClusterName,
    /// Number of nodes in the cluster, at least 2.
    pub size: u32,
    /// Who belongs to the cluster and how ranks are dealt out.
    #[serde(default, skip_serializing_if = "Membership::is_launch")]
    pub membership: Membership,
    /// How many nodes prefill, 1 to `size` - 1: those with the lowest ranks, the
    /// others decode, and only nodes of different roles are peers. Without it
    /// every node is a peer of every other one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefill: Option<u32>,
    /// libfabric provider to use: another one is never used in place of one that
    /// is named; `auto` is the first of efa, tcp and shm that is there.
    pub provider: ProviderChoice,
    /// `libfabric.so.1` to use, an absolute path; without it the EFA installer's
    /// in /opt/amazon/efa/lib64 or lib, or else the loader's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub libfabric: Option<PathBuf>,
    /// `libnvidia-ml.so.1` to use, an absolute path; without it the loader's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nvml: Option<PathBuf>,
    /// Python that runs vLLM and NIXL, an absolute path; `nixl-noded check` looks
    /// into it, without it into /opt/nixl/venv/bin/python3 or `python3`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub python: Option<PathBuf>,
    /// ARN of the MLflow tracking server or App, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mlflow_tracking_arn: Option<String>,
    /// What transfers that measure the links continuously may move on average,
    /// 1,000,000 if it is not set; 0 leaves only round trips. These, of 64 bytes,
    /// come on top, and so do full reports, at pairing and on demand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link_budget_bytes_per_sec: Option<u64>,
    /// Life of an MLflow UI session in seconds, 1800 to 43200.
    #[serde(default = "default_session_secs")]
    pub mlflow_session_secs: u32,
    /// Life of the node from its first boot on, where its tag `nixl:expires-at`
    /// cannot be read; without it such a node lives on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl_secs: Option<u64>,
    /// Once it has been paired, the node powers off when nobody has used its GPUs
    /// or the fabric and nobody has been logged in for so long; without it never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle_secs: Option<u64>,
    /// The node's MLflow endpoint.
    #[serde(default, skip_serializing_if = "MlflowSettings::is_default")]
    pub mlflow: MlflowSettings,
    /// Where full reports of the links are logged as runs; without it through the
    /// node's MLflow endpoint, if there is a tracking server: [`Self::link_runs`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link_runs: Option<LinkRuns>,
}

impl NodeSettings {
    /// What every node must be told, and the defaults for the rest.
    #[must_use]
    pub fn new(cluster: ClusterName, size: u32, provider: impl Into<ProviderChoice>) -> Self {
        Self {
            cluster,
            size,
            membership: Membership::Launch,
            prefill: None,
            provider: provider.into(),
            libfabric: None,
            nvml: None,
            python: None,
            mlflow_tracking_arn: None,
            link_budget_bytes_per_sec: None,
            mlflow_session_secs: default_session_secs(),
            ttl_secs: None,
            idle_secs: None,
            mlflow: MlflowSettings::default(),
            link_runs: None,
        }
    }

    /// Who is paired with whom.
    #[must_use]
    pub fn layout(&self) -> Layout {
        Layout { size: self.size, prefill: self.prefill }
    }

    /// Where full reports of the links are logged, if anywhere.
    #[must_use]
    pub fn link_runs(&self) -> Option<LinkRuns> {
        let own = || self.mlflow_tracking_arn.as_ref().map(|_| LinkRuns::through(&self.mlflow));
        self.link_runs.clone().or_else(own)
    }
}

/// The longest SageMaker allows.
fn default_session_secs() -> u32 {
    43_200
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Provider;

    #[test]
    fn links_are_logged_through_the_endpoint_of_a_node_with_a_server() {
        let mut settings = NodeSettings::new(ClusterName::default(), 2, Provider::Tcp);
        assert_eq!(settings.link_runs(), None);
        settings.mlflow_tracking_arn = Some("arn".to_owned());
        let own = settings.link_runs().unwrap();
        assert_eq!(own.tracking_uri, "http://127.0.0.1:9101");
        assert_eq!(own.token_file.unwrap(), PathBuf::from("/run/nixl/mlflow-token"));
        let named = LinkRuns {
            tracking_uri: "http://m:1".to_owned(),
            ..LinkRuns::through(&settings.mlflow)
        };
        settings.link_runs = Some(named.clone());
        assert_eq!(settings.link_runs(), Some(named));
    }
}
