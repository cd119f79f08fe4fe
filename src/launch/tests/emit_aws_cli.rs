//! What `emit aws-cli` prints, run with the real AWS CLI against the local region
//! without machines.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::Region;
use serde_json::Value;

/// Has several cards, so its nodes need Elastic IPs.
const NODE_TYPE: &str = "p4d.24xlarge";

/// What is asked for: all of MLflow is made by the script.
const ASKED: [&str; 3] = ["--instance-type", NODE_TYPE, "--roles=prefill=1,decode=1"];

fn emit(region: &Region, asked: &[&str]) -> Vec<u8> {
    let output = region.try_run("nixl-launch", &[&["emit", "aws-cli"], asked].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// The script launches a pair once, however often it runs, where there is room;
/// the program shows it, finds nothing to change, and removes all of it.
#[test]
fn a_script_launches_what_the_program_knows_as_its_own() {
    let Some(region) = Region::up() else { return };
    region.run("nixl-region", &["set", "capacity", "us-east-1a", NODE_TYPE, "0"]);
    let script = emit(&region, &ASKED);
    std::fs::write(region.folder.path().join("launch.sh"), &script).unwrap();
    let first = region.run("bash", &["launch.sh"]);
    assert!(first.starts_with("nixl-node1 i-") && first.lines().count() == 2, "{first}");
    assert_eq!(region.run("bash", &["launch.sh"]), first);

    let up = region.try_run("nixl-launch", &[&["up"], &ASKED[..]].concat());
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

    // The App that the script has made is the one that all know.
    let status = region.run("nixl-launch", &["mlflow", "status", "--output", "json"]);
    let status: Value = serde_json::from_str(&status).unwrap();
    let apps = status["tracking"].as_array().unwrap();
    assert!(apps.len() == 1 && apps[0]["kind"] == "app", "{status:#}");
    assert_eq!(status["told_nodes"], 2, "{status:#}");

    region.run("nixl-launch", &["down", "--mlflow"]);
    region.run("nixl-launch", &["audit"]);
    assert_eq!(emit(&region, &ASKED), script, "the same plan gives the same script");
}

/// A tracking server, in a bucket with a key.
#[test]
fn a_script_makes_a_server_that_the_program_goes_on_with() {
    const KEY: &str = "arn:aws:kms:us-east-1:123456789012:key/k";
    let Some(region) = Region::up() else { return };
    let asked = ["--tracking-server", "--kms-key", KEY, "--ttl", "never"];
    std::fs::write(region.folder.path().join("launch.sh"), emit(&region, &asked)).unwrap();
    region.run("bash", &["launch.sh"]);
    let up = region.try_run("nixl-launch", &["up", "--ttl", "never"]);
    let said = String::from_utf8_lossy(&up.stderr).into_owned();
    assert!(up.status.success() && !said.contains(" made"), "{said}");
    let doctor = region.try_run("nixl-launch", &["doctor"]);
    let doctor = String::from_utf8(doctor.stdout).unwrap();
    assert!(doctor.contains(&format!("encrypted with {KEY}, closed")), "{doctor}");
    region.run("nixl-launch", &["down", "--mlflow"]);
    region.run("nixl-launch", &["audit"]);
}
