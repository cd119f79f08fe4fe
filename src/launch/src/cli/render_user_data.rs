//! `render-user-data`: what a node would get, for `userdata/check.sh`.

use super::Nodes;
use crate::input::FabricProvider;
use crate::plan::user_data;
use anyhow::Context;
use clap::Args;
use nixl_cluster::{ClusterName, Layout, NodeSettings};
use std::time::Duration;

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
    /// Life of the nodes, e.g. 8h; without it without end
    #[arg(long, value_parser = super::duration)]
    pub ttl: Option<Duration>,
}

pub(super) fn run(cluster: &ClusterName, flags: &RenderUserData) -> anyhow::Result<String> {
    let Layout { size, prefill } = flags.nodes.layout();
    let settings = NodeSettings {
        prefill,
        mlflow_tracking_arn: flags.tracking_arn.clone(),
        ttl_secs: flags.ttl.map(|ttl| ttl.as_secs()),
        ..NodeSettings::new(cluster.clone(), size, flags.provider)
    };
    user_data(&settings).map_err(anyhow::Error::msg).context("user data")
}
