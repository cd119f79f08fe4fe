//! The worker on a libfabric that fails as a script says: what it tells the
//! daemon and how it ends.
#![allow(missing_docs)]

mod common;
mod fake;

use common::{LOOPBACK, Worker};
use fake::Fake;
use nixl_fabric::protocol::{Command, Event};
use std::os::unix::process::ExitStatusExt as _;
use std::time::{Duration, Instant};

#[test]
#[ignore = "not a test: the worker process that the tests here start"]
fn worker_process() {
    if let Err(error) = common::be_worker() {
        eprintln!("worker: {error}");
        std::process::exit(1);
    }
    std::process::exit(0);
}

fn start(fake: &Fake) -> Worker {
    let mut command =
        std::process::Command::new(std::env::current_exe().expect("this test's binary"));
    command.args(["--ignored", "--exact", "worker_process", "--nocapture"]);
    Worker::start(command).with_library(fake.library())
}

/// A worker on a fake library that has opened, and another on a fake of its own.
struct Pair {
    fake: Fake,
    worker: Worker,
    other: Worker,
    _others: Fake,
}

fn pair(provider: &str, script: &str) -> Pair {
    let (fake, others) = (Fake::new(), Fake::new());
    fake.script(script);
    others.script(script);
    let (mut worker, mut other) = (start(&fake), start(&others));
    let address = worker.address(0, provider);
    let others_address = other.address(1, provider);
    worker.send(&Command::AddPeer { peer: 1, address: others_address });
    other.send(&Command::AddPeer { peer: 0, address });
    Pair { fake, worker, other, _others: others }
}

fn send(worker: &mut Worker, peer: u32, text: &str) {
    worker.send(&Command::Send { peer, bytes: message(text) });
}

fn message(text: &str) -> Vec<u8> {
    [&[1, 3, 0, 0], text.as_bytes()].concat()
}

fn fault(worker: &mut Worker) -> (String, i32, i32) {
    worker.wait_for("fault", |event| match event {
        Event::Fault { code, errno, prov_errno, .. } => Some((code.clone(), *errno, *prov_errno)),
        _ => None,
    })
}

fn send_failed(worker: &mut Worker) -> (String, i32, i32, String) {
    worker.wait_for("failed send", |event| match event {
        Event::SendFailed { peer: 1, code, errno, prov_errno, message } => {
            Some((code.clone(), *errno, *prov_errno, message.clone()))
        }
        _ => None,
    })
}

fn refused(script: &str) -> (String, String) {
    let fake = Fake::new();
    fake.script(script);
    let mut worker = start(&fake);
    let Event::OpenFailed { code, message } = worker.open(0, "tcp", &[LOOPBACK]) else {
        panic!("opened in spite of {script}")
    };
    assert_eq!(worker.ended().code(), Some(1));
    (code, message)
}

#[test]
fn without_a_script_traffic_flows() {
    for (provider, script) in [("tcp", ""), ("shm", ""), ("efa", "getinfo as efa")] {
        let Pair { mut worker, mut other, .. } = pair(provider, script);
        for round in 0..50 {
            let text = format!("{provider} {round}");
            send(&mut worker, 1, &text);
            assert_eq!(other.received(), message(&text));
            send(&mut other, 0, &text);
            assert_eq!(worker.received(), message(&text));
        }
        worker.send(&Command::Shutdown);
        assert!(worker.ended().success(), "{provider}");
    }
}

/// More than there are receive buffers, so that none may be lost.
#[test]
fn a_message_with_immediate_data_is_a_message() {
    for provider in ["tcp", "shm"] {
        let Pair { fake, mut worker, mut other, .. } = pair(provider, "");
        fake.script("send data 1");
        for round in 0..200 {
            let text = format!("{provider} {round}");
            send(&mut worker, 1, &text);
            assert_eq!(other.received(), message(&text));
        }
    }
}

#[test]
fn an_abort_is_a_signal() {
    let Pair { fake, mut worker, .. } = pair("tcp", "");
    fake.script("cq_read abort");
    assert_eq!(worker.ended().signal(), Some(libc::SIGABRT));
}

#[test]
fn a_hang_is_silence_and_ends_with_the_daemon() {
    let Pair { fake, mut worker, .. } = pair("tcp", "");
    fake.script("cq_read hang");
    // A sign of life would come every second.
    worker.falls_silent(Duration::from_millis(1500));
    assert!(worker.child.try_wait().expect("child of ours").is_none());
    worker.hang_up();
    assert_eq!(worker.ended().code(), Some(1));
}

#[test]
fn a_close_that_hangs_is_cut_off() {
    let Pair { fake, mut worker, .. } = pair("tcp", "");
    fake.script("close hang");
    worker.send(&Command::Shutdown);
    assert_eq!(worker.ended().code(), Some(1));
}

#[test]
fn a_slow_open_opens() {
    let fake = Fake::new();
    fake.script("domain slow 1");
    let begun = Instant::now();
    start(&fake).address(0, "tcp");
    assert!(begun.elapsed() >= Duration::from_secs(1));
}

#[test]
fn what_cannot_be_opened_names_the_call() {
    for (script, code, words) in [
        ("getinfo error 61", "fabric.provider_missing", "offers no tcp endpoint"),
        ("fabric error 38", "fabric.unsupported", "fi_fabric"),
        ("eq_open error 95", "fabric.unsupported", "fi_eq_open"),
        ("domain error 13", "fabric.permission_denied", "fi_domain"),
        ("enable error 12", "fabric.out_of_memory", "fi_enable"),
    ] {
        let (told, message) = refused(script);
        assert_eq!(told, code, "{script}: {message}");
        assert!(message.contains(words), "{script}: {message}");
    }
}

#[test]
fn a_failed_send_has_the_providers_reason() {
    let Pair { fake, mut worker, mut other, _others } = pair("efa", "getinfo as efa");
    for (number, code) in [
        (4126, "fabric.security_group"),
        (15, "fabric.security_group"),
        (9, "fabric.peer_gone"),
        (13, "fabric.peer_silent"),
        (4112, "fabric.memlock"),
    ] {
        fake.script(&format!("send fails 103 {number}"));
        send(&mut worker, 1, "never comes");
        let (told, errno, prov_errno, message) = send_failed(&mut worker);
        assert_eq!((told.as_str(), errno, prov_errno), (code, 103, number), "{message}");
        fake.script("");
        send(&mut worker, 1, "comes");
        assert_eq!(other.received(), self::message("comes"));
    }
}

#[test]
fn another_providers_number_has_no_such_reason() {
    let Pair { fake, mut worker, .. } = pair("tcp", "");
    fake.script("send fails 5 4126");
    send(&mut worker, 1, "never comes");
    let (code, errno, prov_errno, message) = send_failed(&mut worker);
    assert_eq!((errno, prov_errno), (5, 4126), "{message}");
    assert_ne!(code, "fabric.security_group");
    assert!(message.contains("fake error 4126"), "{message}");
}

#[test]
fn errors_of_no_operation_are_faults() {
    let Pair { fake, mut worker, mut other, .. } = pair("efa", "getinfo as efa");
    fake.script("eq_read#1 fails 5 2");
    assert_eq!(fault(&mut worker), ("fabric.device_error".to_owned(), 5, 2));
    fake.script("cq_read#1 fails 12 4112");
    assert_eq!(fault(&mut worker), ("fabric.memlock".to_owned(), 12, 4112));
    send(&mut worker, 1, "still here");
    assert_eq!(other.received(), message("still here"));
}

#[test]
fn a_queue_that_cannot_be_read_ends_the_worker() {
    let Pair { fake, mut worker, .. } = pair("tcp", "");
    fake.script("cq_read error 5");
    assert_eq!(fault(&mut worker).1, 5);
    assert_eq!(worker.ended().code(), Some(1));
}

#[test]
fn sends_that_are_never_taken_are_told() {
    let Pair { fake, mut worker, mut other, .. } = pair("tcp", "");
    fake.script("send error 11");
    for _ in 0..40 {
        send(&mut worker, 1, "waits");
    }
    let (_, errno, _, message) = send_failed(&mut worker);
    assert_eq!(errno, libc::EAGAIN, "{message}");
    fake.script("");
    assert_eq!(other.received(), self::message("waits"));
}

#[test]
fn a_leak_grows() {
    let Pair { fake, mut worker, .. } = pair("tcp", "");
    let pages = |worker: &Worker| {
        let statm = std::fs::read_to_string(format!("/proc/{}/statm", worker.child.id()));
        let statm = statm.expect("child of ours");
        statm.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).expect("a number")
    };
    let before = pages(&worker);
    fake.script("cq_read leak 200");
    // A sign of life each second: the second one is after a second of leaking.
    for _ in 0..2 {
        worker.wait_for("sign of life", |event| matches!(event, Event::Alive).then_some(()));
    }
    let grown = (pages(&worker) - before) * 4096;
    assert!(grown > 50 << 20, "grew by {grown} bytes");
}
