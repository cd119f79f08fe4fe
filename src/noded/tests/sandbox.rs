//! What a worker that has been taken over can do: everything here is tried from
//! inside it, and tried again in one without a sandbox, where it succeeds.

#![allow(clippy::unwrap_used)]

mod lone;
mod node;

use lone::{Lone, Trial, trial};
use nixl_cluster::link::Mode;
use nixl_fabric::protocol::{Command, Event, Measurement, Outcome};
use nixl_noded::board::name;
use node::{Fake, pair};
use std::collections::BTreeMap;
use std::net::TcpListener;
use std::os::unix::net::UnixListener;

#[test]
#[ignore = "not a test: a worker without a sandbox, that the tests here start"]
fn worker_process() {
    lone::be_unconfined();
}

/// What is tried, what comes of it in the sandbox, and what outside.
const REFUSED: &[(&str, &str, &str)] = &[
    ("read SECRET", "EACCES", "done"),
    ("write SECRET", "EACCES", "done"),
    ("write FOLDER/new", "EACCES", "done"),
    ("unix SOCKET", "EPERM", "done"),
    ("port 20999", "EACCES", "done"),
    ("kill-parent", "EPERM", "done"),
    ("chmod SECRET", "EPERM", "done"),
    ("dumpable", "EPERM", "done"),
    ("fchmodat2 SECRET", "EPERM", "done"),
    ("setxattrat SECRET", "EPERM", "EINVAL"),
    ("removexattrat SECRET", "EPERM", "EFAULT"),
    ("code-page", "EPERM", "done"),
    ("code-file", "EPERM", "done"),
];

/// What not everybody may do, with or without a sandbox.
const REFUSED_EVEN_TO_ROOT: &[(&str, &str, &str)] =
    &[("packet", "EPERM", "done"), ("parent-memory", "EPERM", "EFAULT")];

/// What ends the process, and what comes of it outside.
const DEADLY: &[(&str, &str, &str)] = &[
    ("execve /nonexistent", "execve", "ENOENT"),
    ("fork", "clone", "done"),
    ("ptrace", "ptrace", "ESRCH"),
    ("unshare", "unshare", "done"),
];

struct Surroundings {
    fake: Fake,
    elsewhere: tempfile::TempDir,
    _listener: UnixListener,
}

impl Surroundings {
    fn new() -> Self {
        let (fake, elsewhere) = (Fake::new(), tempfile::tempdir().unwrap());
        std::fs::write(elsewhere.path().join("secret"), "a key").unwrap();
        let listener = UnixListener::bind(elsewhere.path().join("socket")).unwrap();
        Self { fake, elsewhere, _listener: listener }
    }

    /// With the paths of here.
    fn attempt(&self, told: &str) -> String {
        let elsewhere = self.elsewhere.path().to_str().unwrap();
        told.replace("SECRET", &format!("{elsewhere}/secret"))
            .replace("SOCKET", &format!("{elsewhere}/socket"))
            .replace("FOLDER", self.fake.folder().to_str().unwrap())
    }
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[test]
fn what_providers_do_not_need_is_refused() {
    let here = Surroundings::new();
    let rows: Vec<_> = REFUSED
        .iter()
        .chain(REFUSED_EVEN_TO_ROOT.iter().filter(|_| is_root()))
        .map(|(told, inside, outside)| (here.attempt(told), *inside, *outside))
        .collect();
    let attempts: Vec<&str> = rows.iter().map(|(attempt, ..)| attempt.as_str()).collect();
    let outside = trial(&here.fake, "tcp", false, &attempts);
    let inside = trial(&here.fake, "tcp", true, &attempts);
    for (attempt, in_it, out_of_it) in &rows {
        // A kernel without the call refuses it, too.
        let free = outside.outcome(attempt);
        assert!(free == *out_of_it || free == "ENOSYS", "{attempt} without a sandbox: {free}");
        if *in_it != "EACCES" || inside.has_landlock() {
            assert_eq!(inside.outcome(attempt), *in_it, "{attempt} in the sandbox");
        } else {
            eprintln!("{attempt}: not tried, this kernel has no {:?}", inside.missing);
        }
    }
}

#[test]
fn what_is_hostile_ends_the_process() {
    let here = Surroundings::new();
    for (attempt, call, out_of_it) in DEADLY {
        let outside = trial(&here.fake, "tcp", false, &[attempt]);
        assert_eq!(outside.outcome(attempt), *out_of_it, "{attempt} without a sandbox");
        let Trial { words, signal, .. } = trial(&here.fake, "tcp", true, &[attempt]);
        assert_eq!(signal, Some(libc::SIGSYS), "{attempt}: {words:?}");
        let last = words.last().unwrap();
        assert!(last.starts_with("blocked system call "), "{words:?}");
        assert!(last.ends_with(&format!("({call})")), "{words:?}");
    }
}

#[test]
fn each_provider_has_sockets_of_its_own() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let connect = format!("connect {}", listener.local_addr().unwrap().port());
    // A peer may be at any port; the kernel gives tcp its own.
    for (provider, bound, connected) in
        [("tcp", "EACCES", "done"), ("efa", "EPERM", "EPERM"), ("shm", "EPERM", "EPERM")]
    {
        let here = Surroundings::new();
        let told = trial(&here.fake, provider, true, &["port 20998", &connect]);
        if told.has_landlock() || bound == "EPERM" {
            assert_eq!(told.outcome("port 20998"), bound, "{provider}");
            assert_eq!(told.outcome(&connect), connected, "{provider}");
        }
    }
}

/// The real library does all of its work in the sandbox.
#[test]
fn every_byte_of_a_transfer_arrives() {
    const TOKEN: [u8; 16] = *b"sixteen bytes ok";
    const MAX_BYTES: u64 = 8 << 20;
    for provider in ["tcp", "shm"] {
        let fakes = [Fake::new(), Fake::new()];
        let [mut a, mut b] = fakes.each_ref().map(|fake| Lone::start(fake, provider, true));
        let addresses = [(&mut a, &fakes[0]), (&mut b, &fakes[1])].map(|(worker, fake)| {
            let (_, answer) = worker.open(fake, provider);
            let Event::Opened { mut rails, .. } = answer else { panic!("{answer:?}") };
            rails.remove(0).1
        });
        let [of_a, of_b] = addresses;
        // Ranks are known by what the other one is added as: both opened as 0.
        a.send(&Command::AddPeer { peer: 0, address: of_b });
        b.send(&Command::AddPeer { peer: 0, address: of_a });
        for worker in [&mut a, &mut b] {
            worker.send(&Command::ArmProbe { peer: 0, token: TOKEN });
        }
        let bytes = vec![1, 3, 0, 0];
        b.send(&Command::Send { peer: 0, bytes: bytes.clone() });
        assert_eq!(a.next(), Event::Received { bytes });
        for (id, mode) in [(1, Mode::TwoSided), (2, Mode::OneSided)] {
            let size_bytes = 1 << 20;
            let max_millis = 5_000;
            let what = Measurement::Bandwidth {
                rail: Some(0),
                mode,
                size_bytes,
                max_bytes: MAX_BYTES,
                max_millis,
            };
            a.send(&Command::Measure { id, peer: 0, what });
            let Event::Measured { outcome: Outcome::Bandwidth(told), .. } = a.next() else {
                panic!("{provider} {mode}")
            };
            assert_eq!(told.bytes, MAX_BYTES, "{provider} {mode}");
            eprintln!("{provider} {mode}: {:.2} Gbit/s", told.gbps());
        }
    }
}

fn status(process: u32) -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let pairs = text.lines().filter_map(|line| line.split_once(':'));
    pairs.map(|(key, value)| (key.to_owned(), value.trim().to_owned())).collect()
}

/// Soft and hard, `u64::MAX` for unlimited.
fn limit(process: u32, name: &str) -> [u64; 2] {
    let text = std::fs::read_to_string(format!("/proc/{process}/limits")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    let mut words = line.split_whitespace();
    [(); 2].map(|()| words.next().unwrap().parse().unwrap_or(u64::MAX))
}

#[test]
fn a_worker_has_fewer_rights_than_its_daemon() {
    let nodes = pair("tcp", "");
    let (daemon, worker) = (nodes[0].pid(), nodes[0].worker().unwrap());
    let (of_daemon, of_worker) = (status(daemon), status(worker));
    assert_eq!(of_worker["NoNewPrivs"], "1");
    assert_eq!(of_worker["Seccomp"], "2");
    let number = |status: &BTreeMap<String, String>, key: &str| {
        status.get(key).map_or(0, |value| value.parse::<u32>().unwrap())
    };
    let filters = "Seccomp_filters";
    assert!(number(&of_worker, filters) > number(&of_daemon, filters), "{of_worker:?}");
    for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
        assert_eq!(of_worker[set], "0000000000000000", "{set}");
    }
    assert_eq!(limit(worker, "Max core file size"), [0, 0]);
    let (files, more) = (limit(worker, "Max open files"), limit(daemon, "Max open files"));
    assert!(files[1] <= more[1].min(4096), "{files:?} {more:?}");
    let reading = nodes[0].last().checks[name::SANDBOX][0].observed_value.clone().unwrap();
    let told = reading.as_str().unwrap();
    assert!(told == "complete" || told.starts_with("without "), "{told}");
    eprintln!("the sandbox is {told}");
}
