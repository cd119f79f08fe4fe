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
    /// Stop the cluster's tracking server, which is kept: its hours cost no more
    #[arg(long, conflicts_with = "mlflow")]
    pub stop_mlflow: bool,
    /// Keep what costs nothing, for a quicker next `up`: security group, role, instance
    /// profile and the placement group used last
    #[arg(long)]
    pub keep_free: bool,
}

impl Down {
    pub(super) fn removal(&self) -> Removal {
        let Self { mlflow, stop_mlflow, keep_free } = *self;
        Removal { mlflow, stop_mlflow, keep_free }
    }
}

pub(super) async fn run(cli: &Cli, flags: &Down) -> anyhow::Result<()> {
    let removal = flags.removal();
    let down = async |engine: &Engine<'_>| engine.down(removal).await;
    let removed = with_changes(cli, Some(OnInterrupt::Leave), down).await?;
    print_removed(cli, &removed)
}

fn print_removed(cli: &Cli, removed: &Removed) -> anyhow::Result<()> {
    if cli.output == Output::Json {
        println!("{}", serde_json::to_string_pretty(removed)?);
        return Ok(());
    }
    let flags = cli.flags();
    lines(cli.cluster.as_str(), removed).iter().for_each(|line| println!("{}", flags.told(line)));
    Ok(())
}

/// What is gone, and what is kept and what that costs.
pub(super) fn lines(cluster: &str, removed: &Removed) -> Vec<String> {
    let Removed { removed, kept, foreign, stopped } = removed;
    let mut lines = Vec::new();
    if removed.is_empty() {
        lines.push(format!("nothing of cluster {cluster} is there"));
    } else {
        lines.push(format!("cluster {cluster} is gone; removed:"));
        lines.extend(removed.iter().map(|it| format!("  {it}")));
    }
    if !kept.is_empty() {
        lines.push(format!("kept: {}", joined(kept)));
        lines.extend(match stopped {
            Some(server) => Some(format!(
                "MLflow tracking server {server} is stopped: it costs what it stores; `nixl-launch mlflow start` starts it"
            )),
            None => kept.iter().find_map(Resource::cost).map(str::to_owned),
        });
    }
    if !foreign.is_empty() {
        lines.push(format!("not this cluster's, left alone: {}", joined(foreign)));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::TRACKING_SERVER;

    #[test]
    fn what_is_kept_is_told_with_its_cost() {
        let removed = Removed {
            removed: vec![Resource::new("instance", "i-1")],
            kept: vec![Resource::new(TRACKING_SERVER, "m")],
            ..Default::default()
        };
        let told = lines("nixl", &removed);
        assert_eq!(told[..2], ["cluster nixl is gone; removed:", "  instance i-1"]);
        assert_eq!(told[2], "kept: MLflow tracking server m");
        assert!(told[3].contains("USD 0.64 an hour") && told[3].contains("down --mlflow"));
        let stopped = Removed { stopped: Some("m".to_owned()), ..removed };
        let told = lines("nixl", &stopped);
        assert!(told[3].contains("is stopped") && told[3].contains("mlflow start"), "{told:?}");
        assert_eq!(lines("x", &Removed::default()), ["nothing of cluster x is there"]);
    }
}
