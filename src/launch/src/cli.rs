//! The command line.

use crate::engine::{Engine, Pace, Removed};
use crate::failure::{Failure, joined};
use crate::plan::{Wish, user_data};
use crate::progress::for_stderr;
use crate::report::Report;
use crate::{render, wiring};
use anyhow::{Context, bail};
use clap::error::ErrorKind;
use clap::{Args, CommandFactory as _, Parser, Subcommand, ValueEnum};
use nixl_aws::Aws;
use nixl_cluster::name::{DEFAULT_CLUSTER, DEFAULT_TRACKING_SERVER};
use nixl_cluster::{ClusterName, Layout, NodeSettings, Provider, ProviderChoice, instance_type};
use std::time::Duration;

/// Launch a pair (or more) of nodes in one placement group and wait until they
/// are paired over the fabric.
#[derive(Debug, Parser)]
#[command(name = "nixl-launch", version, about)]
pub struct Cli {
    /// Name of the cluster
    #[arg(long, global = true, default_value = DEFAULT_CLUSTER)]
    pub cluster: ClusterName,
    /// Region; otherwise what AWS_REGION or the profile says
    #[arg(long, global = true)]
    pub region: Option<String>,
    /// Form of the result on stdout
    #[arg(long, global = true, value_enum, default_value_t = Output::Text)]
    pub output: Output,
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// Form of the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// Tables for people
    Text,
    /// One JSON document
    Json,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make sure that the cluster is there and paired
    Up(Up),
    /// Show the cluster as it is
    Status,
    /// Remove the cluster and prove that nothing is left
    Down(Down),
    /// Print the user data a node would get
    #[command(hide = true)]
    RenderUserData(RenderUserData),
}

/// Flags of `up`.
#[derive(Debug, Args)]
pub struct Up {
    /// Image [default: the newest one baked by `nixl-bake build`]
    #[arg(long)]
    pub ami: Option<String>,
    /// EC2 instance type
    #[arg(long, default_value = instance_type::DEFAULT)]
    pub instance_type: String,
    /// How many nodes, and what they do
    #[command(flatten)]
    pub nodes: Nodes,
    /// libfabric provider the nodes use
    #[arg(long, value_enum, default_value_t = FabricProvider::Efa)]
    pub provider: FabricProvider,
    /// The only zone to try [default: each that offers the type]
    #[arg(long)]
    pub zone: Option<String>,
    /// Name of the MLflow tracking server to create or attach
    #[arg(long, default_value = DEFAULT_TRACKING_SERVER, value_parser = server_name)]
    pub tracking_server: String,
    /// No MLflow
    #[arg(long, conflicts_with = "tracking_server")]
    pub no_mlflow: bool,
    /// How long to wait for the nodes, e.g. 90s or 15m
    #[arg(long, default_value = "15m", value_parser = duration)]
    pub timeout: Duration,
}

/// How many nodes, and what they do.
#[derive(Debug, Clone, Copy, Args)]
pub struct Nodes {
    /// Number of nodes
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(2..))]
    pub size: u32,
    /// How many of them prefill: the first ones; the others decode, and only nodes of
    /// different roles are paired [default: each node is paired with each]
    #[arg(long)]
    pub prefill: Option<u32>,
}

/// Flags of `down`.
#[derive(Debug, Args)]
pub struct Down {
    /// Keep the MLflow tracking server, its role and its bucket
    #[arg(long)]
    pub keep_mlflow: bool,
}

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

fn duration(text: &str) -> Result<Duration, String> {
    let span: jiff::SignedDuration =
        text.parse().map_err(|_| format!("{text:?} is no duration; write e.g. 90s or 15m"))?;
    Duration::try_from(span).map_err(|_| format!("{text:?} is negative"))
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

impl Cli {
    /// What the parser cannot see: flags that do not go together.
    ///
    /// # Errors
    /// A usage error, as the parser's own.
    pub fn check(&self) -> Result<(), clap::Error> {
        let nodes = match &self.command {
            Command::Up(Up { nodes, .. })
            | Command::RenderUserData(RenderUserData { nodes, .. }) => *nodes,
            Command::Status | Command::Down(_) => return Ok(()),
        };
        Layout { size: nodes.size, prefill: nodes.prefill }.check().map_err(|error| {
            Self::command().error(ErrorKind::ValueValidation, format!("--prefill {error}"))
        })
    }
}

/// Runs one command; the result goes to stdout.
///
/// # Errors
/// With everything a person needs to go on: a [`Failure`] where AWS was asked.
pub async fn run(cli: Cli) -> anyhow::Result<()> {
    match &cli.command {
        Command::RenderUserData(flags) => {
            print!("{}", render_user_data(&cli.cluster, flags)?);
            Ok(())
        }
        Command::Up(flags) => {
            let report = with_engine(&cli, async |engine| {
                let wish = wish(&cli.cluster, &engine.region, flags);
                engine.up(&wish, flags.timeout).await
            })
            .await?;
            print_report(cli.output, &report)
        }
        Command::Status => {
            let report = with_engine(&cli, async |engine| engine.status().await).await?;
            print_report(cli.output, &report)
        }
        Command::Down(flags) => {
            let down = async |engine: &Engine<'_>| engine.down(flags.keep_mlflow).await;
            let removed = with_engine(&cli, down).await?;
            print_removed(&cli, &removed)
        }
    }
}

async fn with_engine<T>(
    cli: &Cli,
    work: impl AsyncFnOnce(&Engine<'_>) -> Result<T, Failure>,
) -> anyhow::Result<T> {
    let aws = Aws::load(cli.region.as_deref()).await;
    let Some(region) = aws.region().map(str::to_owned) else {
        bail!(
            "no region: set AWS_REGION or pass --region (for the local region: `eval \"$(nixl-region env)\"`)"
        );
    };
    let services = wiring::services(&aws);
    let progress = for_stderr();
    let engine = Engine {
        services: &services,
        progress: progress.as_ref(),
        cluster: cli.cluster.clone(),
        region,
        pace: Pace::default(),
    };
    tokio::select! {
        outcome = work(&engine) => Ok(outcome?),
        _ = tokio::signal::ctrl_c() => bail!(
            "interrupted; what was begun is recorded in AWS: `nixl-launch up` goes on with it, `nixl-launch down` removes it"
        ),
    }
}

fn wish(cluster: &ClusterName, region: &str, flags: &Up) -> Wish {
    Wish {
        cluster: cluster.clone(),
        region: region.to_owned(),
        ami: flags.ami.clone(),
        instance_type: flags.instance_type.clone(),
        size: flags.nodes.size,
        prefill: flags.nodes.prefill,
        provider: flags.provider.into(),
        zone: flags.zone.clone(),
        tracking_server: (!flags.no_mlflow).then(|| flags.tracking_server.clone()),
    }
}

fn render_user_data(cluster: &ClusterName, flags: &RenderUserData) -> anyhow::Result<String> {
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

fn print_report(output: Output, report: &Report) -> anyhow::Result<()> {
    match output {
        Output::Json => println!("{}", serde_json::to_string_pretty(report)?),
        Output::Text => print!("{}", render::text(report)),
    }
    Ok(())
}

fn print_removed(cli: &Cli, removed: &Removed) -> anyhow::Result<()> {
    if cli.output == Output::Json {
        println!("{}", serde_json::to_string_pretty(removed)?);
        return Ok(());
    }
    if removed.removed.is_empty() {
        println!("nothing of cluster {} is there", cli.cluster);
    } else {
        println!("cluster {} is gone; removed:", cli.cluster);
        removed.removed.iter().for_each(|it| println!("  {it}"));
    }
    if !removed.kept.is_empty() {
        println!("kept, as asked: {}", joined(&removed.kept));
    }
    if !removed.foreign.is_empty() {
        println!("not this cluster's, left alone: {}", joined(&removed.foreign));
    }
    Ok(())
}
