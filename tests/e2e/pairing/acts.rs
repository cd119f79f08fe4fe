//! The faults themselves. Each gives the time since when it holds, and that from
//! which pairing again counts.

use crate::NODES;
use crate::watch::Watch;
use anyhow::{Result, ensure};
use nixl_tests::{Region, wait_for};
use std::time::{Duration, Instant};

pub const PATIENCE: Duration = Duration::from_secs(60);
/// How a node says that it cannot have its peer.
pub const APART: &[&str] =
    &["pair.peer_lost", "pair.peer_unreachable", "pair.peer_refused", "pair.peer_unknown"];

/// Times of one fault.
pub struct Times {
    /// What is said from now on is about it.
    pub begun: Instant,
    /// The nodes can pair again.
    pub over: Instant,
}

impl Times {
    fn at(begun: Instant) -> Self {
        Self { begun, over: begun }
    }
}

fn sh(region: &Region, rank: usize, script: &str) -> Result<String> {
    region.exec_ok(NODES[rank], &["sh", "-ec", script]).map(|text| text.trim().to_owned())
}

fn daemon(region: &Region, rank: usize) -> Result<String> {
    sh(region, rank, "systemctl show -P MainPID nixl-noded")
}

fn worker(region: &Region, rank: usize) -> Result<String> {
    let pid =
        sh(region, rank, "pgrep -P $(systemctl show -P MainPID nixl-noded) -f fabric-worker")?;
    ensure!(pid.lines().count() == 1, "one worker: {pid}");
    Ok(pid)
}

pub fn another(what: &str, old: &str, now: impl Fn() -> Result<String>) -> Result<()> {
    wait_for(what, PATIENCE, || {
        let new = now()?;
        ensure!(!["", "0", old].contains(&new.as_str()), "still {new:?}");
        Ok(())
    })
    .map(drop)
}

pub fn kill_daemon(region: &Region, _: &Watch) -> Result<Times> {
    let pid = daemon(region, 0)?;
    let begun = Instant::now();
    sh(region, 0, &format!("kill -9 {pid}"))?;
    another("another daemon", &pid, || daemon(region, 0))?;
    Ok(Times::at(begun))
}

pub fn kill_worker(region: &Region, _: &Watch) -> Result<Times> {
    let pid = worker(region, 0)?;
    let begun = Instant::now();
    sh(region, 0, &format!("kill -9 {pid}"))?;
    another("another worker", &pid, || worker(region, 0))?;
    Ok(Times::at(begun))
}

pub fn kill_both(region: &Region, _: &Watch) -> Result<Times> {
    let pids = [daemon(region, 0)?, daemon(region, 1)?];
    let begun = Instant::now();
    for (rank, pid) in pids.iter().enumerate() {
        sh(region, rank, &format!("kill -9 {pid}"))?;
    }
    for (rank, pid) in pids.iter().enumerate() {
        another("another daemon", pid, || daemon(region, rank))?;
    }
    Ok(Times::at(begun))
}

/// systemd's watchdog ends it before its time is up.
pub fn stop_daemon(region: &Region, _: &Watch) -> Result<Times> {
    let pid = daemon(region, 0)?;
    let begun = Instant::now();
    sh(region, 0, &format!("kill -STOP {pid}; sleep 30; kill -CONT {pid} || true"))?;
    Ok(Times::at(begun))
}

/// The daemon ends a worker that does not answer.
pub fn stop_worker(region: &Region, _: &Watch) -> Result<Times> {
    let pid = worker(region, 0)?;
    let begun = Instant::now();
    sh(region, 0, &format!("kill -STOP {pid}"))?;
    another("another worker", &pid, || worker(region, 0))?;
    Ok(Times::at(begun))
}

pub fn storm(region: &Region, _: &Watch) -> Result<Times> {
    let begun = Instant::now();
    for _ in 0..10 {
        sh(region, 0, "systemctl restart nixl-noded")?;
    }
    Ok(Times { begun, over: Instant::now() })
}

/// An orderly one; the boot id is new with every boot.
pub fn reboot(region: &Region, _: &Watch) -> Result<Times> {
    let boot = || sh(region, 0, "cat /proc/sys/kernel/random/boot_id");
    let first = boot()?;
    let begun = Instant::now();
    region.control().ok(&["reboot", NODES[0]])?;
    another("another boot", &first, boot)?;
    Ok(Times::at(begun))
}

fn healed(region: &Region, begun: Instant) -> Result<Times> {
    region.control().ok(&["heal"])?;
    Ok(Times { begun, over: Instant::now() })
}

pub fn cut(region: &Region, watch: &Watch) -> Result<Times> {
    let begun = Instant::now();
    region.control().ok(&["partition", NODES[0], NODES[1]])?;
    let told = watch.await_words(&[0, 1], APART, begun);
    healed(region, begun).and_then(|times| told.map(|()| times))
}

pub fn cut_one_way(region: &Region, watch: &Watch) -> Result<Times> {
    let begun = Instant::now();
    region.control().ok(&["partition", "--one-way", NODES[0], NODES[1]])?;
    let told = watch.await_words(&[0, 1], APART, begun);
    healed(region, begun).and_then(|times| told.map(|()| times))
}

pub fn lose_packets(region: &Region, _: &Watch) -> Result<Times> {
    let begun = Instant::now();
    region.control().ok(&["slow", NODES[0], NODES[1], "--loss", "20%"])?;
    // The length of the fault: long enough for two measurements of the link.
    std::thread::sleep(Duration::from_secs(20));
    healed(region, begun)
}
