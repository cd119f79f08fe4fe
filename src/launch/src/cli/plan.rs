//! `plan`: what `up` would do, and every check; nothing is changed.

use super::{Cli, Output, with_engine};
use crate::failure::Failure;
use crate::input::Asked;
use crate::plan::plan;
use crate::plan_table;
use crate::terminal::Terminal;
use anyhow::Context;
use clap::Args;
use std::path::PathBuf;

/// Flags of `plan`.
#[derive(Debug, Args)]
pub struct PlanFlags {
    /// What is asked for
    #[command(flatten)]
    pub asked: Asked,
    /// Write the plan there as well, for `up --plan FILE`
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Show every network card in the table; JSON has them always
    #[arg(long)]
    pub wide: bool,
}

/// Exit code 1 if something stands in the way, as `up` would have.
pub(super) async fn run(cli: &Cli, flags: &PlanFlags) -> anyhow::Result<()> {
    let mut plan = with_engine(cli, async |engine| {
        let spec = cli.spec(&flags.asked, engine).map_err(Failure::unchanged)?;
        Ok(plan(&spec, &engine.facts(&spec).await.map_err(Failure::unchanged)?))
    })
    .await?;
    if let Some(path) = &flags.out {
        plan.save(path).with_context(|| format!("cannot write {}", path.display()))?;
    }
    plan.checks = cli.flags().checks(plan.checks);
    match cli.output {
        Output::Json => println!("{}", serde_json::to_string_pretty(&plan)?),
        Output::Text => {
            let terminal = Terminal::of(&std::io::stdout());
            print!("{}", plan_table::text(&plan, flags.wide, terminal));
        }
    }
    if plan.ready().is_err() {
        return Err(super::Told { code: 1 }.into());
    }
    Ok(())
}
