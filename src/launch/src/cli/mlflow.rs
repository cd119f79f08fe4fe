//! `mlflow stop|start`: the tracking server's hours.

use super::{Cli, OnInterrupt, Output, with_changes};
use crate::engine::{Engine, Power};
use clap::{Args, Subcommand};

/// Flags of `mlflow`.
#[derive(Debug, Args)]
pub struct Mlflow {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Clone, Copy, Subcommand)]
enum What {
    /// Stop the cluster's tracking server: its hours cost no more, its data is kept
    Stop,
    /// Start it again
    Start,
}

pub(super) async fn run(cli: &Cli, flags: &Mlflow) -> anyhow::Result<()> {
    let power = match flags.what {
        What::Stop => Power::Off,
        What::Start => Power::On,
    };
    let work = async |engine: &Engine<'_>| engine.power_tracking(power).await;
    let report = with_changes(cli, Some(OnInterrupt::Leave), work).await?;
    if cli.output == Output::Json {
        println!("{}", serde_json::to_string_pretty(&report)?);
        return Ok(());
    }
    println!("{} is {}", report.arn, report.status);
    if power == Power::Off {
        let kept = "its hours cost no more; its store and its bucket are kept and cost what they hold, until `nixl-launch down --mlflow`";
        println!("{}", cli.flags().told(kept));
    }
    Ok(())
}
