//! The node around the daemon, on real machines: what AWS announces, a full disk,
//! user data that failed, and an SSM agent that started before its role came.

mod acts;

use anyhow::{Result, ensure};
use nixl_tests::{Region, Story, node, wait_for};
use std::process::ExitCode;
use std::time::Duration;

const NODES: [&str; 2] = ["nixl-node1", "nixl-node2"];
const UP: [&str; 5] = ["up", "--provider=tcp", "--nodes=2", "--no-mlflow", "--output=json"];

fn launch(region: &Region) -> Result<()> {
    region.program("nixl-launch").ok(&UP)?;
    wait_for("a pair", Duration::from_secs(30), || {
        NODES.iter().try_for_each(|name| node::paired(region, name).map(drop))
    })
    .map(drop)
}

fn main() -> ExitCode {
    let mut story = Story::begin("system");
    let Some(mut region) = story.always("a state folder and a free port", Region::new) else {
        return story.end();
    };
    story.step("the region comes up, machines with disks of their own", || {
        region.up_with(&["--machine-disks", "8G"])
    });
    story.step("an image is baked", || {
        let baked = region.bake()?;
        ensure!(baked["ami_id"].is_string(), "{baked}");
        Ok(())
    });
    if story.step("a pair is launched", || launch(&region)).is_some() {
        story.check("a new node is well", || acts::well(&region));
        story.check("a Spot interruption is told", || acts::spot(&region));
        story.check("a scheduled event is told", || acts::maintenance(&region));
        story.check("a full disk is told and forgiven", || acts::full_disk(&region));
        story.check("user data that failed is told with its line", || acts::cloud_init(&region));
        story.check("an SSM agent that came before its role is restarted once", || {
            acts::late_role(&region)
        });
    }
    if story.failed() {
        story.always("what the nodes said", || acts::tell(&region));
    }
    story.always("launch down", || {
        region.program("nixl-launch").ok(&["down", "--mlflow"]).map(drop)
    });
    story.always("region down", || region.down());
    drop(region);
    story.end()
}
