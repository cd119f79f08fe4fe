//! A real pair whose nodes break in ways that pairing does not notice: what
//! `/health` said, after how long, and how long until it was silent again; and
//! what people do about it.

mod matrix;
mod people;

use anyhow::{Result, ensure};
use nixl_tests::{Region, Story, node, wait_for};
use std::process::ExitCode;
use std::time::Duration;

const NODES: [&str; 2] = ["nixl-node1", "nixl-node2"];
const UP: [&str; 5] = ["up", "--provider=tcp", "--nodes=2", "--no-mlflow", "--output=json"];
/// A first measurement, a first look at every device, and some rest.
const PATIENCE: Duration = Duration::from_secs(60);

/// Both are paired, and nothing of them is otherwise than it should be.
fn both_well(region: &Region) -> Result<()> {
    NODES.iter().try_for_each(|name| {
        let document = node::paired(region, name)?;
        ensure!(document["status"] == "pass", "{name}: {document:#}");
        Ok(())
    })
}

fn launch(region: &Region) -> Result<()> {
    region.program("nixl-launch").json(&UP)?;
    wait_for("a pair that is well", PATIENCE, || both_well(region)).map(drop)
}

fn main() -> ExitCode {
    let mut story = Story::begin("health");
    let Some(mut region) = story.always("a state folder and a free port", Region::new) else {
        return story.end();
    };
    story.step("a region whose machines have clocks of their own comes up", || {
        region.up_with(&["--machine-clocks"])
    });
    story.step("an image is baked", || {
        let baked = region.bake()?;
        ensure!(baked["ami_id"].is_string(), "{baked}");
        Ok(())
    });
    let mut table = Vec::new();
    if story.step("a pair is launched and well", || launch(&region)).is_some() {
        for row in matrix::ROWS {
            table.extend(story.check(row.name, || matrix::run(&region, row)));
        }
        story.check(
            "what is acknowledged stays so over a restart, and ends with its reason",
            || people::acknowledge(&region),
        );
        story.check("check tells both nodes, and fails with either", || people::check(&region));
        story.check("events are read back from the journal", || people::events(&region));
        story.check("the page and the metrics tell what /health tells", || people::pages(&region));
    }
    matrix::print(&table);
    if story.failed() {
        story.always("what the nodes said", || tell(&region));
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
        println!("{name}: {}", region.exec(name, &["nixl-noded", "health"])?);
    }
    Ok(())
}
