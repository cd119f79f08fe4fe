//! A daemon that systemd stops says goodbye: its peer neither waits for its
//! silence nor goes on knocking.

use crate::{NODES, both_paired};
use anyhow::{Result, ensure};
use nixl_tests::{Region, node, wait_for};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(30);
/// A peer that was lost without a goodbye is tried again before.
const LOST_FOR_GOOD: u32 = 4;

/// Stops node 0's daemon and looks at what node 1 makes of it.
pub fn heard(region: &Region) -> Result<()> {
    wait_for("a pair", PATIENCE, || both_paired(region))?;
    // With its socket: a question to the stopped daemon would start it.
    let units = ["nixl-noded.socket", "nixl-noded.service"];
    region.exec_ok(NODES[0], &["systemctl", "stop", units[0], units[1]])?;
    let stays_lost = wait_for("a peer that stays lost", PATIENCE, || {
        let (_, document) = node::health(region, NODES[1])?;
        let peer = &document["checks"]["peer:state"][0];
        let evidence = peer["reason"]["evidence"].as_str().unwrap_or_default();
        let secs = evidence.split_once("is lost for ").and_then(|(_, rest)| rest.split_once(' '));
        let secs = secs.and_then(|(secs, _)| secs.parse::<u32>().ok());
        ensure!(secs >= Some(LOST_FOR_GOOD), "{}: {evidence}", peer["observedValue"]);
        Ok(())
    });
    region.exec_ok(NODES[0], &["systemctl", "start", units[0], units[1]])?;
    wait_for("pairing again", PATIENCE, || both_paired(region))?;
    stays_lost.map(drop)
}
