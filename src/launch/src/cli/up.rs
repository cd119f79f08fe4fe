//! `up`: flags of a launch.

use super::{Cli, Nodes, OnInterrupt, print_report, with_changes};
use crate::engine::Patience;
use crate::plan::Spec;
use clap::{Args, ValueEnum};
use nixl_cluster::name::DEFAULT_TRACKING_SERVER;
use nixl_cluster::{ClusterName, Layout, Provider, ProviderChoice, instance_type};
use std::time::Duration;

/// Flags of `up`.
#[derive(Debug, Args)]
pub struct Up {
    /// Image [default: the newest one baked by `nixl-bake build`]
    #[arg(long)]
    pub ami: Option<String>,
    /// EC2 instance types, best first
    #[arg(long, value_delimiter = ',', default_value = instance_type::DEFAULT)]
    pub instance_type: Vec<String>,
    /// How many nodes, and what they do
    #[command(flatten)]
    pub nodes: Nodes,
    /// libfabric provider the nodes use
    #[arg(long, value_enum, default_value_t = FabricProvider::Efa)]
    pub provider: FabricProvider,
    /// The only zones to try, best first [default: each that offers the type]
    #[arg(long, value_delimiter = ',')]
    pub zone: Vec<String>,
    /// Name of the MLflow tracking server to create or attach
    #[arg(long, default_value = DEFAULT_TRACKING_SERVER, value_parser = server_name)]
    pub tracking_server: String,
    /// No MLflow
    #[arg(long, conflicts_with = "tracking_server")]
    pub no_mlflow: bool,
    /// How long to wait for the nodes, e.g. 90s or 15m
    #[arg(long, default_value = "15m", value_parser = super::duration)]
    pub timeout: Duration,
    /// How long to wait for room if there is none anywhere, e.g. 2h
    #[arg(long, default_value = "0s", value_parser = super::duration)]
    pub wait_capacity: Duration,
    /// What Ctrl-C does [default: ask on a terminal, else leave]
    #[arg(long, value_enum)]
    pub on_interrupt: Option<OnInterrupt>,
}

/// Providers that work between machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FabricProvider {
    /// AWS Elastic Fabric Adapter
    Efa,
    /// TCP: works everywhere, slowly
    Tcp,
    /// EFA where the instance type has it, else TCP
    Auto,
}

impl From<FabricProvider> for ProviderChoice {
    fn from(provider: FabricProvider) -> Self {
        match provider {
            FabricProvider::Efa => Self::Only(Provider::Efa),
            FabricProvider::Tcp => Self::Only(Provider::Tcp),
            FabricProvider::Auto => Self::Auto,
        }
    }
}

/// SageMaker's rule, cut at 64 so that the ARN fits a tag value.
fn server_name(text: &str) -> Result<String, String> {
    let alphanumeric = |c: char| c.is_ascii_alphanumeric();
    let ok = (1..=64).contains(&text.len())
        && text.starts_with(alphanumeric)
        && text.ends_with(alphanumeric)
        && text.chars().all(|c| alphanumeric(c) || c == '-');
    if ok {
        Ok(text.to_owned())
    } else {
        Err("use 1 to 64 of a-z, A-Z, 0-9 and '-', no '-' at either end".to_owned())
    }
}

impl Up {
    /// What is asked for.
    #[must_use]
    pub fn spec(&self, cluster: &ClusterName, region: &str) -> Spec {
        let Layout { size, prefill } = self.nodes.layout();
        Spec {
            ami: self.ami.clone(),
            instance_types: self.instance_type.clone(),
            size,
            prefill,
            provider: self.provider.into(),
            zones: self.zone.clone(),
            tracking_server: (!self.no_mlflow).then(|| self.tracking_server.clone()),
            ..Spec::new(cluster.clone(), region)
        }
    }
}

pub(super) async fn run(cli: &Cli, flags: &Up) -> anyhow::Result<()> {
    let report = with_changes(cli, flags.on_interrupt, async |engine| {
        let patience = Patience { ready: flags.timeout, capacity: flags.wait_capacity };
        engine.up(&flags.spec(&engine.cluster, &engine.region), patience).await
    })
    .await?;
    print_report(cli.output, &report)
}
