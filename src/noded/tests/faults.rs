//! Real daemons over a libfabric that fails as told: what `/health` said and
//! when, that it was answered all the while, and that they were paired again.

#![allow(clippy::unwrap_used)]

mod node;

use nixl_cluster::reason::Action;
use node::{Node, pair, paired_since, wait_for};
use std::time::{Duration, Instant};

/// Longer than the daemon takes to stop, which is 1.8 s at most.
const STOP: Duration = Duration::from_secs(4);

struct Row {
    fault: &'static str,
    provider: &'static str,
    /// Script all the while, on both nodes.
    usual: &'static str,
    /// Brings it about on node 0.
    act: fn(&mut Node),
    code: &'static str,
    action: Action,
    /// What the evidence must hold.
    evidence: &'static [&'static str],
}

const EFA: &str = "getinfo as efa";

const ROWS: &[Row] = &[
    Row {
        fault: "abort in cq_read",
        provider: "tcp",
        usual: "",
        act: |node| node.fake.script("cq_read abort"),
        code: "fabric.worker_aborted",
        action: Action::Watch,
        evidence: &["aborted ", "SIGABRT", "last words: fake libfabric: cq_read aborts"],
    },
    Row {
        fault: "hang in cq_read",
        provider: "tcp",
        usual: "",
        act: |node| node.fake.script("cq_read hang"),
        code: "fabric.worker_hung",
        action: Action::Watch,
        evidence: &["hung once", "no sign of life", "last words: fake libfabric: cq_read hangs"],
    },
    Row {
        fault: "hang in opening",
        provider: "tcp",
        usual: "",
        act: |node| {
            node.fake.script("domain hang");
            kill_worker(node);
        },
        code: "fabric.worker_hung",
        action: Action::Watch,
        evidence: &["hung once", "was killed once", "no endpoint within 10 s", "domain hangs"],
    },
    Row {
        fault: "opening takes 3 s",
        provider: "tcp",
        usual: "domain slow 3",
        act: |node| kill_worker(node),
        code: "fabric.worker_killed",
        action: Action::Watch,
        evidence: &["was killed once"],
    },
    Row {
        fault: "opening fails",
        provider: "tcp",
        usual: "",
        act: |node| {
            node.fake.script("enable error 12");
            kill_worker(node);
        },
        code: "fabric.out_of_memory",
        action: Action::Reboot,
        evidence: &["fi_enable", "opening has failed once"],
    },
    Row {
        fault: "a forbidden system call",
        provider: "tcp",
        usual: "",
        act: |node| node.fake.script("cq_read try execve /bin/true"),
        code: "fabric.worker_blocked",
        action: Action::Replace,
        evidence: &["by its sandbox", "last words: blocked system call", "(execve)"],
    },
    Row {
        fault: "leak, 1 GiB/s",
        provider: "tcp",
        usual: "",
        act: |node| node.fake.script("cq_read leak 1024"),
        code: "fabric.worker_leaked",
        action: Action::Watch,
        evidence: &["leaked once", "bytes of memory"],
    },
    Row {
        fault: "sends fail with 4126",
        provider: "efa",
        usual: EFA,
        act: |node| node.fake.script(&format!("{EFA}\nsend fails 103 4126")),
        code: "fabric.security_group",
        action: Action::FixSetting,
        evidence: &["provider 4126", "security group"],
    },
    Row {
        fault: "event queue tells 2",
        provider: "efa",
        usual: EFA,
        act: |node| node.fake.script(&format!("{EFA}\neq_read#1 fails 5 2")),
        code: "fabric.device_error",
        action: Action::Replace,
        evidence: &["provider 2"],
    },
    Row {
        fault: "sends are never taken",
        provider: "tcp",
        usual: "",
        act: |node| node.fake.script("send error 11"),
        code: "pair.peer_lost",
        action: Action::Watch,
        evidence: &["i-1"],
    },
];

fn kill_worker(node: &Node) {
    let worker = i32::try_from(node.worker().unwrap()).unwrap();
    let worker = rustix::process::Pid::from_raw(worker).unwrap();
    rustix::process::kill_process(worker, rustix::process::Signal::KILL).unwrap();
}

/// What came of it, a line of the table.
fn run(row: &Row) -> String {
    let mut nodes = pair(row.provider, row.usual);
    let begun = Instant::now();
    (row.act)(&mut nodes[0]);
    let (after, _) = wait_for(row.code, || nodes[0].heard(row.code, &[], begun));
    let (_, reason) = wait_for(row.fault, || nodes[0].heard(row.code, row.evidence, begun));
    assert_eq!(reason.action, row.action, "{}", row.fault);
    nodes[0].fake.script(row.usual);
    let again = paired_since(&nodes, Instant::now());
    let first = nodes.each_ref().map(|node| told(&node.words(begun)));
    let slowest = nodes.map(|mut node| node.hush()).into_iter().max().unwrap();
    let said = format!("{} {:.2} s", row.code, after.as_secs_f64());
    line(row.fault, &said, again, slowest, &first)
}

fn told(words: &[(String, Duration)]) -> String {
    let words = words.iter().map(|(code, at)| format!("{code} {:.2} s", at.as_secs_f64()));
    words.collect::<Vec<_>>().join(", ")
}

fn line(fault: &str, said: &str, again: Duration, slowest: Duration, all: &[String]) -> String {
    let (again, slowest) = (again.as_secs_f64(), slowest.as_millis());
    let mut text =
        format!("{fault:<24} {said:<36} paired again {again:>5.2} s, slowest answer {slowest} ms");
    for (rank, words) in all.iter().enumerate() {
        text.push_str(&format!("\n    node {rank}: {words}"));
    }
    text
}

/// The worker hangs in `fi_close` when the daemon is told to stop.
fn hang_in_close() -> String {
    let mut nodes = pair("tcp", "");
    nodes[0].fake.script("close hang");
    let begun = Instant::now();
    let (status, took) = nodes[0].stop();
    assert!(status.success() && took < STOP, "{status} after {took:?}");
    let lost = || nodes[1].heard("pair.peer_lost", &["i-0"], begun);
    let (after, _) = wait_for("word of it", lost);
    nodes[0].fake.script("");
    let lifted = Instant::now();
    nodes[0].again();
    let again = paired_since(&nodes, lifted);
    let said = format!("stopped {:.2} s, peer {:.2} s", took.as_secs_f64(), after.as_secs_f64());
    let slowest = nodes.map(|mut node| node.hush()).into_iter().max().unwrap();
    line("hang in close at a stop", &said, again, slowest, &[])
}

#[test]
fn every_fault_is_told_and_mended() {
    let table: Vec<String> = std::thread::scope(|scope| {
        let mut rows: Vec<_> = ROWS.iter().map(|row| scope.spawn(|| run(row))).collect();
        rows.push(scope.spawn(hang_in_close));
        rows.into_iter().map(|row| row.join().unwrap()).collect()
    });
    eprintln!("fault; what /health said first; from its end to paired again\n{}", table.join("\n"));
}
