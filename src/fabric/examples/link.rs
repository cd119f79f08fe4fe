//! Measures the round trip between two workers on this computer.
//!
//! `link ADDRESS ADDRESS [--in NETNS NETNS]`: one worker listens on each
//! address, each in its network namespace if named; prints microseconds per
//! round trip for some sizes over TCP.
#![allow(missing_docs)]

#[path = "../tests/common/mod.rs"]
mod common;

use common::Worker;
use nixl_fabric::protocol::{Command, Event};
use std::process::ExitCode;
use std::time::{Duration, Instant};

const TOKEN: [u8; 16] = [0x5a; 16];
const ROUNDS: u32 = 5_000;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["worker"] => match common::be_worker() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("worker: {error}");
                ExitCode::FAILURE
            }
        },
        [a, b] => measure([(a, None), (b, None)]),
        [a, b, "--in", c, d] => measure([(a, Some(c)), (b, Some(d))]),
        _ => {
            eprintln!("usage: link ADDRESS ADDRESS [--in NETNS NETNS]");
            ExitCode::from(2)
        }
    }
}

fn start(namespace: Option<&str>) -> Worker {
    let program = std::env::current_exe().expect("this program");
    let mut command = match namespace {
        Some(namespace) => {
            let mut command = std::process::Command::new("ip");
            command.args(["netns", "exec", namespace]).arg(program);
            command
        }
        None => std::process::Command::new(program),
    };
    command.arg("worker");
    Worker::start(command)
}

fn measure(ends: [(&str, Option<&str>); 2]) -> ExitCode {
    let [(mut a, address_a), (mut b, address_b)] = [0, 1].map(|rank: u16| {
        let (source, namespace) = ends[usize::from(rank)];
        let mut worker = start(namespace);
        let source = Some(source.parse().expect("an IP address"));
        let address = worker.opened(rank, "tcp", source);
        (worker, address)
    });
    a.send(&Command::AddPeer { peer: 1, address: address_b });
    b.send(&Command::AddPeer { peer: 0, address: address_a });
    a.send(&Command::ArmProbe { peer: 1, token: TOKEN });
    b.send(&Command::ArmProbe { peer: 0, token: TOKEN });
    println!("{:>6} {:>9} {:>9} {:>9} {:>9}", "bytes", "min", "p50", "p99", "max");
    for size_bytes in [64, 256, 1024, 4096] {
        a.send(&Command::Probe { peer: 1, size_bytes, count: ROUNDS });
        a.wait_for("probe result", |event| {
            let Event::ProbeDone { min_nanos, p50_nanos, p99_nanos, max_nanos, .. } = event else {
                return None;
            };
            let micros = [min_nanos, p50_nanos, p99_nanos, max_nanos].map(|n| *n as f64 / 1e3);
            let [min, p50, p99, max] = micros;
            println!("{size_bytes:>6} {min:>9.1} {p50:>9.1} {p99:>9.1} {max:>9.1}");
            Some(())
        });
    }
    idle_cost(&mut a, &mut b);
    ExitCode::SUCCESS
}

/// Prints what a worker costs while only heartbeats pass.
fn idle_cost(a: &mut Worker, b: &mut Worker) {
    let before = [&*a, &*b].map(|worker| cpu_time(worker.child.id()));
    let start = Instant::now();
    for _ in 0..40 {
        std::thread::sleep(Duration::from_millis(250));
        a.send(&Command::Send { peer: 1, bytes: vec![0; 64] });
        b.send(&Command::Send { peer: 0, bytes: vec![0; 64] });
        a.received();
        b.received();
    }
    let wall = start.elapsed().as_secs_f64();
    for (worker, before) in [&*a, &*b].into_iter().zip(before) {
        let share = (cpu_time(worker.child.id()) - before).as_secs_f64() / wall;
        println!("with heartbeats: {:.2} % of a core", share * 100.0);
    }
}

/// Time on a processor of all threads, proc(5) `schedstat`.
fn cpu_time(process: u32) -> Duration {
    let threads = std::fs::read_dir(format!("/proc/{process}/task")).expect("worker lives");
    let nanos = threads.flatten().filter_map(|thread| {
        let text = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(nanos.sum())
}
