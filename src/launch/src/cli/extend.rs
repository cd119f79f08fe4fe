//! `extend`: another end for a cluster that runs.

use super::{Cli, OnInterrupt, Output, with_changes};
use crate::engine::{Consent, Engine, Extended};
use crate::lifetime::Change;
use clap::Args;
use jiff::Timestamp;
use std::time::Duration;

/// Flags of `extend`.
#[derive(Debug, Args)]
pub struct Extend {
    #[command(flatten)]
    change: ChangeArgs,
    /// Also to an end that is over by now: the nodes power off at once
    #[arg(long)]
    yes: bool,
    /// Only say what would be done and what it costs
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct ChangeArgs {
    /// So much longer, e.g. 2h
    #[arg(value_name = "LONGER", value_parser = super::duration)]
    by: Option<Duration>,
    /// So long from now on, e.g. 30m
    #[arg(long, value_parser = super::duration)]
    ttl: Option<Duration>,
    /// To this time: RFC 3339, e.g. 2026-11-28T20:00:00Z
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<Timestamp>,
}

impl ChangeArgs {
    fn change(&self) -> Change {
        match (self.by, self.ttl, self.until) {
            (_, _, Some(at)) => Change::Until(at),
            (_, Some(ttl), _) => Change::Ttl(ttl),
            (by, _, _) => Change::By(by.unwrap_or_default()),
        }
    }
}

fn time(text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|_| {
        format!("{text:?} is no time; write e.g. 2026-11-28T20:00:00Z or 2026-11-28T21:00:00+01:00")
    })
}

pub(super) async fn run(cli: &Cli, flags: &Extend) -> anyhow::Result<()> {
    let change = flags.change.change();
    let consent = Consent { over: flags.yes, dry_run: flags.dry_run };
    let work = async |engine: &Engine<'_>| engine.extend(change, consent).await;
    let done = with_changes(cli, Some(OnInterrupt::Leave), work).await?;
    match cli.output {
        Output::Json => println!("{}", serde_json::to_string_pretty(&done)?),
        Output::Text => println!("{}", told(&done)),
    }
    Ok(())
}

fn told(done: &Extended) -> String {
    if done.dry_run {
        return format!("{}; nothing was moved", done.told_before());
    }
    let Extended { cluster, old_end, end, left_secs, nodes, .. } = done;
    let left = Duration::from_secs((*left_secs).try_into().unwrap_or(0));
    let left = jiff::SignedDuration::try_from(left).unwrap_or_default();
    format!(
        "cluster {cluster} ends at {end}, in {left:#} (before: {old_end}); tag, schedule and timer of {} are moved\n{}",
        nodes.join(", "),
        done.told_cost()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lifetime::{Cost, EndCost};

    #[test]
    fn the_new_end_is_told() {
        let done = Extended {
            cluster: "nixl".to_owned(),
            old_end: "2026-11-28T20:00:00Z".to_owned(),
            end: "2026-11-28T22:00:00Z".to_owned(),
            left_secs: 9000,
            cost: Some(EndCost::new(
                Cost { usd_per_hour: 8.0, usd_so_far: 4.0, source: "a list".to_owned() },
                0,
                Some(1800),
                9000,
            )),
            nodes: vec!["nixl-node1".to_owned(), "nixl-node2".to_owned()],
            dry_run: false,
        };
        let would = Extended { dry_run: true, cost: None, ..done.clone() };
        assert_eq!(
            told(&would),
            "cluster nixl is to end at 2026-11-28T22:00:00Z instead of 2026-11-28T20:00:00Z; what that costs is not known; nothing was moved"
        );
        assert_eq!(
            told(&done),
            "cluster nixl ends at 2026-11-28T22:00:00Z, in 2h 30m (before: 2026-11-28T20:00:00Z); tag, schedule and timer of nixl-node1, nixl-node2 are moved\n\
             instances cost $8.00 an hour (a list): $4.00 so far, $24.00 by then, $16.00 more than before"
        );
    }
}
