//! `link PROVIDER [ADDRESS ADDRESS] [--in NETNS NETNS] [--pin]`: two workers,
//! for `tcp` one on each address, each in its network namespace if named and
//! on a processor of its own if pinned. Prints round trips and transfers, and
//! what a worker costs at rest.
#![allow(missing_docs)]

#[path = "../tests/common/mod.rs"]
mod common;

use common::Worker;
use nixl_cluster::link::Mode;
use nixl_fabric::protocol::{Command, Event, Measurement, Outcome};
use std::net::IpAddr;
use std::process::ExitCode;
use std::time::{Duration, Instant};

const TOKEN: [u8; 16] = [0x5a; 16];
const ROUNDS: u32 = 5_000;
const SIZES: [u32; 6] = [64, 256, 1 << 10, 4 << 10, 16 << 10, 64 << 10];
const TRANSFERS: [u32; 4] = [64 << 10, 1 << 20, 4 << 20, 16 << 20];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments == ["worker"] {
        return match common::be_worker() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("worker: {error}");
                ExitCode::FAILURE
            }
        };
    }
    let Some(plan) = Plan::read(&arguments) else {
        eprintln!("usage: link PROVIDER [ADDRESS ADDRESS] [--in NETNS NETNS] [--pin]");
        return ExitCode::from(2);
    };
    plan.measure();
    ExitCode::SUCCESS
}

#[derive(Default)]
struct Plan {
    provider: String,
    addresses: Vec<IpAddr>,
    namespaces: Vec<String>,
    pin: bool,
}

impl Plan {
    fn read(arguments: &[String]) -> Option<Self> {
        let mut words = arguments.iter();
        let mut plan = Self { provider: words.next()?.clone(), ..Self::default() };
        while let Some(word) = words.next() {
            match word.as_str() {
                "--pin" => plan.pin = true,
                "--in" => plan.namespaces = vec![words.next()?.clone(), words.next()?.clone()],
                address => plan.addresses.push(address.parse().ok()?),
            }
        }
        let whole = plan.addresses.len() == if plan.provider == "tcp" { 2 } else { 0 };
        whole.then_some(plan)
    }

    fn start(&self, end: usize) -> Worker {
        let mut words: Vec<String> = Vec::new();
        if let Some(namespace) = self.namespaces.get(end) {
            words.extend(["ip", "netns", "exec", namespace].map(str::to_owned));
        }
        if self.pin {
            words.extend(["taskset".to_owned(), "-c".to_owned(), end.to_string()]);
        }
        words.push(std::env::current_exe().expect("this program").display().to_string());
        words.push("worker".to_owned());
        let mut command = std::process::Command::new(&words[0]);
        command.args(&words[1..]);
        Worker::start(command)
    }

    fn measure(&self) {
        let [(mut a, address_a), (mut b, address_b)] = [0, 1].map(|rank: u16| {
            let end = usize::from(rank);
            let mut worker = self.start(end);
            let sources = self.addresses.get(end).copied();
            let address = worker.opened(rank, &self.provider, sources.as_slice()).remove(0);
            (worker, address)
        });
        a.send(&Command::AddPeer { peer: 1, address: address_b });
        b.send(&Command::AddPeer { peer: 0, address: address_a });
        a.send(&Command::ArmProbe { peer: 1, token: TOKEN });
        b.send(&Command::ArmProbe { peer: 0, token: TOKEN });
        println!("{:<10} {:>9} {:>9} {:>9} {:>9} {:>9}", "us", "bytes", "min", "p50", "p99", "max");
        for mode in [Mode::TwoSided, Mode::OneSided] {
            for size_bytes in SIZES {
                round_trips(&mut a, mode, size_bytes);
            }
        }
        println!("{:<10} {:>9} {:>9}", "Gb/s", "bytes", "rate");
        for mode in [Mode::TwoSided, Mode::OneSided] {
            for size_bytes in TRANSFERS {
                transfer(&mut a, mode, size_bytes);
            }
        }
        idle_cost(&mut a, &mut b);
    }
}

fn outcome(worker: &mut Worker, what: Measurement) -> Outcome {
    worker.send(&Command::Measure { id: 1, peer: 1, what });
    worker.wait_for("outcome", |event| match event {
        Event::Measured { outcome, .. } => Some(outcome.clone()),
        _ => None,
    })
}

fn round_trips(worker: &mut Worker, mode: Mode, size_bytes: u32) {
    match outcome(worker, Measurement::Latency { rail: 0, mode, size_bytes, count: ROUNDS }) {
        Outcome::Latency { summary, .. } => {
            let nanos =
                [summary.min_nanos, summary.p50_nanos, summary.p99_nanos, summary.max_nanos];
            let [min, p50, p99, max] = nanos.map(|nanos| nanos as f64 / 1e3);
            println!("{mode:<10} {size_bytes:>9} {min:>9.2} {p50:>9.2} {p99:>9.2} {max:>9.2}");
        }
        other => println!("{mode:<10} {size_bytes:>9} {other:?}"),
    }
}

fn transfer(worker: &mut Worker, mode: Mode, size_bytes: u32) {
    let (max_bytes, max_millis) = (u64::MAX, 200);
    let what = Measurement::Bandwidth { rail: Some(0), mode, size_bytes, max_bytes, max_millis };
    match outcome(worker, what) {
        Outcome::Bandwidth(told) => println!("{mode:<10} {size_bytes:>9} {:>9.2}", told.gbps()),
        other => println!("{mode:<10} {size_bytes:>9} {other:?}"),
    }
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
