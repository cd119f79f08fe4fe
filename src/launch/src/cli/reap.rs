//! `reap`: takes down what is over; says what it sees.

use super::{Cli, Down, OnInterrupt, Output, Told, with_changes};
use crate::engine::{Engine, Look, Removal, Removed};
use crate::failure::Failure;
use crate::lifetime::{Found, Verdict};
use clap::Args;
use jiff::SignedDuration;
use serde::Serialize;
use std::time::Duration;

/// Exit code of a look that finds clusters to take down.
const DUE: u8 = 3;

/// Flags of `reap`.
#[derive(Debug, Args)]
pub struct Reap {
    /// Take them down; without it they are only told (exit code 3 if there are any)
    #[arg(long)]
    yes: bool,
    /// How long after its end a cluster is left to its own timers, e.g. 10m
    #[arg(long, default_value = "10m", value_parser = super::duration)]
    grace: Duration,
    #[command(flatten)]
    down: Down,
}

/// The result.
#[derive(Debug, Serialize)]
struct Reaped {
    #[serde(flatten)]
    look: Look,
    /// What was removed, by cluster; empty without `--yes`.
    removed: Vec<Gone>,
}

#[derive(Debug, Serialize)]
struct Gone {
    cluster: String,
    #[serde(flatten)]
    removed: Removed,
}

pub(super) async fn run(cli: &Cli, flags: &Reap) -> anyhow::Result<()> {
    let work = async |engine: &Engine<'_>| reap(engine, flags).await;
    let reaped = with_changes(cli, Some(OnInterrupt::Leave), work).await?;
    match cli.output {
        Output::Json => println!("{}", serde_json::to_string_pretty(&reaped)?),
        Output::Text => print!("{}", told(&reaped)),
    }
    if !flags.yes && !reaped.look.over().is_empty() {
        return Err(Told { code: DUE }.into());
    }
    Ok(())
}

async fn reap(engine: &Engine<'_>, flags: &Reap) -> Result<Reaped, Failure> {
    let look = engine.look_for_over(flags.grace).await?;
    let removal = Removal { mlflow: flags.down.mlflow, keep_free: flags.down.keep_free };
    let mut removed = Vec::new();
    let mut failed = None;
    for cluster in look.over().iter().filter(|_| flags.yes) {
        match engine.reap(cluster, flags.grace, removal).await {
            Ok(Some(gone)) => removed.push(Gone { cluster: cluster.to_string(), removed: gone }),
            Ok(None) => engine.progress.told(&format!("{cluster} was extended meanwhile")),
            // One that cannot be removed is no reason to let the others run.
            Err(failure) => {
                engine.progress.told(&format!("{cluster}: {failure}; {}", failure.left));
                failed = Some(failure);
            }
        }
    }
    match failed {
        Some(failure) => Err(failure),
        None => Ok(Reaped { look, removed }),
    }
}

fn told(reaped: &Reaped) -> String {
    let Look { account, region, clusters } = &reaped.look;
    let mut text = match clusters.len() {
        0 => format!(
            "no instance of account {account} in {region} carries the tag nixl:cluster: there is nothing to reap, or this is the wrong account or region\n"
        ),
        count => format!(
            "{count} clusters of account {account} in {region}, {} of them over\n",
            reaped.look.over().len()
        ),
    };
    for found in clusters {
        text.push_str(&line(found));
    }
    for Gone { cluster, removed } in &reaped.removed {
        text.push_str(&format!("cluster {cluster} is gone; removed:\n"));
        removed.removed.iter().for_each(|it| text.push_str(&format!("  {it}\n")));
    }
    if reaped.removed.is_empty() && !reaped.look.over().is_empty() {
        text.push_str("nothing was removed; `nixl-launch reap --yes` takes them down\n");
    }
    text
}

fn line(found: &Found) -> String {
    let span = |secs: i64| format!("{:#}", SignedDuration::from_secs(secs.saturating_abs()));
    let end = found.end.as_deref().unwrap_or("unknown");
    let verdict = match &found.verdict {
        Verdict::Over { since_secs } => format!("over since {end}, for {}", span(*since_secs)),
        Verdict::Lives { left_secs: left @ ..0 } => {
            format!("over for {}, within the grace", span(*left))
        }
        Verdict::Lives { left_secs } => format!("lives until {end}, for {}", span(*left_secs)),
        Verdict::NoEnd => "has no end, left alone".to_owned(),
        Verdict::Unreadable { why } => format!("left alone: {why}"),
        Verdict::NotOurs => "is no cluster of nixl-launch, left alone".to_owned(),
    };
    let ids = found.instance_ids.join(", ");
    format!("  {}: {verdict} ({ids})\n", found.cluster)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(cluster: &str, verdict: Verdict) -> Found {
        let end = Some("2026-11-28T11:00:00Z".to_owned());
        Found { cluster: cluster.to_owned(), instance_ids: vec!["i-1".to_owned()], end, verdict }
    }

    fn reaped(clusters: Vec<Found>) -> Reaped {
        let (account, region) = ("123456789012".to_owned(), "us-east-1".to_owned());
        Reaped { look: Look { account, region, clusters }, removed: Vec::new() }
    }

    #[test]
    fn a_look_says_what_it_sees_and_why() {
        let seen = reaped(vec![
            found("a", Verdict::Over { since_secs: 3600 }),
            found("b", Verdict::Lives { left_secs: 90 }),
            found("c", Verdict::NoEnd),
        ]);
        assert_eq!(
            told(&seen),
            "3 clusters of account 123456789012 in us-east-1, 1 of them over\n  \
             a: over since 2026-11-28T11:00:00Z, for 1h (i-1)\n  \
             b: lives until 2026-11-28T11:00:00Z, for 1m 30s (i-1)\n  \
             c: has no end, left alone (i-1)\n\
             nothing was removed; `nixl-launch reap --yes` takes them down\n"
        );
    }

    #[test]
    fn a_reaper_that_sees_nothing_says_so() {
        assert!(told(&reaped(vec![])).contains("no instance of account 123456789012 in us-east-1"));
    }
}
