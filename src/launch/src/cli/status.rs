//! `status`: the cluster as it is.

use super::{Cli, print_report, with_engine};

pub(super) async fn run(cli: &Cli) -> anyhow::Result<()> {
    let report = with_engine(cli, async |engine| engine.status().await).await?;
    print_report(cli, report)
}
