//! `doctor`: what may be wrong, each with what to do.

use super::{Cli, Output, with_engine};
use crate::doctor::text;
use crate::terminal::Terminal;
use anyhow::bail;
use nixl_cluster::check::Verdict;

pub(super) async fn run(cli: &Cli) -> anyhow::Result<()> {
    let mut diagnosis = with_engine(cli, async |engine| Ok(engine.doctor().await)).await?;
    diagnosis.checks = cli.flags().checks(diagnosis.checks);
    match cli.output {
        Output::Json => println!("{}", serde_json::to_string_pretty(&diagnosis)?),
        Output::Text => print!("{}", text(&diagnosis, Terminal::of(&std::io::stdout()))),
    }
    if diagnosis.verdict == Verdict::Fail {
        bail!("something does not work");
    }
    Ok(())
}
