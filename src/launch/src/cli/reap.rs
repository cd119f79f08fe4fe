//! `reap`: takes down what is over; says what it sees.

use super::{Cli, Down, OnInterrupt, Output, Told, with_changes};
use crate::command::Flags;
use crate::engine::{Engine, Look, Removed};
use crate::failure::{Failure, Left, Problem, Resource, joined};
use crate::lifetime::{Found, Verdict};
use clap::Args;
use jiff::SignedDuration;
use serde::Serialize;
use std::time::Duration;

/// Exit code of a look that finds clusters to take down.
const DUE: u8 = 3;
/// Default of `--grace`.
const DEFAULT_GRACE: &str = "10m";
/// Exit code after Ctrl-C, as shells have it.
const INTERRUPTED: u8 = 130;

/// Flags of `reap`.
#[derive(Debug, Args)]
pub struct Reap {
    /// Take them down; without it they are only told (exit code 3 if there are any)
    #[arg(long)]
    yes: bool,
    /// How long after its end a cluster is left to its own timers, e.g. 10m
    #[arg(long, default_value = DEFAULT_GRACE, value_parser = super::duration)]
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
    /// What instances of these, or without `--yes` of all that are over, cost;
    /// as far as prices are known, US dollars.
    saves_usd_per_hour: f64,
    /// Clusters that are not gone though they should be.
    failed: Vec<Failed>,
}

#[derive(Debug, Serialize)]
struct Gone {
    cluster: String,
    #[serde(flatten)]
    removed: Removed,
}

#[derive(Debug, Serialize)]
struct Failed {
    cluster: String,
    code: &'static str,
    message: String,
    left: Left,
}

pub(super) async fn run(cli: &Cli, flags: &Reap) -> anyhow::Result<()> {
    let work = async |engine: &Engine<'_>| reap(engine, flags).await;
    let mut reaped = with_changes(cli, Some(OnInterrupt::Leave), work).await?;
    let told_with = cli.flags();
    reaped.make_whole(&told_with);
    // Also after a failure: what is gone is gone.
    match cli.output {
        Output::Json => println!("{}", serde_json::to_string_pretty(&reaped)?),
        Output::Text => print!("{}", told(&reaped, &told_with, flags.for_real())),
    }
    match reaped.code(flags.yes) {
        0 => Ok(()),
        code => Err(Told { code }.into()),
    }
}

impl Reap {
    /// The command that takes down what a look has told; none after one that did.
    fn for_real(&self) -> Option<String> {
        if self.yes {
            return None;
        }
        let mut command = "nixl-launch reap --yes".to_owned();
        if super::duration(DEFAULT_GRACE) != Ok(self.grace) {
            command.push_str(&format!(" --grace {}s", self.grace.as_secs()));
        }
        for (flag, is_set) in [
            ("--mlflow", self.down.mlflow),
            ("--stop-mlflow", self.down.stop_mlflow),
            ("--keep-free", self.down.keep_free),
        ] {
            if is_set {
                command.push_str(&format!(" {flag}"));
            }
        }
        Some(command)
    }
}

impl Reaped {
    /// Makes the commands whole that its messages suggest.
    fn make_whole(&mut self, flags: &Flags) {
        for Failed { cluster, message, .. } in &mut self.failed {
            *message = flags.of(cluster).told(message);
        }
        for Found { cluster, verdict, .. } in &mut self.look.clusters {
            if let Verdict::Unreadable { why } = verdict {
                *why = flags.of(cluster).told(why);
            }
        }
    }

    fn code(&self, yes: bool) -> u8 {
        let interrupted = |it: &Failed| it.code == Problem::Interrupted.code();
        match self.failed.as_slice() {
            failed if failed.iter().any(interrupted) => INTERRUPTED,
            [_, ..] => 1,
            [] if !yes && !self.look.over().is_empty() => DUE,
            [] => 0,
        }
    }
}

async fn reap(engine: &Engine<'_>, flags: &Reap) -> Result<Reaped, Failure> {
    let removal = flags.down.removal();
    let look = engine.look_for_over(flags.grace, removal).await?;
    let (mut removed, mut failed) = (Vec::new(), Vec::new());
    for name in look.over().iter().filter(|_| flags.yes) {
        let cluster = name.to_string();
        match engine.reap(name, flags.grace, removal).await {
            Ok(Some(gone)) => removed.push(Gone { cluster, removed: gone }),
            Ok(None) => {
                let told = "was extended or is being launched, or is gone by now: left alone";
                engine.progress.told(&format!("{cluster} {told}"));
            }
            // One that cannot be removed is no reason to let the others run; a
            // person who wants to leave is.
            Err(Failure { problem, left }) => {
                let (code, message) = (problem.code(), problem.to_string());
                failed.push(Failed { cluster, code, message, left });
            }
        }
        if engine.pace.stop.is_asked() {
            break;
        }
    }
    let is_gone = |found: &&Found| match flags.yes {
        true => removed.iter().any(|gone| gone.cluster == found.cluster),
        false => found.over().is_some(),
    };
    let gone = look.clusters.iter().filter(is_gone);
    let saves_usd_per_hour =
        gone.filter_map(|found| found.cost.as_ref()).map(|cost| cost.usd_per_hour).sum();
    Ok(Reaped { look, removed, saves_usd_per_hour, failed })
}

/// For people; `for_real` is what takes down what was only looked at.
fn told(reaped: &Reaped, flags: &Flags, for_real: Option<String>) -> String {
    let Look { account, region, clusters, unread } = &reaped.look;
    let mut text = match clusters.len() {
        0 => format!(
            "nothing of account {account} in {region} carries the tag nixl:cluster: there is nothing to reap, or this is the wrong account or region\n"
        ),
        count => format!(
            "account {account} in {region}: clusters {count}, over {}\n",
            reaped.look.over().len()
        ),
    };
    if !unread.is_empty() {
        text.push_str(&format!(
            "what has no nodes may be missing, for these could not be read:\n  {}\n",
            unread.join("\n  ")
        ));
    }
    for found in clusters {
        text.push_str(&flags.of(&found.cluster).told(&line(found)));
    }
    for Gone { cluster, removed } in &reaped.removed {
        super::down::lines(cluster, removed)
            .iter()
            .for_each(|line| text.push_str(&format!("{}\n", flags.of(cluster).told(line))));
    }
    for Failed { cluster, message, left, .. } in &reaped.failed {
        text.push_str(&format!(
            "cluster {cluster} is not gone: {message}\n  {}\n",
            flags.of(cluster).told(&left.told())
        ));
    }
    if let Some(command) = for_real.filter(|_| !reaped.look.over().is_empty()) {
        text.push_str(&flags.told(&format!("nothing was removed; `{command}` takes them down")));
        if reaped.saves_usd_per_hour > 0.0 {
            text.push_str(&format!(" and saves ${:.2} an hour", reaped.saves_usd_per_hour));
        }
        text.push('\n');
    } else if reaped.saves_usd_per_hour > 0.0 {
        text.push_str(&format!("${:.2} an hour are saved\n", reaped.saves_usd_per_hour));
    }
    text
}

/// What a cluster that is over costs, and has cost since its end.
fn cost(found: &Found, since_secs: i64) -> String {
    found.cost.as_ref().map_or_else(String::new, |cost| {
        let usd = cost.usd_per_hour * since_secs as f64 / 3600.0;
        format!("; ${:.2} an hour, ${usd:.2} since then", cost.usd_per_hour)
    })
}

fn line(found: &Found) -> String {
    let span = |secs: i64| format!("{:#}", SignedDuration::from_secs(secs.saturating_abs()));
    let end = found.end.as_deref().unwrap_or("unknown");
    let verdict = match &found.verdict {
        Verdict::Over { since_secs } => {
            format!("over since {end}, for {}{}", span(*since_secs), cost(found, *since_secs))
        }
        Verdict::Lives { left_secs: left @ ..0 } => {
            format!("over for {}, within the grace", span(*left))
        }
        Verdict::Lives { left_secs } => format!("lives until {end}, for {}", span(*left_secs)),
        Verdict::Leftovers { left } => {
            return format!(
                "  {}: over, no node is left; still there: {}\n",
                found.cluster,
                joined(left)
            );
        }
        Verdict::Kept { kept } => {
            let cost = kept.iter().find_map(Resource::cost).map(|cost| format!("\n    {cost}"));
            return format!(
                "  {}: no node is left; kept unless --mlflow is given, or by --keep-free: {}{}\n",
                found.cluster,
                joined(kept),
                cost.unwrap_or_default()
            );
        }
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
    use crate::lifetime::Cost;

    fn found(cluster: &str, verdict: Verdict) -> Found {
        let end = Some("2026-11-28T11:00:00Z".to_owned());
        let (cluster, instance_ids) = (cluster.to_owned(), vec!["i-1".to_owned()]);
        Found { cluster, instance_ids, end, cost: None, verdict }
    }

    fn look(yes: bool, grace: &str, mlflow: bool) -> Option<String> {
        let down = Down { mlflow, stop_mlflow: false, keep_free: false };
        Reap { yes, grace: crate::cli::duration(grace).unwrap(), down }.for_real()
    }

    fn reaped(clusters: Vec<Found>) -> Reaped {
        let (account, region) = ("123456789012".to_owned(), "us-east-1".to_owned());
        let look = Look { account, region, clusters, unread: Vec::new() };
        Reaped { look, removed: Vec::new(), saves_usd_per_hour: 0.0, failed: Vec::new() }
    }

    #[test]
    fn a_look_says_what_it_sees_and_why() {
        let seen = reaped(vec![
            found("a", Verdict::Over { since_secs: 3600 }),
            found("b", Verdict::Lives { left_secs: 90 }),
            found("c", Verdict::NoEnd),
        ]);
        assert_eq!(
            told(&seen, &Flags::default(), look(false, "10m", false)),
            "account 123456789012 in us-east-1: clusters 3, over 1\n  \
             a: over since 2026-11-28T11:00:00Z, for 1h (i-1)\n  \
             b: lives until 2026-11-28T11:00:00Z, for 1m 30s (i-1)\n  \
             c: has no end, left alone (i-1)\n\
             nothing was removed; `nixl-launch reap --yes` takes them down\n"
        );
    }

    #[test]
    fn what_it_saves_and_what_it_cannot_see_is_told() {
        let mut over = found("a", Verdict::Over { since_secs: 1800 });
        let source = String::new();
        over.cost = Some(Cost { usd_per_hour: 9.2, usd_so_far: 80.0, source });
        let mut seen = reaped(vec![over]);
        seen.saves_usd_per_hour = 9.2;
        seen.look.unread = vec!["iam ListRoles: AccessDenied: no".to_owned()];
        let text = told(&seen, &Flags::default(), look(false, "0s", true));
        let command = "removed; `nixl-launch reap --yes --grace 0s --mlflow` takes";
        assert!(text.contains(command), "what was looked at is what goes: {text}");
        assert!(text.contains("for 30m; $9.20 an hour, $4.60 since then (i-1)"), "{text}");
        assert!(text.contains("takes them down and saves $9.20 an hour\n"), "{text}");
        assert!(text.contains("could not be read:\n  iam ListRoles"), "{text}");
    }

    #[test]
    fn who_has_said_yes_is_not_told_to() {
        let left_alone = reaped(vec![found("a", Verdict::Over { since_secs: 3600 })]);
        let text = told(&left_alone, &Flags::default(), look(true, "10m", false));
        assert!(!text.contains("nixl-launch reap"), "{text}");
    }

    #[test]
    fn commands_are_whole_in_every_output() {
        let why = "`nixl-launch extend --ttl 8h` gives it an end".to_owned();
        let mut odd = reaped(vec![found("a", Verdict::Unreadable { why })]);
        odd.make_whole(&Flags::default());
        let json = serde_json::to_string(&odd).unwrap();
        assert!(json.contains("`nixl-launch extend --ttl 8h --cluster a`"), "{json}");
    }

    #[test]
    fn a_reaper_that_sees_nothing_says_so() {
        assert!(
            told(&reaped(vec![]), &Flags::default(), look(false, "10m", false))
                .contains("nothing of account 123456789012 in us-east-1")
        );
    }

    #[test]
    fn what_is_gone_is_told_also_if_others_are_not() {
        let over = found("a", Verdict::Leftovers { left: vec![Resource::new("volume", "vol-1")] });
        let mut half = reaped(vec![over]);
        assert_eq!((half.code(false), half.code(true)), (DUE, 0));
        let removed =
            Removed { removed: vec![Resource::new("instance", "i-9")], ..Removed::default() };
        half.removed.push(Gone { cluster: "b".to_owned(), removed });
        half.failed.push(Failed {
            cluster: "a".to_owned(),
            code: Problem::Residue.code(),
            message: Problem::Residue.to_string(),
            left: Left::Unknown,
        });
        let text = told(&half, &Flags::default(), look(true, "10m", false));
        assert!(text.contains("a: over, no node is left; still there: volume vol-1"), "{text}");
        assert!(text.contains("cluster b is gone; removed:\n  instance i-9"), "{text}");
        assert!(text.contains("cluster a is not gone") && text.contains("--cluster a"), "{text}");
        assert_eq!(half.code(true), 1);
        half.failed[0].code = Problem::Interrupted.code();
        assert_eq!(half.code(true), INTERRUPTED);
    }
}
