//! `list`: all clusters of the region.

use super::{Cli, Output, with_engine};
use crate::list::text;
use crate::terminal::Terminal;

pub(super) async fn run(cli: &Cli) -> anyhow::Result<()> {
    let lines = with_engine(cli, async |engine| Ok((engine.list().await?, engine.region.clone())));
    let (lines, region) = lines.await?;
    match cli.output {
        Output::Json => println!("{}", serde_json::to_string_pretty(&lines)?),
        Output::Text if lines.is_empty() => println!(
            "no cluster in {region}; {}",
            cli.flags().told("`nixl-launch up` makes one, `nixl-launch audit` looks for leftovers")
        ),
        Output::Text => print!("{}", text(&lines, Terminal::of(&std::io::stdout()))),
    }
    Ok(())
}
