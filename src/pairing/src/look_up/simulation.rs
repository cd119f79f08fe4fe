//! How many calls a cluster makes until every node knows every other, with a
//! virtual clock, EC2's lag and its bucket. Handshakes are left out; a hello
//! stands for each: whoever knows a node says hello to it each second until it
//! is known there, too.
//!
//! `cargo test -p nixl-pairing look_up -- --nocapture` prints the table.

use super::LookUps;
use nixl_cluster::Layout;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use std::collections::BTreeSet;
use std::time::Duration;

const STEP: Duration = Duration::from_millis(50);
/// EC2 API Reference, request throttling: DescribeInstances.
const BUCKET: f64 = 100.0;
const REFILL_PER_SEC: f64 = 20.0;
/// Longest lag of tags.
const LAG: Duration = Duration::from_secs(2);
const HELLO_EVERY: Duration = Duration::from_secs(1);
const LIMIT: Duration = Duration::from_secs(1200);

struct Node {
    boot: Duration,
    visible: Duration,
    look_ups: LookUps,
    known: Vec<bool>,
    known_count: usize,
    calls: u32,
}

struct Result {
    calls: Vec<u32>,
    throttled: u32,
    took: Duration,
}

fn run(layout: Layout, boots_within: Duration, seed: u64) -> Result {
    let (size, count) = (layout.size, layout.size as usize);
    let peers: Vec<Vec<usize>> =
        (0..size).map(|rank| layout.peers(rank).map(|peer| peer as usize).collect()).collect();
    let mut rng = StdRng::seed_from_u64(seed);
    let mut nodes: Vec<Node> = (0..count)
        .map(|_| {
            let boot = rng.random_range(Duration::ZERO..=boots_within);
            let visible = boot + rng.random_range(Duration::ZERO..=LAG);
            let look_ups = LookUps::new(boot, size, &mut rng);
            Node { boot, visible, look_ups, known: vec![false; count], known_count: 0, calls: 0 }
        })
        .collect();
    let (mut tokens, mut throttled, mut now) = (BUCKET, 0, Duration::ZERO);
    let mut open: BTreeSet<usize> = (0..count).collect();
    let mut next_hellos = Duration::ZERO;
    while !open.is_empty() {
        assert!(now < LIMIT, "{} of {size} nodes are not done", open.len());
        tokens = (tokens + REFILL_PER_SEC * STEP.as_secs_f64()).min(BUCKET);
        for index in 0..count {
            let complete = nodes[index].known_count == peers[index].len();
            if now < nodes[index].boot || !nodes[index].look_ups.start(now, complete) {
                continue;
            }
            nodes[index].calls += 1;
            if tokens < 1.0 {
                throttled += 1;
                nodes[index].look_ups.answered(now, &mut rng);
                continue;
            }
            tokens -= 1.0;
            let mut news = false;
            for other in peers[index].iter().copied() {
                if nodes[other].visible <= now && !nodes[index].known[other] {
                    nodes[index].known[other] = true;
                    nodes[index].known_count += 1;
                    news = true;
                }
            }
            let node = &mut nodes[index];
            if news {
                node.look_ups.restart(now, &mut rng);
            }
            node.look_ups.answered(now, &mut rng);
            if node.known_count == peers[index].len() {
                node.look_ups.settle();
                open.remove(&index);
            }
        }
        if now >= next_hellos {
            next_hellos = now + HELLO_EVERY;
            for index in &open {
                let greeted = peers[*index]
                    .iter()
                    .any(|other| nodes[*other].known[*index] && !nodes[*index].known[*other]);
                if greeted && now >= nodes[*index].boot {
                    nodes[*index].look_ups.ask(now, &mut rng);
                }
            }
        }
        now += STEP;
    }
    let mut calls: Vec<u32> = nodes.iter().map(|node| node.calls).collect();
    calls.sort_unstable();
    let last_boot = nodes.iter().map(|node| node.boot).max().unwrap_or_default();
    Result { calls, throttled, took: now - last_boot }
}

#[test]
fn calls_of_a_node_do_not_grow_with_the_cluster() {
    println!(
        "{:>6} {:>8} {:>8} {:>12} {:>10} {:>7} {:>10} {:>22}",
        "nodes",
        "prefill",
        "boots in",
        "calls a node",
        "at most",
        "total",
        "throttled",
        "all found after boots"
    );
    for boots_within in [Duration::ZERO, Duration::from_secs(60)] {
        let meshes = [2, 16, 128, 1000].map(|size| Layout { size, prefill: None });
        let roles = [16, 128, 1000].map(|size| Layout { size, prefill: Some(size / 4) });
        for layout in meshes.into_iter().chain(roles) {
            let told = run(layout, boots_within, 60);
            let size = layout.size;
            let prefill = layout.prefill.map_or("-".to_owned(), |prefill| prefill.to_string());
            let (median, most) =
                (told.calls[told.calls.len() / 2], told.calls[told.calls.len() - 1]);
            let total: u32 = told.calls.iter().sum();
            println!(
                "{size:>6} {prefill:>8} {:>6} s {median:>12} {most:>10} {total:>7} {:>10} {:>20.1} s",
                boots_within.as_secs(),
                told.throttled,
                told.took.as_secs_f64(),
            );
            assert!(most <= 40, "a node of {size} makes {most} calls");
            assert_eq!(told.throttled, 0, "{size} nodes empty the bucket");
        }
    }
}
