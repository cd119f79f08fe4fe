//! `doctor`: what may be wrong, each with what to do.

use super::{Cli, Output, with_engine};
use crate::doctor::text;
use crate::failure::Failure;
use crate::input::Asked;
use crate::terminal::Terminal;
use nixl_cluster::check::Verdict;

pub(super) async fn run(cli: &Cli) -> anyhow::Result<()> {
    let mut diagnosis = with_engine(cli, async |engine| {
        let spec = cli.spec(&Asked::default(), engine).map_err(Failure::unchanged)?;
        Ok(engine.doctor(&spec).await)
    })
    .await?;
    diagnosis.checks = cli.flags().checks(diagnosis.checks);
    match cli.output {
        Output::Json => println!("{}", serde_json::to_string_pretty(&diagnosis)?),
        Output::Text => print!("{}", text(&diagnosis, Terminal::of(&std::io::stdout()))),
    }
    if diagnosis.verdict == Verdict::Fail {
        return Err(super::Told { code: 1 }.into());
    }
    Ok(())
}
