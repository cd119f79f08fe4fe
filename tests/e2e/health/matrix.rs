//! The matrix: what breaks, what must be said of it, and how it is mended.

use crate::{NODES, both_well};
use anyhow::{Result, ensure};
use nixl_tests::{Region, node, wait_for};
use serde_json::Value;
use std::time::{Duration, Instant};

/// Checks are made every minute at the rarest, and may need two in a row.
const SAID: Duration = Duration::from_secs(180);
/// A check is good again only after some good readings.
const SILENT: Duration = Duration::from_secs(240);

/// Arguments of `nixl-region`.
type Commands = &'static [&'static [&'static str]];

/// One fault.
pub struct Row {
    pub name: &'static str,
    /// Rank of the node that says it, and the code.
    says: (usize, &'static str),
    /// Whether the node can still be used.
    usable: bool,
    breaks: Commands,
    mends: Commands,
}

const fn row(
    name: &'static str,
    says: (usize, &'static str),
    usable: bool,
    breaks: Commands,
    mends: Commands,
) -> Row {
    Row { name, says, usable, breaks, mends }
}

const WELL: Commands = &[&["gpu", "nixl-node2", "1", "well"]];

/// All of them.
pub const ROWS: &[Row] = &[
    row(
        "a GPU falls off the bus",
        (1, "gpu.lost"),
        false,
        &[&["gpu", "nixl-node2", "1", "lost"]],
        WELL,
    ),
    row(
        "a GPU is not there any more",
        (1, "gpu.missing"),
        false,
        &[&["gpu", "nixl-node2", "1", "absent"]],
        WELL,
    ),
    row(
        "a GPU is slowed down by its heat",
        (1, "gpu.throttled"),
        true,
        &[&["gpu", "nixl-node2", "1", "hot"]],
        WELL,
    ),
    row(
        "a row of a GPU's memory has failed",
        (1, "gpu.rows_pending"),
        false,
        &[&["gpu", "nixl-node2", "1", "ecc"]],
        WELL,
    ),
    row(
        "NVIDIA's driver does not answer",
        (1, "gpu.worker_hung"),
        false,
        &[&["gpu", "nixl-node2", "1", "wedged"]],
        WELL,
    ),
    row(
        "the peer's clock jumps",
        (0, "system.clock_skew"),
        true,
        &[&["machine-clock", "nixl-node2", "+5s"]],
        &[&["machine-clock", "nixl-node2", "reset"]],
    ),
];

/// What was said, and when.
pub struct Told {
    row: &'static Row,
    said: Duration,
    silent: Duration,
    evidence: String,
}

/// Breaks it, waits for the words, mends it, and waits for silence.
pub fn run(region: &Region, row: &'static Row) -> Result<Told> {
    let (rank, code) = row.says;
    let name = NODES[rank];
    let begun = Instant::now();
    order(region, row.breaks)?;
    let (reason, _) = wait_for(code, SAID, || {
        let (_, document) = node::health(region, name)?;
        let said = reasons(&document).find(|reason| reason["code"] == code).cloned();
        said.ok_or_else(|| anyhow::anyhow!("{document:#}"))
    })?;
    let said = begun.elapsed();
    let (ready, body) = node::curl(region, name, "/readyz?verbose")?;
    ensure!((ready == 200) == row.usable, "/readyz says {ready}: {body}");
    let advice = reason["advice"].as_str().unwrap_or_default();
    ensure!(!advice.is_empty() && reason["action"].is_string(), "{reason:#}");
    let text = region.exec_ok(name, &["nixl-noded", "explain", code])?;
    ensure!(text.contains(advice), "{text}");

    let mended = Instant::now();
    order(region, row.mends)?;
    wait_for("silence", SILENT, || both_well(region))?;
    let evidence = reason["evidence"].as_str().unwrap_or_default().to_owned();
    Ok(Told { row, said, silent: mended.elapsed(), evidence })
}

fn order(region: &Region, commands: Commands) -> Result<()> {
    commands.iter().try_for_each(|command| region.control().ok(command).map(drop))
}

/// Reasons held by any check of a document.
pub fn reasons(document: &Value) -> impl Iterator<Item = &Value> {
    let checks = document["checks"].as_object().into_iter().flatten();
    let checks = checks.flat_map(|(_, checks)| checks.as_array().into_iter().flatten());
    checks.map(|check| &check["reason"]).filter(|reason| reason.is_object())
}

/// The table of what was told.
pub fn print(table: &[Told]) {
    println!(
        "fault, reason, seconds until it was said, seconds until all was well again, evidence"
    );
    for Told { row, said, silent, evidence } in table {
        let (said, silent) = (said.as_secs_f64(), silent.as_secs_f64());
        println!("{:<36} {:<20} {said:>5.1} {silent:>5.1}  {evidence}", row.name, row.says.1);
    }
}
