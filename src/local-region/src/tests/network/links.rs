//! Links that are cut, slowed and healed.

use super::super::rules::{Found, same};
use super::*;
use crate::net::shaper::Shape;
use crate::net::{Partition, SlowLink};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

#[tokio::test(flavor = "multi_thread")]
async fn links_are_cut_slowed_and_healed() -> Found {
    if !can_run() {
        return Ok(());
    }
    let bench = Bench::wired();
    let id = fabric_group(&bench, "g").await;
    let (a, b) = (member(&bench, &[&id]).await, member(&bench, &[&id]).await);
    let c = member(&bench, &[&id]).await;
    let links = bench.wires().network.links();
    let all = || [fabric(&a, &b), fabric(&b, &a), fabric(&a, &c), fabric(&c, &b)];
    let cut = |peer: Option<&Node>, one_way| {
        let peer = peer.map(|node| node.id.clone());
        links.partition(Partition { machine: a.id.clone(), peer, one_way }).unwrap();
    };
    cut(Some(&b), false);
    same(all(), [false, false, true, true])?;
    links.heal(Some(&b.id), Some(&a.id)).unwrap();
    same(all(), [true; 4])?;
    cut(Some(&b), true);
    same(all(), [false, true, true, true])?;
    links.heal(Some(&b.id), None).unwrap();
    cut(None, false);
    same(all(), [false, false, false, true])?;
    links.heal(None, None).unwrap();

    let shape = Shape {
        latency: Duration::from_millis(20),
        jitter: Duration::from_millis(1),
        bits_per_sec: None,
        loss: 0.0,
    };
    let slowed = |machine: &Node, peer: Option<&Node>| SlowLink {
        machine: machine.id.clone(),
        peer: peer.map(|node| node.id.clone()),
        shape: shape.clone(),
    };
    links.slow(slowed(&a, Some(&b))).unwrap();
    let patience = Duration::from_secs(2);
    let slow = |from, to| flight(from, to, patience).is_some_and(|took| took >= shape.latency);
    same([slow(&a, &b), slow(&b, &a), slow(&a, &c), slow(&c, &b)], [true, true, false, false])?;
    // The groups hold for a slow link, too.
    change(&bench, "RevokeSecurityGroupIngress", &id, &all_with(&id)).await;
    same(flight(&a, &b, GONE), None)?;
    ingress(&bench, &id, &all_with(&id)).await;
    cut(Some(&b), false);
    same(flight(&a, &b, GONE), None)?;
    links.heal(Some(&a.id), None).unwrap();
    same([slow(&a, &b), slow(&b, &a), all() != [true; 4]], [false; 3])?;

    links.slow(slowed(&a, None)).unwrap();
    same([slow(&a, &c), slow(&c, &a), slow(&c, &b)], [true, true, false])?;
    let error = links.heal(Some(&b.id), Some(&c.id)).unwrap_err().to_string();
    assert!(error.starts_with(&format!("nothing to heal between {} and", b.id)), "{error}");
    links.slow(slowed(&b, Some(&a))).unwrap();
    cut(Some(&c), false);
    let (_, text) =
        bench.query("ec2", &format!("Action=TerminateInstances&InstanceId.1={}", a.id)).await;
    accepted(&text)?;
    bench
        .until(|region| {
            let state = region.inner.state();
            (state.ec2.instances.get(&a.id)?.state.told().1 == "terminated").then_some(())
        })
        .await;
    same((links.list().0.len(), links.list().1.len()), (0, 0))?;
    same(slow(&b, &c), false)?;
    let error = links.slow(slowed(&a, None)).unwrap_err().to_string();
    same(error, format!("machine {} has no link: it is not running", a.id))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_is_hardly_away_while_it_changes_hands() {
    if !can_run() {
        return;
    }
    const EVERY: Duration = Duration::from_micros(200);
    let bench = Bench::wired();
    let id = fabric_group(&bench, "g").await;
    let (a, b) = (member(&bench, &[&id]).await, member(&bench, &[&id]).await);
    let (sender, receiver) = (socket(&a, 0), socket(&b, 9000));
    receiver.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let to = (b.ip, 9000);
    let sending = std::thread::spawn(move || {
        let mut sent = 0_u32;
        while !stopped.load(Ordering::Relaxed) {
            sender.send_to(b"datagram", to).unwrap();
            sent += 1;
            std::thread::sleep(EVERY);
        }
        sent
    });
    let listening = std::thread::spawn(move || {
        let (mut last, mut away, mut count) = (None, Duration::ZERO, 0_u32);
        while receiver.recv(&mut [0; 8]).is_ok() {
            let now = Instant::now();
            away = away.max(last.map_or(Duration::ZERO, |last| now - last));
            (last, count) = (Some(now), count + 1);
        }
        (away, count)
    });
    let links = bench.wires().network.links();
    let shape =
        Shape { latency: Duration::ZERO, jitter: Duration::ZERO, bits_per_sec: None, loss: 0.0 };
    for _ in 0..5 {
        let (machine, shape) = (a.id.clone(), shape.clone());
        links.slow(SlowLink { machine, peer: None, shape }).unwrap();
        links.heal(None, None).unwrap();
    }
    stop.store(true, Ordering::Relaxed);
    let (sent, (away, count)) = (sending.join().unwrap(), listening.join().unwrap());
    println!("{count} of {sent} arrived over 10 changes, away {away:?} at most");
    assert!(count <= sent, "{count} of {sent}: some arrived twice");
    assert!(fabric(&a, &b) && fabric(&b, &a), "the link is gone");
}
