//! A pair that tells a real journald, in a mount namespace of its own, and
//! `nixl-noded events`, which reads that back. It needs root and
//! systemd-journald; without them it says so and passes.

#![allow(clippy::unwrap_used)]

mod node;

use assert_cmd::Command;
use node::{Cloud, Node, paired_since, wait_for};
use serde_json::Value;
use std::path::Path;
use std::process::Child;
use std::time::Instant;

const JOURNALD: &str = "/usr/lib/systemd/systemd-journald";
/// Its sockets get this name; as an instance it leaves the kernel's log alone.
const INSTANCE: &str = "nixl-test";
/// Set by systemd where stderr is the journal.
const ENV: &[(&str, &str)] = &[("JOURNAL_STREAM", "1:1")];
const PAIR: &str = "nixl/i-0+i-1";

#[test]
fn a_pair_is_told_with_fields_and_read_back() {
    let able = rustix::process::geteuid().is_root() && Path::new(JOURNALD).exists();
    if !able {
        assert!(std::env::var_os("NIXL_TEST_ALL").is_none(), "this needs root and {JOURNALD}");
        eprintln!("skipped: this needs root and {JOURNALD}");
        return;
    }
    let done = std::process::Command::new("unshare")
        .args(["--mount", "--propagation", "private", "--"])
        .arg(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "inside", "--nocapture"])
        .status()
        .unwrap();
    assert!(done.success(), "{done}");
}

struct Journald(Child);

impl Drop for Journald {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn mount(args: &[&str]) {
    assert!(std::process::Command::new("mount").args(args).status().unwrap().success(), "{args:?}");
}

/// A journal of this namespace's own, where journalctl looks for it.
fn journald() -> Journald {
    mount(&["-t", "tmpfs", "tmpfs", "/run"]);
    let sockets = format!("/run/systemd/journal.{INSTANCE}");
    let machine = std::fs::read_to_string("/etc/machine-id").unwrap();
    let files = format!("/run/log/journal/{}", machine.trim());
    for folder in ["/run/systemd/journal", &sockets, &files] {
        std::fs::create_dir_all(folder).unwrap();
    }
    let journald = std::process::Command::new(JOURNALD)
        .arg(INSTANCE)
        .env("RUNTIME_DIRECTORY", &sockets)
        .env("LOGS_DIRECTORY", &files)
        .spawn()
        .unwrap();
    let journald = Journald(journald);
    wait_for("journald", || {
        let socket = Path::new(&sockets).join("socket");
        socket.exists().then_some(()).ok_or_else(|| "no socket".to_owned())
    });
    mount(&["--bind", &sockets, "/run/systemd/journal"]);
    journald
}

/// The catalog as it is installed on a node, in place of this computer's.
fn catalog() {
    for folder in ["/usr/lib/systemd/catalog", "/var/lib/systemd/catalog"] {
        mount(&["-t", "tmpfs", "tmpfs", folder]);
    }
    let ours = "../../systemd/usr/lib/systemd/catalog/nixl.catalog";
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join(ours);
    std::fs::copy(ours, "/usr/lib/systemd/catalog/nixl.catalog").unwrap();
    Command::new("journalctl").arg("--update-catalog").assert().success();
}

fn noded(args: &[&str]) -> String {
    let output = Command::new(assert_cmd::cargo::cargo_bin!("nixl-noded"))
        .args(args)
        .env_remove("NIXL_LOG")
        .assert()
        .success()
        .get_output()
        .clone();
    String::from_utf8(output.stdout).unwrap()
}

fn events(args: &[&str]) -> Vec<Value> {
    let told = noded(&[&["events", "--output", "json"], args].concat());
    told.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn journalctl(args: &[&str]) -> String {
    let output = Command::new("journalctl")
        .args(["--no-pager", "-t", "nixl-noded"])
        .args(args)
        .assert()
        .success()
        .get_output()
        .clone();
    String::from_utf8(output.stdout).unwrap()
}

/// Entries of the daemon `pid` about the pair, as journalctl finds them.
fn entries(pid: u32) -> Vec<Value> {
    let found = journalctl(&["-o", "json", &format!("_PID={pid}"), &format!("PAIR_ID={PAIR}")]);
    found.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
#[ignore = "run by the other, in a namespace of its own"]
fn inside() {
    let _journald = journald();
    catalog();
    let cloud = Cloud::default();
    let mut nodes = [0, 1].map(|rank| Node::start_with(&cloud, rank, "tcp", "", "", ENV));
    paired_since(&nodes, Instant::now());

    for (rank, node) in nodes.iter().enumerate() {
        let peer = format!("i-{}", 1 - rank);
        let told = wait_for("entry of the pair", || {
            let told = entries(node.pid());
            let paired = |entry: &&Value| entry["PAIR_STATE"] == "paired";
            told.iter().find(paired).cloned().ok_or_else(|| format!("{told:?}"))
        });
        assert_eq!((&told["PEER_ID"], &told["STAGE"]), (&peer.into(), &"paired".into()));
        assert_eq!(told["MESSAGE_ID"], nixl_noded::events::kind::PAIRED.id);
    }

    nodes[1].stop();
    let lost = wait_for("loss", || {
        let told = events(&["--reason", "pair.peer_lost", "--peer", "i-1"]);
        told.first().cloned().ok_or_else(|| "nothing".to_owned())
    });
    assert_eq!((&lost["level"], &lost["fields"]["PAIR_ID"]), (&"warning".into(), &PAIR.into()));

    let listen = format!("--listen={}", nodes[0].address);
    noded(&["ack", "pair.peer_lost", "--id", "i-1", "--note", "planned", &listen]);
    let seen = wait_for("acknowledgement", || {
        let told = events(&["--reason", "pair.peer_lost"]);
        let seen = told.iter().find(|entry| entry["fields"]["NOTE"] == "planned");
        seen.cloned().ok_or_else(|| format!("{told:?}"))
    });
    assert_eq!(seen["fields"]["CHECKS"], "peer:state i-1");

    let all = events(&[]);
    for stage in ["boot", "open", "register", "handshake", "paired", "stop"] {
        let told = |entry: &Value| entry["fields"]["STAGE"] == stage;
        assert!(all.iter().any(told), "no entry of {stage} in {all:#?}");
    }
    let rails = all.iter().filter(|entry| entry["fields"]["RAIL"] == "0").count();
    assert!(rails >= 2, "{all:#?}");
    for entry in &all {
        assert!(entry["fields"]["MESSAGE_ID"].is_string(), "{entry}");
    }
    let times: Vec<&str> = all.iter().map(|entry| entry["at"].as_str().unwrap()).collect();
    assert!(times.is_sorted(), "{times:?}");

    let text = noded(&["events", "-x", "--pair", PAIR]);
    let explained = text.contains("    Lost i-1\n") && text.contains(&format!("PAIR_ID={PAIR}\n"));
    assert!(explained, "{text}");
    let text = journalctl(&["-x", "-b", "-p", "warning"]);
    assert!(text.contains(" Subject: Lost i-1\n"), "{text}");
    assert_eq!(events(&["--pair", "nixl/i-0+i-9"]), Vec::<Value>::new());
    assert_eq!(events(&["--since", "+1h"]), Vec::<Value>::new());
}
