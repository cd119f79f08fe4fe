//! What people do with what they are told.

use crate::matrix::reasons;
use crate::{NODES, PATIENCE, both_well};
use anyhow::{Result, ensure};
use nixl_tests::{Region, node, wait_for};
use serde_json::Value;

const LOST: &str = "gpu.lost";

fn lose(region: &Region) -> Result<Value> {
    region.control().ok(&["gpu", NODES[1], "2", "lost"])?;
    wait_for("a lost GPU", PATIENCE, || held(region)).map(|(reason, _)| reason)
}

fn mend(region: &Region) -> Result<()> {
    region.control().ok(&["gpu", NODES[1], "2", "well"])?;
    // What is acknowledged leaves the pair well.
    wait_for("silence", PATIENCE, || {
        ensure!(held(region).is_err(), "{LOST} is still told");
        Ok(())
    })?;
    wait_for("a pair that is well", PATIENCE * 2, || both_well(region)).map(drop)
}

/// The reason as the node holds it.
fn held(region: &Region) -> Result<Value> {
    let (_, document) = node::health(region, NODES[1])?;
    let found = reasons(&document).find(|reason| reason["code"] == LOST).cloned();
    found.ok_or_else(|| anyhow::anyhow!("no {LOST} in {document:#}"))
}

/// `nixl-noded ack`.
pub fn acknowledge(region: &Region) -> Result<()> {
    let none = region.exec(NODES[1], &["nixl-noded", "ack", LOST])?;
    ensure!(none.code == 1, "nothing is lost, and: {none}");
    lose(region)?;
    ensure!(node::curl(region, NODES[1], "/readyz")?.0 == 503, "it can be used");
    region.exec_ok(NODES[1], &["nixl-noded", "ack", LOST, "--note", "ticket 4711"])?;
    let usable = || {
        ensure!(node::curl(region, NODES[1], "/readyz")?.0 == 200, "it cannot be used");
        let reason = held(region)?;
        ensure!(reason["acknowledged"]["note"] == "ticket 4711", "{reason:#}");
        Ok(())
    };
    usable()?;
    region.exec_ok(NODES[1], &["systemctl", "restart", "nixl-noded"])?;
    wait_for("the acknowledgement after a restart", PATIENCE, usable)?;
    mend(region)?;
    // It ended with its reason: the next time counts.
    let again = lose(region)?;
    ensure!(again["acknowledged"].is_null(), "{again:#}");
    ensure!(node::curl(region, NODES[1], "/readyz")?.0 == 503, "an old acknowledgement counts");
    mend(region)
}

/// `nixl-noded check --peer`, from the node that is well.
pub fn check(region: &Region) -> Result<()> {
    let args = ["nixl-noded", "check", "--peer"];
    let well = region.exec(NODES[0], &args)?;
    ensure!(well.code == 0, "{well}");
    lose(region)?;
    let text = region.exec(NODES[0], &args)?;
    ensure!(text.code == 1 && text.stdout.contains(LOST), "{text}");
    let args = ["nixl-noded", "check", "--peer", "--output", "json"];
    let document: Value = serde_json::from_str(&region.exec(NODES[0], &args)?.stdout)?;
    ensure!(document.to_string().contains(LOST), "{document:#}");
    let alone = region.exec(NODES[0], &["nixl-noded", "check"])?;
    ensure!(alone.code == 0, "the peer's GPU is not this node's: {alone}");
    mend(region)
}

/// `nixl-noded events` and `journalctl -x`.
pub fn events(region: &Region) -> Result<()> {
    let text = region.exec_ok(NODES[1], &["nixl-noded", "events", "--reason", LOST])?;
    ensure!(text.contains(LOST), "{text}");
    let args = ["nixl-noded", "events", "--output", "json", "--reason", LOST];
    for line in region.exec_ok(NODES[1], &args)?.lines() {
        let event: Value = serde_json::from_str(line)?;
        ensure!(event.to_string().contains(LOST), "{event}");
    }
    let explained = ["journalctl", "-x", "--no-pager", &format!("REASON={LOST}")];
    let text = region.exec_ok(NODES[1], &explained)?;
    ensure!(text.contains("Subject: Reason gpu.lost"), "{text}");
    Ok(())
}

/// `/` and `/metrics` while a GPU is lost.
pub fn pages(region: &Region) -> Result<()> {
    lose(region)?;
    let page = ["curl", "-s", "-H", "Accept: text/html", "http://localhost:9100/"];
    let html = region.exec_ok(NODES[1], &page)?;
    ensure!(html.contains("<html") && html.contains(LOST), "{html}");
    let (code, metrics) = node::curl(region, NODES[1], "/metrics")?;
    ensure!(code == 200 && metrics.trim_end().ends_with("# EOF"), "{code} {metrics}");
    let told = metrics.lines().any(|line| line.starts_with("nixl_reason{") && line.contains(LOST));
    ensure!(told, "{metrics}");
    mend(region)
}
