//! `audit`: everything of every cluster of the region.

use super::{Cli, Output, with_engine};
use crate::audit::text;
use crate::terminal::Terminal;

pub(super) async fn run(cli: &Cli) -> anyhow::Result<()> {
    let audit = with_engine(cli, async |engine| engine.audit_region().await).await?;
    match cli.output {
        Output::Json => println!("{}", serde_json::to_string_pretty(&audit)?),
        Output::Text => print!("{}", text(&audit, &cli.flags(), Terminal::of(&std::io::stdout()))),
    }
    if !audit.is_clean() {
        return Err(super::Told { code: 1 }.into());
    }
    Ok(())
}
