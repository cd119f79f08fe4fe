//! What `emit aws-cli` prints, run with the real AWS CLI against the local region
//! without machines.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::Region;
use serde_json::Value;
use std::process::Output;

/// Has several cards, so its nodes need Elastic IPs.
const NODE_TYPE: &str = "p4d.24xlarge";

/// Runs the program with what is asked for.
fn asked(region: &Region, command: &[&str]) -> Output {
    let asked = ["--instance-type", NODE_TYPE, "--roles=prefill=1,decode=1", "--tracking-server"];
    region.try_run("nixl-launch", &[command, &asked[..]].concat())
}

fn emit(region: &Region) -> Vec<u8> {
    let output = asked(region, &["emit", "aws-cli"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// The script launches a pair once, however often it runs, where there is room;
/// the program shows it, finds nothing to change, and removes all of it.
#[test]
fn a_script_launches_what_the_program_knows_as_its_own() {
    let Some(region) = Region::up() else { return };
    region.run("nixl-region", &["set", "capacity", "us-east-1a", NODE_TYPE, "0"]);
    let script = emit(&region);
    std::fs::write(region.folder.path().join("launch.sh"), &script).unwrap();
    let first = region.run("bash", &["launch.sh"]);
    assert!(first.starts_with("nixl-node1 i-") && first.lines().count() == 2, "{first}");
    assert_eq!(region.run("bash", &["launch.sh"]), first);

    let up = asked(&region, &["up"]);
    let said = String::from_utf8_lossy(&up.stderr).into_owned();
    assert!(up.status.success() && said.contains("2 nodes are already there"), "{said}");
    assert!(!said.contains(" made") && !said.contains("address"), "{said}");
    let shown = region.run("nixl-launch", &["status", "--output", "json"]);
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["zone"], "us-east-1b", "{shown:#}");
    let nodes = shown["nodes"].as_array().unwrap();
    let named = [("nixl-node1", "prefill"), ("nixl-node2", "decode")];
    for (node, (name, role)) in nodes.iter().zip(named) {
        assert!(node["name"] == name && node["role"] == role, "{shown:#}");
    }

    region.run("nixl-launch", &["down", "--mlflow"]);
    region.run("nixl-launch", &["audit"]);
    assert_eq!(emit(&region), script, "the same plan gives the same script");
}
