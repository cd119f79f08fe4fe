//! The matrix: each fault with what must be said of it, and the table it makes.

use crate::acts::Times;
use crate::watch::Watch;
use crate::{acts, both_paired, tags};
use anyhow::{Result, ensure};
use nixl_tests::{Region, wait_for};
use std::time::{Duration, Instant};

/// Longer than a peer may be silent before it is lost, and than an answer may take.
pub const SETTLED: Duration = Duration::from_secs(3);
const PATIENCE: Duration = Duration::from_secs(90);

type Act = fn(&Region, &Watch) -> Result<Times>;

/// One fault.
pub struct Row {
    pub name: &'static str,
    act: Act,
    /// Rank of a node with the words of which it must say one.
    says: &'static [(usize, &'static [&'static str])],
    /// Why nobody needs to notice.
    unseen: Option<&'static str>,
}

const fn row(
    name: &'static str,
    act: Act,
    says: &'static [(usize, &'static [&'static str])],
) -> Row {
    Row { name, act, says, unseen: None }
}

const KILLED: &[&str] = &["fabric.worker_killed"];
const HUNG: &[&str] = &["fabric.worker_hung"];
/// Nothing answers, or what does has just started.
const ABSENT: &[&str] = &[crate::watch::SILENT, "booting", "registered", "pair.peer_unknown"];

/// All of them.
pub const ROWS: &[Row] = &[
    row("kill -9 of a daemon", acts::kill_daemon, &[(0, ABSENT)]),
    row("kill -9 of a worker", acts::kill_worker, &[(0, KILLED)]),
    row("kill -9 of both daemons", acts::kill_both, &[(0, ABSENT), (1, ABSENT)]),
    row("SIGSTOP of a daemon, 30 s", acts::stop_daemon, &[(0, ABSENT), (1, acts::APART)]),
    row("SIGSTOP of a worker", acts::stop_worker, &[(0, HUNG), (1, acts::APART)]),
    row("ten restarts in a row", acts::storm, &[(0, ABSENT)]),
    row("partition", acts::cut, &[(0, acts::APART), (1, acts::APART)]),
    row("partition, one way", acts::cut_one_way, &[(0, acts::APART), (1, acts::APART)]),
    row("another key in a tag", tags::wrong_key, &[(1, tags::REFUSED)]),
    row("tags of an earlier life", tags::old_epoch, &[(1, tags::REFUSED)]),
    row("another address in a tag", tags::other_address, &[(1, tags::REFUSED)]),
    row("reboot of a node", acts::reboot, &[(0, ABSENT), (1, acts::APART)]),
    Row {
        name: "packet loss, 20 %, 20 s",
        act: acts::lose_packets,
        says: &[],
        unseen: Some("TCP sends again what is lost; a pair that stays one is no fault"),
    },
];

/// What a fault did.
pub struct Told {
    name: &'static str,
    said: [Vec<(String, Duration)>; 2],
    paired_again: Duration,
    asked_per_sec: [f64; 2],
    unseen: Option<&'static str>,
}

/// Brings a fault about on a pair that is well, and waits until it is again.
pub fn run(region: &Region, row: &'static Row) -> Result<Told> {
    wait_for("a pair before the fault", PATIENCE, || both_paired(region))?;
    let watch = Watch::default();
    let told = std::thread::scope(|scope| {
        watch.begin(scope, region);
        let told = watched(region, &watch, row);
        watch.end();
        told
    })?;
    for (rank, words) in row.says {
        let said = &told.said[*rank];
        let found = said.iter().any(|(word, _)| words.contains(&word.as_str()));
        ensure!(found, "node {rank} should say one of {words:?} and said {said:?}");
    }
    let noticed = told.said.iter().any(|said| !said.is_empty());
    ensure!(noticed || row.unseen.is_some(), "nobody noticed");
    Ok(told)
}

fn watched(region: &Region, watch: &Watch, row: &'static Row) -> Result<Told> {
    let start = Instant::now();
    wait_for("answers before the fault", PATIENCE, || watch.well_since(start, Duration::ZERO))?;
    // A reason that is still told of the row before must not count for this one.
    wait_for("silence about earlier faults", PATIENCE, || watch.quiet())?;
    let Times { begun, over } = (row.act)(region, watch)?;
    let (since, _) = wait_for("pairing again", PATIENCE, || watch.well_since(begun, SETTLED))?;
    Ok(Told {
        name: row.name,
        said: [watch.said(0, begun), watch.said(1, begun)],
        paired_again: since.saturating_duration_since(over),
        asked_per_sec: [watch.rate(0, begun), watch.rate(1, begun)],
        unseen: row.unseen,
    })
}

/// The table of what was told.
pub fn print(table: &[Told]) {
    println!("fault, after which time each node first said what, and when they were paired again");
    for told in table {
        let again = told.paired_again.as_secs_f64();
        println!("{:<30} paired again {again:>6.2} s", told.name);
        for (rank, said) in told.said.iter().enumerate() {
            let words: Vec<_> =
                said.iter().map(|(word, at)| format!("{word} {:.2} s", at.as_secs_f64())).collect();
            let words = if words.is_empty() { "nothing".to_owned() } else { words.join(", ") };
            println!("  node {rank} ({:.0} asked/s): {words}", told.asked_per_sec[rank]);
        }
        if let (Some(why), true) = (told.unseen, told.said.iter().all(Vec::is_empty)) {
            println!("  not noticed: {why}");
        }
    }
}
