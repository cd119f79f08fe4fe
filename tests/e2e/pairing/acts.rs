//! The faults themselves. Each gives the time from which pairing again counts.

use crate::NODES;
use crate::watch::Watch;
use anyhow::{Result, ensure};
use nixl_tests::{Region, wait_for};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(60);
/// How a node says that it cannot have its peer.
pub const APART: &[&str] =
    &["pair.peer_lost", "pair.peer_unreachable", "pair.peer_refused", "pair.peer_unknown"];

fn sh(region: &Region, rank: usize, script: &str) -> Result<String> {
    region.exec_ok(NODES[rank], &["sh", "-ec", script]).map(|text| text.trim().to_owned())
}

fn daemon(region: &Region, rank: usize) -> Result<String> {
    sh(region, rank, "systemctl show -P MainPID nixl-noded")
}

fn worker(region: &Region, rank: usize) -> Result<String> {
    let pid = sh(region, rank, "pgrep -P $(systemctl show -P MainPID nixl-noded)")?;
    ensure!(pid.lines().count() == 1, "one worker: {pid}");
    Ok(pid)
}

fn another(what: &str, old: &str, now: impl Fn() -> Result<String>) -> Result<()> {
    wait_for(what, PATIENCE, || {
        let new = now()?;
        ensure!(!["", "0", old].contains(&new.as_str()), "still {new:?}");
        Ok(())
    })
    .map(drop)
}

pub fn kill_daemon(region: &Region, _: &Watch) -> Result<Instant> {
    let pid = daemon(region, 0)?;
    let begun = Instant::now();
    sh(region, 0, &format!("kill -9 {pid}"))?;
    another("another daemon", &pid, || daemon(region, 0))?;
    Ok(begun)
}

pub fn kill_worker(region: &Region, _: &Watch) -> Result<Instant> {
    let pid = worker(region, 0)?;
    let begun = Instant::now();
    sh(region, 0, &format!("kill -9 {pid}"))?;
    another("another worker", &pid, || worker(region, 0))?;
    Ok(begun)
}

pub fn kill_both(region: &Region, _: &Watch) -> Result<Instant> {
    let pids = [daemon(region, 0)?, daemon(region, 1)?];
    let begun = Instant::now();
    for (rank, pid) in pids.iter().enumerate() {
        sh(region, rank, &format!("kill -9 {pid}"))?;
    }
    for (rank, pid) in pids.iter().enumerate() {
        another("another daemon", pid, || daemon(region, rank))?;
    }
    Ok(begun)
}

/// systemd's watchdog ends it before its time is up.
pub fn stop_daemon(region: &Region, _: &Watch) -> Result<Instant> {
    let pid = daemon(region, 0)?;
    let begun = Instant::now();
    sh(region, 0, &format!("kill -STOP {pid}; sleep 30; kill -CONT {pid} || true"))?;
    Ok(begun)
}

/// The daemon ends a worker that does not answer.
pub fn stop_worker(region: &Region, _: &Watch) -> Result<Instant> {
    let pid = worker(region, 0)?;
    let begun = Instant::now();
    sh(region, 0, &format!("kill -STOP {pid}"))?;
    another("another worker", &pid, || worker(region, 0))?;
    Ok(begun)
}

pub fn storm(region: &Region, _: &Watch) -> Result<Instant> {
    for _ in 0..10 {
        sh(region, 0, "systemctl restart nixl-noded")?;
    }
    Ok(Instant::now())
}

fn healed(region: &Region) -> Result<Instant> {
    region.control().ok(&["heal"])?;
    Ok(Instant::now())
}

pub fn cut(region: &Region, watch: &Watch) -> Result<Instant> {
    let begun = Instant::now();
    region.control().ok(&["partition", NODES[0], NODES[1]])?;
    let told = watch.await_words(&[0, 1], APART, begun);
    healed(region).and_then(|at| told.map(|()| at))
}

pub fn cut_one_way(region: &Region, watch: &Watch) -> Result<Instant> {
    let begun = Instant::now();
    region.control().ok(&["partition", "--one-way", NODES[0], NODES[1]])?;
    let told = watch.await_words(&[0, 1], APART, begun);
    healed(region).and_then(|at| told.map(|()| at))
}

pub fn lose_packets(region: &Region, _: &Watch) -> Result<Instant> {
    region.control().ok(&["slow", NODES[0], NODES[1], "--loss", "20%"])?;
    // The length of the fault: long enough for two measurements of the link.
    std::thread::sleep(Duration::from_secs(20));
    healed(region)
}
