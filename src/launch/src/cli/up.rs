//! `up`: flags of a launch.

use super::{Cli, OnInterrupt, print_report, with_changes};
use crate::engine::Patience;
use crate::failure::Failure;
use crate::input::Asked;
use crate::plan::Plan;
use clap::Args;
use std::path::PathBuf;
use std::time::Duration;

/// Flags of `up`.
#[derive(Debug, Args)]
pub struct Up {
    /// What is asked for
    #[command(flatten)]
    pub asked: Asked,
    /// Carry out exactly this plan, which `plan --out FILE` wrote
    #[arg(long, value_name = "FILE")]
    pub plan: Option<PathBuf>,
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

pub(super) async fn run(cli: &Cli, flags: &Up) -> anyhow::Result<()> {
    let saved = flags.plan.as_deref().map(Plan::load).transpose()?;
    let report = with_changes(cli, flags.on_interrupt, async |engine| {
        let patience = Patience { ready: flags.timeout, capacity: flags.wait_capacity };
        match &saved {
            Some(saved) => engine.up_as_planned(saved, patience).await,
            None => {
                let spec = cli.spec(&flags.asked, engine).map_err(Failure::unchanged)?;
                engine.up(&spec, patience).await
            }
        }
    })
    .await?;
    print_report(cli, report)
}
