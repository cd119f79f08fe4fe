//! `render-user-data`: what a node would get, for `userdata/check.sh`.

use super::up::{FabricProvider, Nodes};
use crate::plan::user_data;
use anyhow::Context;
use clap::Args;
use nixl_cluster::{ClusterName, NodeSettings};

/// Flags of `render-user-data`.
#[derive(Debug, Args)]
pub struct RenderUserData {
    /// How many nodes, and what they do
    #[command(flatten)]
    pub nodes: Nodes,
    /// Provider
    #[arg(long, value_enum, default_value_t = FabricProvider::Efa)]
    pub provider: FabricProvider,
    /// MLflow tracking ARN
    #[arg(long)]
    pub tracking_arn: Option<String>,
}

pub(super) fn run(cluster: &ClusterName, flags: &RenderUserData) -> anyhow::Result<String> {
    let settings = NodeSettings {
        cluster: cluster.clone(),
        size: flags.nodes.size,
        prefill: flags.nodes.prefill,
        provider: flags.provider.into(),
        libfabric: None,
        nvml: None,
        python: None,
        mlflow_tracking_arn: flags.tracking_arn.clone(),
        link_budget_bytes_per_sec: None,
        mlflow_session_secs: 43_200,
    };
    user_data(&settings).map_err(anyhow::Error::msg).context("user data")
}
