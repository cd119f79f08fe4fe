//! `down`: removal, and what was removed.

use super::{Cli, Output, with_engine};
use crate::engine::{Engine, Removed};
use crate::failure::joined;
use clap::Args;

/// Flags of `down`.
#[derive(Debug, Args)]
pub struct Down {
    /// Keep the MLflow tracking server, its role and its bucket
    #[arg(long)]
    pub keep_mlflow: bool,
}

pub(super) async fn run(cli: &Cli, flags: &Down) -> anyhow::Result<()> {
    let down = async |engine: &Engine<'_>| engine.down(flags.keep_mlflow).await;
    let removed = with_engine(cli, down).await?;
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
        println!("kept, as asked: {}", joined(&removed.kept));
    }
    if !removed.foreign.is_empty() {
        println!("not this cluster's, left alone: {}", joined(&removed.foreign));
    }
    Ok(())
}
