//! Nodes in a Capacity Block that somebody bought, against the local region
//! without machines: found by its id, run in twice, given back, and over with it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::Region;

/// Buys room for two nodes for a day; the block's id.
fn bought(region: &Region) -> String {
    let asked = ["--instance-type", "p5.48xlarge", "--instance-count", "2"];
    let offers = ["ec2", "describe-capacity-block-offerings", "--capacity-duration-hours", "24"];
    let first = ["--query", "CapacityBlockOfferings[0].CapacityBlockOfferingId"];
    let offer = region.run("aws", &[&offers[..], &asked, &first, &["--output", "text"]].concat());
    let purchase = ["ec2", "purchase-capacity-block", "--instance-platform", "Linux/UNIX"];
    let which = ["--capacity-block-offering-id", offer.trim()];
    let id = ["--query", "CapacityReservation.CapacityReservationId", "--output", "text"];
    region.run("aws", &[&purchase[..], &which, &id].concat()).trim().to_owned()
}

/// Lifecycle, reservation and placement group of what lives.
fn nodes(region: &Region) -> String {
    let live = "Name=instance-state-name,Values=pending,running";
    let shown = "Reservations[].Instances[].[InstanceLifecycle, CapacityReservationId, Placement.GroupName]";
    region.run(
        "aws",
        &["ec2", "describe-instances", "--filters", live, "--query", shown, "--output", "text"],
    )
}

#[test]
fn nodes_run_in_a_block_again_and_end_with_it() {
    let Some(region) = Region::up() else { return };
    let block = bought(&region);
    let up = ["up", "--instance-type", "p5.48xlarge", "--reservation", &block, "--no-mlflow"];
    let up = [&up[..], &["--public-address", "none"]].concat();
    region.run("nixl-launch", &up);
    let there = nodes(&region);
    assert_eq!(there.lines().count(), 2, "{there}");
    for node in there.lines() {
        let told: Vec<&str> = node.split('\t').collect();
        assert_eq!(told[..2], ["capacity-block", &block], "{there}");
        assert!(matches!(told[2], "" | "None"), "no placement group: {there}");
    }
    // The block is full of our own nodes, which is no obstacle.
    region.run("nixl-launch", &up);
    assert_eq!(nodes(&region), there);

    // EC2 ends what runs in a block half an hour before its end.
    region.run("nixl-region", &["set", "clock", "+30h"]);
    assert_eq!(nodes(&region), "");
    region.run("nixl-launch", &["down"]);
    let left = region.run("nixl-launch", &["audit", "--output", "json"]);
    let left: serde_json::Value = serde_json::from_str(&left).unwrap();
    assert_eq!(left["clusters"].as_array().unwrap().len(), 0, "{left:#}");
}
