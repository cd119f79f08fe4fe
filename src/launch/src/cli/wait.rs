//! `wait`: until the cluster is where it should be.

use super::{Cli, print_report, with_engine};
use crate::engine::Goal;
use clap::{Args, ValueEnum};
use std::time::Duration;

/// Flags of `wait`.
#[derive(Debug, Args)]
pub struct Wait {
    /// What to wait for
    #[arg(long = "for", value_enum, default_value_t = For::Paired)]
    what: For,
    /// How long, e.g. 90s or 15m; exit code 1 after that
    #[arg(long, default_value = "15m", value_parser = super::duration)]
    timeout: Duration,
}

/// What can be waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum For {
    /// Every node is ready, as `up` waits for it
    Paired,
    /// The SSM agent of every node is online
    Ssm,
    /// No node of the cluster is left
    Gone,
}

pub(super) async fn run(cli: &Cli, flags: &Wait) -> anyhow::Result<()> {
    let goal = match flags.what {
        For::Paired => Goal::Ready,
        For::Ssm => Goal::Ssm,
        For::Gone => {
            with_engine(cli, async |engine| engine.wait_gone(flags.timeout).await).await?;
            match cli.output {
                super::Output::Json => println!("{}", serde_json::json!({ "gone": true })),
                super::Output::Text => println!("no node of cluster {} is left", cli.cluster),
            }
            return Ok(());
        }
    };
    let wait = async |engine: &crate::engine::Engine<'_>| engine.wait(goal, flags.timeout).await;
    let report = with_engine(cli, wait).await?;
    print_report(cli, report)
}
