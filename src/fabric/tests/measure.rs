//! Two workers measure the link between them, on a real libfabric.
#![allow(missing_docs)]

mod common;

use common::{Worker, message, pair, say_until_heard, send, start};
use nixl_cluster::link::{Bandwidth, Latency, Mode};
use nixl_fabric::protocol::{Command, Event, Measurement, Outcome};
use std::net::{IpAddr, Ipv4Addr};

const TOKEN: [u8; 16] = *b"sixteen bytes ok";
const BOTH: [Mode; 2] = [Mode::TwoSided, Mode::OneSided];

#[test]
#[ignore = "not a test: the worker process that the tests here start"]
fn worker_process() {
    common::worker_process();
}

/// A pair with an agreed token.
fn armed(provider: &str) -> (Worker, Worker) {
    let (mut a, mut b) = pair(provider);
    arm(&mut a, &mut b);
    (a, b)
}

fn arm(a: &mut Worker, b: &mut Worker) {
    a.send(&Command::ArmProbe { peer: 1, token: TOKEN });
    b.send(&Command::ArmProbe { peer: 0, token: TOKEN });
    // Commands go before what comes over the fabric.
    send(b, 0, "armed");
    a.received();
}

fn ask(worker: &mut Worker, id: u32, peer: u32, what: Measurement) {
    worker.send(&Command::Measure { id, peer, what });
}

fn outcome(worker: &mut Worker, id: u32) -> Outcome {
    worker.wait_for("outcome", |event| match event {
        Event::Measured { id: of, outcome, .. } if *of == id => Some(outcome.clone()),
        _ => None,
    })
}

fn round_trips(rail: u16, mode: Mode, size_bytes: u32, count: u32) -> Measurement {
    Measurement::Latency { rail, mode, size_bytes, count }
}

fn transfer(rail: Option<u16>, mode: Mode, size_bytes: u32, max_bytes: u64) -> Measurement {
    Measurement::Bandwidth { rail, mode, size_bytes, max_bytes, max_millis: 1_000 }
}

fn latency(worker: &mut Worker, what: Measurement) -> (Latency, Vec<u64>) {
    ask(worker, 7, 1, what);
    match outcome(worker, 7) {
        Outcome::Latency { summary, samples_nanos } => (summary, samples_nanos),
        other => panic!("{what:?}: {other:?}"),
    }
}

fn bandwidth(worker: &mut Worker, what: Measurement) -> Bandwidth {
    ask(worker, 8, 1, what);
    match outcome(worker, 8) {
        Outcome::Bandwidth(told) => told,
        other => panic!("{what:?}: {other:?}"),
    }
}

fn failure(worker: &mut Worker, peer: u32, what: Measurement) -> String {
    ask(worker, 9, peer, what);
    match outcome(worker, 9) {
        Outcome::Failed { message, .. } => message,
        other => panic!("{what:?}: {other:?}"),
    }
}

/// Waits until what rank 0 has just asked rank 1 for goes on: their messages
/// come in order.
fn goes_on(a: &mut Worker, b: &mut Worker) {
    send(a, 1, "asked");
    hears(b, "asked");
    send(b, 0, "agreed");
    hears(a, "agreed");
}

/// Waits for this message; what else comes in is of something before it.
fn hears(worker: &mut Worker, text: &str) {
    worker.wait_for(text, |event| {
        matches!(event, Event::Received { bytes } if *bytes == message(text)).then_some(())
    });
}

#[test]
fn every_round_trip_is_measured_on_every_provider_in_every_size() {
    for provider in ["tcp", "shm"] {
        let (mut a, _b) = armed(provider);
        for mode in BOTH {
            for size in [1, 64, 4096, 64 << 10] {
                let (told, samples) = latency(&mut a, round_trips(0, mode, size, 50));
                assert_eq!((told.mode, told.size_bytes), (mode, size), "{provider}");
                assert_eq!((told.answered, told.lost), (50, 0), "{provider}");
                assert_eq!(samples.len(), 50);
                assert!(samples.is_sorted());
                assert_eq!((samples[0], samples[24]), (told.min_nanos, told.p50_nanos));
                assert_eq!((samples[49], samples[49]), (told.p99_nanos, told.max_nanos));
                assert!(100 < told.min_nanos, "{} ns over {provider}", told.min_nanos);
            }
        }
    }
}

#[test]
fn every_byte_of_a_transfer_arrives_on_every_provider() {
    for provider in ["tcp", "shm"] {
        let (mut a, _b) = armed(provider);
        for mode in BOTH {
            for size in [1, 64 << 10, 1 << 20, 16 << 20] {
                let most = u64::from(size) * 5;
                let told = bandwidth(&mut a, transfer(Some(0), mode, size, most));
                assert_eq!((told.rail, told.mode, told.size_bytes), (Some(0), mode, size));
                assert_eq!(told.bytes, most, "{provider} {mode} {size}");
                assert!(told.elapsed_nanos > 0 && told.gbps() > 0.0);
            }
        }
    }
}

#[test]
fn a_transfer_ends_with_its_time() {
    let (mut a, _b) = armed("tcp");
    let what = Measurement::Bandwidth {
        rail: Some(0),
        mode: Mode::TwoSided,
        size_bytes: 64 << 10,
        max_bytes: u64::MAX,
        max_millis: 20,
    };
    let told = bandwidth(&mut a, what);
    assert!(told.elapsed_nanos >= 20_000_000, "{told:?}");
    // No time at all: the first operation goes all the same.
    let Measurement::Bandwidth { rail, mode, size_bytes, max_bytes, .. } = what else { panic!() };
    let at_once = Measurement::Bandwidth { rail, mode, size_bytes, max_bytes, max_millis: 0 };
    assert_eq!(bandwidth(&mut a, at_once).bytes, 64 << 10);
}

#[test]
fn nothing_starts_after_the_end_was_told() {
    let (mut a, _b) = armed("tcp");
    for round in 0..150 {
        let what = Measurement::Bandwidth {
            rail: Some(0),
            mode: BOTH[round % 2],
            size_bytes: 64 << 10,
            max_bytes: u64::MAX,
            max_millis: 2,
        };
        // One more would meet a region that is closed already, which costs
        // the connection.
        bandwidth(&mut a, what);
    }
}

#[test]
fn rails_are_measured_alone_and_together() {
    let (mut a, mut b) = (start(), start());
    let sources = [1, 2, 3].map(|last| IpAddr::V4(Ipv4Addr::new(127, 0, 0, last)));
    let mut of_a = a.opened(0, "tcp", &sources);
    let mut of_b = b.opened(1, "tcp", &sources);
    assert_eq!((of_a.len(), of_b.len()), (3, 3));
    a.send(&Command::AddPeer { peer: 1, address: of_b.remove(0) });
    let own = of_a.remove(0);
    b.send(&Command::AddPeer { peer: 0, address: own.clone() });
    arm(&mut a, &mut b);
    let unknown = failure(&mut a, 1, round_trips(2, Mode::TwoSided, 64, 10));
    assert!(unknown.contains("rail 2"), "{unknown}");

    a.send(&Command::AddRails { peer: 1, addresses: of_b });
    let further = of_a;
    b.send(&Command::AddRails { peer: 0, addresses: further.clone() });
    send(&mut b, 0, "rails are known");
    a.received();
    for mode in BOTH {
        for rail in 0..3 {
            let (told, _) = latency(&mut a, round_trips(rail, mode, 256, 20));
            assert_eq!((told.rail, told.answered), (rail, 20));
            let told = bandwidth(&mut a, transfer(Some(rail), mode, 1 << 20, 4 << 20));
            assert_eq!((told.rail, told.bytes), (Some(rail), 4 << 20));
        }
        let told = bandwidth(&mut a, transfer(None, mode, 1 << 20, 12 << 20));
        assert_eq!((told.rail, told.bytes), (None, 12 << 20));
    }
    // A peer with fewer rails: all are those that both have.
    let mut c = start();
    let mut of_c = c.opened(2, "tcp", &sources[..2]);
    a.send(&Command::AddPeer { peer: 2, address: of_c.remove(0) });
    c.send(&Command::AddPeer { peer: 0, address: own });
    a.send(&Command::AddRails { peer: 2, addresses: of_c });
    c.send(&Command::AddRails { peer: 0, addresses: further });
    a.send(&Command::ArmProbe { peer: 2, token: TOKEN });
    c.send(&Command::ArmProbe { peer: 0, token: TOKEN });
    send(&mut c, 0, "armed");
    a.received();
    ask(&mut a, 3, 2, transfer(None, Mode::TwoSided, 1 << 20, 8 << 20));
    match outcome(&mut a, 3) {
        // A rail's first operation goes in any case.
        Outcome::Bandwidth(told) => assert!([8 << 20, 9 << 20].contains(&told.bytes), "{told:?}"),
        other => panic!("{other:?}"),
    }
    let none = failure(&mut a, 1, round_trips(3, Mode::TwoSided, 64, 10));
    assert!(none.contains("no rail 3"), "{none}");
}

#[test]
fn messages_pass_while_something_is_measured() {
    let (mut a, mut b) = armed("tcp");
    ask(&mut a, 1, 1, transfer(Some(0), Mode::TwoSided, 1 << 20, 1 << 30));
    for round in 0..20 {
        send(&mut a, 1, &format!("to b {round}"));
        assert_eq!(b.received(), message(&format!("to b {round}")));
        send(&mut b, 0, &format!("to a {round}"));
        // The outcome may come in between.
        let text = message(&format!("to a {round}"));
        assert_eq!(a.received(), text);
    }
}

#[test]
fn one_at_a_time_and_the_lower_rank_goes_first() {
    let (mut a, mut b) = armed("tcp");
    let long = transfer(Some(0), Mode::TwoSided, 1 << 20, 1 << 40);
    ask(&mut a, 1, 1, long);
    ask(&mut a, 2, 1, round_trips(0, Mode::TwoSided, 64, 10));
    assert_eq!(outcome(&mut a, 2), Outcome::Busy);
    // The one asked is as busy as the asker.
    goes_on(&mut a, &mut b);
    ask(&mut b, 3, 0, round_trips(0, Mode::TwoSided, 64, 1));
    assert_eq!(outcome(&mut b, 3), Outcome::Busy);
    assert!(matches!(outcome(&mut a, 1), Outcome::Bandwidth(_)));

    // Both at once: each is measured or told that the other one is.
    for round in 10..40 {
        ask(&mut a, round, 1, round_trips(0, Mode::TwoSided, 64, 5));
        ask(&mut b, round, 0, round_trips(0, Mode::TwoSided, 64, 5));
        let (of_a, of_b) = (outcome(&mut a, round), outcome(&mut b, round));
        let fine = |of: &Outcome| matches!(of, Outcome::Busy | Outcome::Latency { .. });
        assert!(fine(&of_a) && fine(&of_b), "{of_a:?} {of_b:?}");
        assert!(of_a != Outcome::Busy || of_b != Outcome::Busy, "both gave way in round {round}");
    }
}

#[test]
fn what_makes_no_sense_is_answered() {
    let (mut a, _b) = armed("tcp");
    for (what, word) in [
        (round_trips(0, Mode::TwoSided, 0, 10), "bytes"),
        (round_trips(0, Mode::TwoSided, (64 << 10) + 1, 10), "bytes"),
        (round_trips(0, Mode::TwoSided, 64, 0), "round trips"),
        (transfer(Some(0), Mode::TwoSided, (64 << 20) + 1, 1), "bytes"),
        (transfer(Some(5), Mode::TwoSided, 64, 1), "rail 5"),
    ] {
        let message = failure(&mut a, 1, what);
        assert!(message.contains(word), "{what:?}: {message}");
    }
    let nobody = failure(&mut a, 4, round_trips(0, Mode::TwoSided, 64, 10));
    assert!(nobody.contains("agreed"), "{nobody}");
}

#[test]
fn a_peer_without_the_agreed_token_does_not_take_part() {
    let (mut a, mut b) = pair("tcp");
    a.send(&Command::ArmProbe { peer: 1, token: TOKEN });
    b.send(&Command::ArmProbe { peer: 0, token: [0; 16] });
    let message = failure(&mut a, 1, round_trips(0, Mode::TwoSided, 64, 10));
    assert!(message.contains("has not agreed"), "{message}");
    // The endpoints are as good as before.
    send(&mut a, 1, "after");
    assert_eq!(b.received(), common::message("after"));
    arm(&mut a, &mut b);
    latency(&mut a, round_trips(0, Mode::TwoSided, 64, 10));
}

#[test]
fn a_measurement_can_be_cancelled_and_the_next_one_runs() {
    let (mut a, mut b) = armed("tcp");
    for mode in BOTH {
        ask(&mut a, 3, 1, transfer(Some(0), mode, 1 << 20, 1 << 40));
        goes_on(&mut a, &mut b);
        a.send(&Command::Cancel { id: 3 });
        assert!(matches!(outcome(&mut a, 3), Outcome::Failed { .. }));
        a.send(&Command::Cancel { id: 3 });
        // What was under way may still be arriving; the peer hears in order.
        let (told, _) = latency(&mut a, round_trips(0, mode, 64, 10));
        assert_eq!(told.answered, 10);
    }
}

#[test]
fn a_dead_peer_ends_a_measurement_and_no_other_peer_suffers() {
    let (mut a, mut b, mut c) = (start(), start(), start());
    let own = a.address(0, "tcp");
    for (rank, peer) in [(1, &mut b), (2, &mut c)] {
        let address = peer.address(rank, "tcp");
        a.send(&Command::AddPeer { peer: rank.into(), address });
    }
    b.send(&Command::AddPeer { peer: 0, address: own.clone() });
    arm(&mut a, &mut b);
    ask(&mut a, 1, 1, transfer(Some(0), Mode::TwoSided, 1 << 20, 1 << 40));
    goes_on(&mut a, &mut b);
    b.kill();
    send(&mut a, 2, "to the living");
    assert_eq!(c.received(), message("to the living"));
    a.send(&Command::RemovePeer { peer: 1 });
    assert!(matches!(outcome(&mut a, 1), Outcome::Failed { .. }));

    // Its regions do not pile up: others are measured as before.
    let mut b = start();
    let address = b.address(1, "tcp");
    a.send(&Command::AddPeer { peer: 1, address });
    b.send(&Command::AddPeer { peer: 0, address: own });
    arm(&mut a, &mut b);
    for _ in 0..8 {
        bandwidth(&mut a, transfer(Some(0), Mode::TwoSided, 64 << 20, 1));
    }
}

/// The side that is asked forgets its peer in the middle, as after a heartbeat
/// that did not come; what the other one has under way arrives all the same.
#[test]
fn what_comes_late_stops_nothing() {
    for mode in BOTH {
        let (mut a, mut b) = (start(), start());
        let (address_a, address_b) = (a.address(0, "tcp"), b.address(1, "tcp"));
        a.send(&Command::AddPeer { peer: 1, address: address_b });
        b.send(&Command::AddPeer { peer: 0, address: address_a.clone() });
        arm(&mut a, &mut b);
        for what in [transfer(Some(0), mode, 1 << 20, 1 << 40), round_trips(0, mode, 4096, 10_000)]
        {
            ask(&mut a, 1, 1, what);
            goes_on(&mut a, &mut b);
            b.send(&Command::RemovePeer { peer: 0 });
            b.send(&Command::AddPeer { peer: 0, address: address_a.clone() });
            b.send(&Command::ArmProbe { peer: 0, token: TOKEN });
            a.send(&Command::Cancel { id: 1 });
            outcome(&mut a, 1);
            say_until_heard(&mut a, 1, &mut b, "after a");
            say_until_heard(&mut b, 0, &mut a, "after b");
            let (told, _) = latency(&mut a, round_trips(0, mode, 4096, 10));
            assert_eq!((told.answered, told.lost), (10, 0), "{mode} after {what:?}");
        }
    }
}

#[test]
fn a_peer_that_dies_in_between_costs_a_second_for_each_of_three_round_trips() {
    let (mut a, mut b) = armed("tcp");
    ask(&mut a, 1, 1, round_trips(0, Mode::TwoSided, 64 << 10, 10_000));
    b.kill();
    match outcome(&mut a, 1) {
        Outcome::Latency { summary, .. } => {
            assert_eq!(summary.lost, 3, "{summary:?}");
            assert!(summary.answered < 10_000);
        }
        // Dead before it agreed, or the provider says so.
        Outcome::Failed { .. } => {}
        other => panic!("{other:?}"),
    }
}
