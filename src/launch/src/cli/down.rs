//! `down`: removal, and what was removed.

use super::{Cli, OnInterrupt, Output, with_changes};
use crate::engine::{Engine, Removal, Removed};
use crate::failure::{Resource, joined};
use clap::Args;

/// Flags of `down`.
#[derive(Debug, Args)]
pub struct Down {
    /// Remove the MLflow tracking server as well, with its role and its bucket: all
    /// runs and artifacts [default: it is kept, and costs money while it is there]
    #[arg(long)]
    pub mlflow: bool,
    /// Keep what costs nothing, for a quicker next `up`: security group, role, instance
    /// profile and the placement group used last
    #[arg(long)]
    pub keep_free: bool,
}

pub(super) async fn run(cli: &Cli, flags: &Down) -> anyhow::Result<()> {
    let removal = Removal { mlflow: flags.mlflow, keep_free: flags.keep_free };
    let down = async |engine: &Engine<'_>| engine.down(removal).await;
    let removed = with_changes(cli, Some(OnInterrupt::Leave), down).await?;
    print_removed(cli, &removed)
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
        println!("kept: {}", joined(&removed.kept));
        if let Some(cost) = removed.kept.iter().find_map(Resource::cost) {
            println!("{cost}");
        }
    }
    if !removed.foreign.is_empty() {
        println!("not this cluster's, left alone: {}", joined(&removed.foreign));
    }
    Ok(())
}
