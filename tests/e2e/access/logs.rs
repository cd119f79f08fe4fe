//! `logs` beside what the nodes' own journalctl says.

use crate::started::Started;
use crate::{NODES, PATIENCE, Pair, end_sessions, gone, paired, sessions};
use anyhow::{Context as _, Result, ensure};
use nixl_tests::{Region, wait_for};
use serde_json::Value;
use std::collections::BTreeSet;

const PEER_LOST: &str = "pair.peer_lost";
/// What only our journalctl has in its command line.
const FOLLOWS: &str = "journalctl.*--follow --no-tail";

/// Cursors of the daemon's entries of this boot, oldest first.
fn cursors(region: &Region, node: &str) -> Result<Vec<String>> {
    let args = ["journalctl", "--boot=0", "--identifier=nixl-noded", "--output=json", "--no-pager"];
    let text = region.exec_ok(node, &[&args[..], &["--output-fields=MESSAGE"]].concat())?;
    let entries = text.lines().map(|line| -> Result<String> {
        let entry: Value = serde_json::from_str(line)?;
        Ok(entry["__CURSOR"].as_str().context("no cursor")?.to_owned())
    });
    entries.collect()
}

fn parsed(lines: &[String]) -> Result<Vec<Value>> {
    lines.iter().map(|line| serde_json::from_str(line).with_context(|| line.clone())).collect()
}

/// Cursors of a node's entries, as told.
fn of<'a>(told: &'a [Value], node: &str) -> Vec<&'a str> {
    let its = told.iter().filter(|entry| entry["node"] == node);
    its.filter_map(|entry| entry["cursor"].as_str()).collect()
}

/// What was told of each node is what its journal holds, in its order, once: at
/// least what it held `before`.
fn whole(region: &Region, told: &[Value], before: &[Vec<String>]) -> Result<()> {
    for (node, before) in NODES.iter().zip(before) {
        let told = of(told, node);
        let journal = cursors(region, node)?;
        ensure!(told.len() >= before.len(), "{node}: {} of {}", told.len(), before.len());
        let same = journal.len() >= told.len() && told.iter().zip(&journal).all(|(a, b)| a == b);
        ensure!(same, "{node}: told {told:#?}\nbut the journal: {journal:#?}");
    }
    Ok(())
}

/// Everything, once, by time.
pub fn merged(pair: &Pair) -> Result<()> {
    let launch = pair.region.program("nixl-launch");
    let before = NODES.map(|node| cursors(&pair.region, node));
    let before = before.into_iter().collect::<Result<Vec<_>>>()?;
    ensure!(before.iter().all(|node| node.len() > 3), "the daemons say nothing: {before:?}");
    let text = launch.ok(&["logs", "--output=json"])?;
    let told = parsed(&text.lines().map(str::to_owned).collect::<Vec<_>>())?;
    whole(&pair.region, &told, &before)?;
    let times: Vec<&str> = told.iter().filter_map(|entry| entry["at"].as_str()).collect();
    ensure!(times.len() == told.len() && times.is_sorted(), "not by time: {times:#?}");
    let turns = told.windows(2).filter(|two| two[0]["node"] != two[1]["node"]).count();
    ensure!(turns > 1, "the nodes' entries are not merged");
    let text = launch.ok(&["logs", "--node=1"])?;
    ensure!(text.lines().all(|line| line.contains("  nixl-node2  ")), "{text}");
    ensure!(text.lines().any(|line| line.contains("stage=paired")), "{text}");
    Ok(())
}

/// `--stage`, `--reason`, `--unit`, `--since`.
pub fn filtered(pair: &Pair) -> Result<()> {
    let launch = pair.region.program("nixl-launch");
    let told = |args: &[&str]| -> Result<Vec<Value>> {
        let text = launch.ok(&[&["logs", "--output=json"][..], args].concat())?;
        parsed(&text.lines().map(str::to_owned).collect::<Vec<_>>())
    };
    let stages = told(&["--stage=paired", "--stage=handshake"])?;
    let named: BTreeSet<&str> =
        stages.iter().filter_map(|entry| entry["fields"]["STAGE"].as_str()).collect();
    ensure!(named == BTreeSet::from(["handshake", "paired"]), "{named:?}: {stages:#?}");
    let units = told(&["--unit=nixl-environment.service"])?;
    ensure!(NODES.iter().all(|node| !of(&units, node).is_empty()), "{units:#?}");
    ensure!(told(&["--since=2199-01-01"])?.is_empty(), "entries of the future");
    let unknown = ["logs", "--reason=pair.peer_lots"];
    launch.refused(&unknown, 2, &["did you mean pair.peer_lost?"])?;
    launch.refused(&["logs", "--since=whenever"], 1, &["nixl-node1: journalctl ended with 1"])
}

/// The daemon dies, the sessions die, and Ctrl-C.
pub fn followed(pair: &Pair) -> Result<()> {
    let region = &pair.region;
    let launch = region.program("nixl-launch");
    let all = Started::new(&launch, &["logs", "-f", "--output=json"])?;
    let filter = format!("--reason={PEER_LOST}");
    let lost = Started::new(&launch, &["logs", "-f", "--output=json", &filter])?;
    let caught_up = || {
        let before = NODES.map(|node| cursors(region, node));
        let before = before.into_iter().collect::<Result<Vec<_>>>()?;
        wait_for("what the journals hold", PATIENCE, || {
            whole(region, &parsed(&all.lines())?, &before)
        })
    };
    caught_up()?;
    let seen = lost.lines().len();
    region.exec_ok(NODES[1], &["systemctl", "kill", "--signal=KILL", "nixl-noded"])?;
    // Told by the node that lost its peer.
    let reasons = parsed(&lost.said(seen + 1)?)?;
    let right = |entry: &Value| entry["fields"]["REASON"] == PEER_LOST;
    ensure!(reasons.iter().all(right), "{reasons:#?}");
    ensure!(reasons[seen..].iter().any(|entry| entry["node"] == NODES[0]), "{reasons:#?}");
    wait_for("the pair again", PATIENCE, || paired(region))?;
    caught_up()?;
    let ended = end_sessions(region)?;
    ensure!(ended == 2 * NODES.len(), "two followers of two nodes had {ended} sessions");
    for node in NODES {
        region.exec_ok(node, &["systemctl", "kill", "--signal=KILL", "nixl-noded"])?;
    }
    wait_for("the pair again", PATIENCE, || paired(region))?;
    caught_up()?;
    for node in NODES {
        region.exec_ok(node, &["pgrep", "-f", FOLLOWS])?;
    }
    for follower in [all, lost] {
        let code = follower.interrupt()?;
        ensure!(code == 0, "exit code {code} after Ctrl-C");
    }
    NODES.iter().try_for_each(|node| gone(region, node, FOLLOWS))?;
    let none = sessions(region)?;
    ensure!(none.is_empty(), "sessions left: {none:?}");
    Ok(())
}
