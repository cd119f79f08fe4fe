//! `nixl-noded check` beside two real daemons, as a person calls it.

#![allow(clippy::unwrap_used)]

mod node;

use nixl_cluster::check::{CheckDocument, Item, NodeChecks, Section, Verdict};
use node::{Node, pair, wait_for};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// Without the network, which is another one wherever this runs.
const SECTIONS: [&str; 6] = ["efa", "gpu", "mlflow", "vllm", "nixl", "system"];

fn check(node: &Node, settings: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("nixl-noded"));
    command.args(["check", "--listen", &node.address.to_string(), "--settings"]);
    command.arg(settings).args(args).env_remove("NO_COLOR").stdin(Stdio::null());
    command
}

/// In JSON; the exit code is the verdict's.
fn document(node: &Node, settings: &Path, args: &[&str]) -> CheckDocument {
    let sections = SECTIONS.iter().flat_map(|section| ["--section", section]);
    let output: Output =
        check(node, settings, args).args(sections).args(["--output", "json"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let document: CheckDocument = serde_json::from_str(&text).unwrap();
    let failed = i32::from(document.verdict == Verdict::Fail);
    assert_eq!(output.status.code(), Some(failed), "{text}");
    // Nothing that is printed is lost on the types.
    let again: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(serde_json::to_value(&document).unwrap(), again);
    document
}

fn item<'a>(node: &'a NodeChecks, section: Section, name: &str) -> &'a Item {
    let section = node.sections.iter().find(|of| of.section == section).unwrap();
    let found = section.items.iter().find(|item| item.name == name);
    found.unwrap_or_else(|| panic!("no {name} in {section:#?}"))
}

fn code(item: &Item) -> &str {
    item.reason.as_ref().map_or("good", |reason| reason.code.as_str())
}

/// Settings that name a Python which says this.
fn settings(folder: &Path, script: &str) -> PathBuf {
    let python = folder.join("python3");
    std::fs::write(&python, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&python, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = folder.join("node.toml");
    let text = format!("cluster = \"nixl\"\nsize = 2\nprovider = \"tcp\"\npython = {python:?}\n");
    std::fs::write(&path, text).unwrap();
    path
}

#[test]
fn both_nodes_are_shown_and_what_cannot_be_asked_fails() {
    let [mut first, mut second] = pair("tcp", "");
    let folder = tempfile::tempdir().unwrap();
    let script = r#"echo 'nixl-check {"what":"python","state":"found","version":"3.12.1"}'
        echo 'nixl-check {"what":"nixl","state":"missing"}'
        echo 'nixl-check {"what":"vllm","state":"imported","version":"0.11.0"}'"#;
    let settings = settings(folder.path(), script);

    let told = document(&first, &settings, &["--peer"]);
    let [own, peer] = &told.nodes[..] else { panic!("{told:#?}") };
    assert_eq!((own.instance_id.as_str(), own.peer, own.rank), ("i-0", false, Some(0)));
    assert_eq!((peer.instance_id.as_str(), peer.peer, peer.rank), ("i-1", true, Some(1)));
    assert!(peer.age_secs.is_some_and(|secs| secs < 5.0), "{peer:#?}");
    assert_eq!((peer.left_out, peer.release.as_deref()), (0, own.release.as_deref()));
    assert_eq!(code(item(own, Section::Nixl, "nixl:import")), "check.nixl_missing");
    assert_eq!(item(own, Section::Vllm, "vllm:import").verdict, Verdict::Pass);
    assert_eq!(item(peer, Section::Nixl, "nixl:import").verdict, Verdict::Skip);
    assert_eq!(item(own, Section::Mlflow, "mlflow:url").verdict, Verdict::Skip);
    assert_eq!(item(own, Section::System, "settings:file").verdict, Verdict::Pass);
    assert_eq!(item(peer, Section::System, "settings:file").verdict, Verdict::Pass);
    assert_eq!(told.verdict, Verdict::Fail, "what the settings name a Python for");

    let by_rank = document(&first, &settings, &["--peer=1"]);
    assert_eq!(by_rank.nodes[1].instance_id, "i-1");
    let text = check(&first, &settings, &["--section", "system", "--peer"]).output().unwrap();
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(text.contains("i-0\n") && text.contains("peer i-1\n"), "{text}");
    assert!(!text.contains('\x1b'), "no colours into a pipe");
    let mut unread = check(&first, &settings, &["--peer"]).stdout(Stdio::piped()).spawn().unwrap();
    drop(unread.stdout.take());
    let code_of_unread = unread.wait().unwrap().code();
    assert!(matches!(code_of_unread, Some(0 | 1)), "{code_of_unread:?}");

    second.stop();
    let lost = wait_for("loss", || {
        let told = document(&first, &settings, &["--peer"]);
        let lost = told.nodes[1].clone();
        if lost.verdict == Verdict::Fail { Ok(lost) } else { Err(format!("{lost:#?}")) }
    });
    let silent = item(&lost, Section::System, "check:peer");
    assert_eq!(code(silent), "check.peer_silent");
    let evidence = &silent.reason.as_ref().unwrap().evidence;
    assert!(evidence.contains("not paired with i-1: it is lost (pair.peer_lost"), "{evidence}");

    first.stop();
    let down = document(&first, &settings, &[]);
    let daemon = item(&down.nodes[0], Section::System, "check:daemon");
    assert_eq!(code(daemon), "check.daemon_silent");
    assert_eq!(item(&down.nodes[0], Section::Vllm, "vllm:import").verdict, Verdict::Pass);
}

#[test]
fn a_python_that_hangs_is_left_behind() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(folder.path(), "sleep 60");
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let begun = std::time::Instant::now();
    let output = Command::new(assert_cmd::cargo::cargo_bin!("nixl-noded"))
        .args(["check", "--section", "vllm", "--python-timeout", "1", "--output", "json"])
        .args(["--listen", &free.to_string(), "--settings"])
        .arg(&settings)
        .output()
        .unwrap();
    assert!(begun.elapsed().as_secs() < 30);
    let told: CheckDocument = serde_json::from_slice(&output.stdout).unwrap();
    let vllm = item(&told.nodes[0], Section::Vllm, "vllm:import");
    assert_eq!(code(vllm), "check.python_broken");
    assert!(vllm.reason.as_ref().unwrap().evidence.ends_with("took longer than 1 s"), "{vllm:?}");
}
