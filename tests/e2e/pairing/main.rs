//! A real pair under a matrix of faults: what `/health` of both nodes said, after
//! how long, and how long until they were paired again.

mod acts;
mod goodbye;
mod matrix;
mod tags;
mod watch;

use anyhow::{Result, ensure};
use nixl_tests::{Region, Story, node, wait_for};
use std::process::ExitCode;
use std::time::Duration;

const NODES: [&str; 2] = ["nixl-node1", "nixl-node2"];
const ROLES: [&str; 2] = ["prefill", "decode"];
const UP: [&str; 6] = [
    "up",
    "--provider=tcp",
    "--nodes=2",
    "--roles=prefill=1,decode=1",
    "--no-mlflow",
    "--output=json",
];

fn both_paired(region: &Region) -> Result<()> {
    NODES.iter().try_for_each(|name| node::paired(region, name).map(drop))
}

fn launch(region: &Region) -> Result<()> {
    let report = region.program("nixl-launch").json(&UP)?;
    wait_for("a pair", Duration::from_secs(30), || both_paired(region))?;
    for (rank, role) in ROLES.into_iter().enumerate() {
        let (_, document) = node::health(region, NODES[rank])?;
        let (tagged, told) = (&report["nodes"][rank]["role"], &document["node"]["role"]);
        ensure!(tagged == role && told == role, "{role}: tag {tagged}, /health {told}");
    }
    Ok(())
}

fn main() -> ExitCode {
    let mut story = Story::begin("pairing");
    let Some(mut region) = story.always("a state folder and a free port", Region::new) else {
        return story.end();
    };
    story.step("the region comes up", || region.up());
    story.step("an image is baked", || {
        let baked = region.bake()?;
        ensure!(baked["ami_id"].is_string(), "{baked}");
        Ok(())
    });
    let mut table = Vec::new();
    if story.step("a pair of both roles is launched", || launch(&region)).is_some() {
        for row in matrix::ROWS {
            table.extend(story.check(row.name, || matrix::run(&region, row)));
        }
    }
    if !table.is_empty() {
        story.check("a stop in order is heard as a goodbye", || goodbye::heard(&region));
    }
    matrix::print(&table);
    if story.failed() {
        story.always("what the region and the nodes said", || tell(&region));
    }
    story.always("launch down", || {
        region.program("nixl-launch").ok(&["down", "--mlflow"]).map(drop)
    });
    story.always("region down", || region.down());
    drop(region);
    story.end()
}

fn tell(region: &Region) -> Result<()> {
    for name in NODES {
        let journal = ["journalctl", "--no-pager", "-n", "60", "-u", "nixl-noded"];
        println!("{name}: {}", region.exec(name, &journal)?);
        println!("{name}: {:?}", node::health(region, name));
    }
    Ok(())
}
