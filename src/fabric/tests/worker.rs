//! The worker as the daemon sees it, on a real libfabric: exchange, death and return of a peer, and every way of not opening.
#![allow(missing_docs)]

mod common;

use common::{LOOPBACK, Worker, library, message, pair, say_until_heard, send, start};
use nixl_cluster::Provider;
use nixl_fabric::protocol::{Command, Event, MAX_MESSAGE_BYTES};
use std::time::{Duration, Instant};

#[test]
#[ignore = "not a test: the worker process that the tests here start"]
fn worker_process() {
    common::worker_process();
}

#[test]
fn messages_go_both_ways_in_every_size() {
    let (mut a, mut b) = pair("tcp");
    send(&mut a, 1, "from a");
    assert_eq!(b.received(), message("from a"));
    send(&mut b, 0, "from b");
    assert_eq!(a.received(), message("from b"));
    // More than there are receive buffers, so they are posted again.
    for round in 0..200usize {
        let bytes = vec![u8::try_from(round % 7).expect("small"); 1 + round * 20];
        a.send(&Command::Send { peer: 1, bytes: bytes.clone() });
        assert_eq!(b.received(), bytes);
    }
    let largest = vec![3; MAX_MESSAGE_BYTES];
    a.send(&Command::Send { peer: 1, bytes: largest.clone() });
    assert_eq!(b.received(), largest);
}

#[test]
fn messages_go_over_shared_memory() {
    let (mut a, mut b) = pair("shm");
    send(&mut a, 1, "from a");
    assert_eq!(b.received(), message("from a"));
    send(&mut b, 0, "from b");
    assert_eq!(a.received(), message("from b"));
}

#[test]
fn a_killed_peer_comes_back_at_another_address() {
    let (mut a, mut b) = (start(), start());
    let address_a = a.address(0, "tcp");
    let address = b.address(1, "tcp");
    a.send(&Command::AddPeer { peer: 1, address });
    send(&mut a, 1, "before");
    assert_eq!(b.received(), message("before"));
    b.kill();

    // libfabric says "try again" for ever; the queue overflows and tells.
    let mut dropped = false;
    let deadline = Instant::now() + Duration::from_secs(5);
    while !dropped && Instant::now() < deadline {
        for _ in 0..8 {
            send(&mut a, 1, "to the dead");
        }
        a.wait_for("sign of life", |event| match event {
            Event::SendFailed { peer: 1, .. } => {
                dropped = true;
                Some(())
            }
            Event::Alive => Some(()),
            _ => None,
        });
    }
    assert!(dropped, "sends to a dead peer fail");

    let mut b = start();
    let address = b.address(1, "tcp");
    let started = Instant::now();
    a.send(&Command::AddPeer { peer: 1, address });
    send(&mut a, 1, "welcome back");
    assert_eq!(b.received(), message("welcome back"), "what was queued for the old one is gone");
    assert!(started.elapsed() < Duration::from_secs(1), "took {:?}", started.elapsed());
    b.send(&Command::AddPeer { peer: 0, address: address_a });
    send(&mut b, 0, "glad to be");
    assert_eq!(a.received(), message("glad to be"));
}

#[test]
fn an_absent_provider_is_named_and_no_other_is_used() {
    let mut worker = start();
    let Event::OpenFailed { code, message } = worker.open(0, "efa", &[]) else {
        panic!("there is no EFA device in a test machine")
    };
    assert_eq!(code, "fabric.provider_missing");
    assert!(message.contains("efa"), "{message}");
    assert_eq!(worker.ended().code(), Some(1));
}

#[test]
fn where_it_is_open_which_the_first_that_is_there_is_used_and_named() {
    let mut worker = start();
    match worker.open(0, "auto", &[LOOPBACK]) {
        Event::Opened { provider, .. } => assert_eq!(provider, Provider::Tcp),
        other => panic!("{other:?}"),
    }
    // A node that does not know its address is no single host.
    let mut worker = start();
    match worker.open(0, "auto", &[]) {
        Event::OpenFailed { message, .. } => assert!(message.contains("address"), "{message}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_missing_library_is_named() {
    let mut worker = start();
    let library = Some("/nonexistent/libfabric.so.1".into());
    worker.send(&Command::Open {
        rank: 0,
        provider: Provider::Tcp.into(),
        sources: vec![],
        library,
    });
    let (code, message) = worker.wait_for("failure", |event| match event {
        Event::OpenFailed { code, message } => Some((code.clone(), message.clone())),
        _ => None,
    });
    assert_eq!(code, "fabric.library_missing");
    assert!(message.contains("/nonexistent/libfabric.so.1"), "{message}");
    assert_eq!(worker.ended().code(), Some(1));
}

#[test]
fn what_cannot_be_opened_says_why() {
    for (provider, source, code, word) in [
        ("tcp", None, "fabric.error", "private address"),
        ("tcp", Some("198.51.100.7"), "fabric.provider_missing", "198.51.100.7"),
    ] {
        let mut worker = start();
        let sources: Vec<_> =
            source.map(|source: &str| source.parse().expect("an address")).into_iter().collect();
        match worker.open(0, provider, &sources) {
            Event::OpenFailed { code: got, message } => {
                assert_eq!(got, code, "{message}");
                assert!(message.contains(word), "{message}");
            }
            other => panic!("{provider} on {source:?}: {other:?}"),
        }
    }
}

#[test]
fn a_second_open_is_refused_and_the_first_lives_on() {
    let (mut a, mut b) = pair("tcp");
    a.send(&Command::Open {
        rank: 5,
        provider: Provider::Tcp.into(),
        sources: vec![LOOPBACK],
        library: library(),
    });
    let errno = a.wait_for("refusal", |event| match event {
        Event::Fault { errno, .. } => Some(*errno),
        Event::Opened { .. } => panic!("opened twice"),
        _ => None,
    });
    assert_eq!(errno, libc::EALREADY);
    send(&mut a, 1, "still here");
    assert_eq!(b.received(), message("still here"));
}

#[test]
fn bad_commands_are_answered_and_harm_nothing() {
    let (mut a, mut b) = pair("tcp");
    let bad = [
        Command::AddPeer { peer: 3, address: vec![1, 2, 3] },
        Command::Send { peer: 9, bytes: message("nobody") },
        Command::Send { peer: 1, bytes: vec![0; MAX_MESSAGE_BYTES + 1] },
        Command::ArmProbe { peer: 9, token: [7; 16] },
    ];
    for command in bad {
        a.send(&command);
        a.wait_for("refusal", |event| matches!(event, Event::SendFailed { .. }).then_some(()));
    }
    send(&mut a, 1, "fine");
    assert_eq!(b.received(), message("fine"));
}

#[test]
fn a_command_before_open_is_a_fault() {
    let mut worker = start();
    worker.send(&Command::RemovePeer { peer: 0 });
    worker.wait_for("fault", |event| matches!(event, Event::Fault { .. }).then_some(()));
}

#[test]
fn a_worker_ends_with_its_daemon() {
    let (mut a, mut b) = pair("tcp");
    a.hang_up();
    assert!(a.ended().success());
    b.send(&Command::Shutdown);
    assert!(b.ended().success());
}

#[test]
fn garbage_ends_the_worker() {
    let mut worker = start();
    // A frame of one byte that names no command.
    worker.send_raw(&[1, 0, 0, 0, 0xff]);
    assert_eq!(worker.ended().code(), Some(1));
}

#[test]
fn an_idle_worker_says_that_it_lives() {
    let (mut a, _b) = pair("tcp");
    let alive = |event: &Event| matches!(event, Event::Alive).then(Instant::now);
    let first = a.wait_for("sign of life", alive);
    let second = a.wait_for("sign of life", alive);
    let between = second - first;
    assert!(between < Duration::from_secs(3), "{between:?}");
}

/// As of a killed process whose number has come round; what is copied is of one
/// that lives.
#[test]
fn shared_memory_that_was_left_behind_is_removed() {
    let (mut living, mut worker) = (start(), start());
    living.address(0, "shm");
    let named = |worker: &Worker| {
        let prefix = format!("{}:", worker.child.id());
        let all = std::fs::read_dir("/dev/shm").expect("shared memory").flatten();
        let mut names = all.filter_map(|entry| entry.file_name().into_string().ok());
        names.find_map(|name| name.strip_prefix(&prefix).map(str::to_owned))
    };
    let rest = named(&living).expect("it is named by its process");
    let path = |worker: &Worker| format!("/dev/shm/{}:{rest}", worker.child.id());
    std::fs::copy(path(&living), path(&worker)).expect("copies");
    worker.address(1, "shm");
}

#[test]
fn a_peer_added_again_is_heard_again() {
    let (mut a, mut b) = (start(), start());
    let address_a = a.address(0, "tcp");
    let address_b = b.address(1, "tcp");
    // Both forget each other, then only one does, as after a lost heartbeat.
    for both in [true, true, false, false] {
        a.send(&Command::RemovePeer { peer: 1 });
        a.send(&Command::AddPeer { peer: 1, address: address_b.clone() });
        if both {
            b.send(&Command::RemovePeer { peer: 0 });
            b.send(&Command::AddPeer { peer: 0, address: address_a.clone() });
        }
        // A datagram may be lost while the other side still holds the old
        // connection, so it is said until it is heard.
        say_until_heard(&mut a, 1, &mut b, &format!("to b {both}"));
        say_until_heard(&mut b, 0, &mut a, &format!("to a {both}"));
    }
}

#[test]
fn a_stalled_peer_holds_no_buffers_for_ever() {
    let (mut a, b) = pair("tcp");
    let mut c = start();
    let address = c.address(2, "tcp");
    a.send(&Command::AddPeer { peer: 2, address });
    let stalled = rustix::process::Pid::from_child(&b.child);
    rustix::process::kill_process(stalled, rustix::process::Signal::STOP).expect("stops");
    for _ in 0..2_000 {
        a.send(&Command::Send { peer: 1, bytes: vec![0; MAX_MESSAGE_BYTES] });
    }
    a.send(&Command::RemovePeer { peer: 1 });
    // More than there are send buffers in all.
    for round in 0..200 {
        send(&mut a, 2, &format!("{round}"));
        assert_eq!(c.received(), message(&format!("{round}")));
    }
}
