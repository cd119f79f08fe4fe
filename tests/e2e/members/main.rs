//! Nodes that nobody launches together: one launch template, an instance at a
//! time, a spare, and a replacement for one that is terminated. Then four of one
//! launch, with roles, and what ends each of them.

mod cloud;
mod lifetime;

use anyhow::{Result, ensure};
use cloud::Cloud;
use lifetime::Life;
use nixl_tests::{Region, Story, node, wait_for};
use std::process::ExitCode;
use std::time::Duration;

/// Nodes of the cluster.
const SIZE: usize = 3;
/// A machine boots, registers and pairs; several do at once.
const PAIRED_WITHIN: Duration = Duration::from_secs(180);
/// From launch to launch, as an Auto Scaling group may take its time.
const BETWEEN: Duration = Duration::from_secs(4);

/// Each is paired and has the rank of its place in the list.
fn paired(region: &Region, ids: &[String]) -> Result<()> {
    for (rank, id) in ids.iter().enumerate() {
        let document = node::paired(region, id)?;
        let (told, peers) = (&document["node"]["rank"], &document["node"]["peers"]);
        ensure!(told == rank, "{id} has rank {told}, not {rank}");
        let peers: Vec<&str> =
            peers.as_array().into_iter().flatten().filter_map(|peer| peer.as_str()).collect();
        let others = ids.iter().filter(|other| *other != id);
        for other in others {
            ensure!(peers.contains(&other.as_str()), "{id} is paired with {peers:?}, not {other}");
        }
    }
    Ok(())
}

fn stands_by(region: &Region, id: &str) -> Result<()> {
    let (_, document) = node::health(region, id)?;
    let rank = &document["checks"]["registration:rank"][0];
    ensure!(rank["reason"]["code"] == "node.surplus", "{id}: {rank:#}");
    ensure!(document["node"]["rank"].is_null(), "{id} has a rank: {}", document["node"]);
    Ok(())
}

fn main() -> ExitCode {
    let mut story = Story::begin("members");
    let Some(mut region) = story.always("a state folder and a free port", Region::new) else {
        return story.end();
    };
    story.step("the region comes up", || region.up());
    story.step("an image is baked", || {
        let baked = region.bake()?;
        ensure!(baked["ami_id"].is_string(), "{baked}");
        Ok(())
    });
    let cloud = Cloud { region: &region };
    story.step("role, profile and security group are made by hand", || cloud.ground());
    story.step("the launch template is the same text twice, and EC2 takes it", || {
        cloud.launch_template(SIZE)
    });
    let mut ids: Vec<String> = Vec::new();
    story.step("instances are launched one by one", || {
        for _ in 0..SIZE {
            ids.push(cloud.launch()?);
            std::thread::sleep(BETWEEN);
        }
        Ok(())
    });
    story.step("they are paired, ranks in the order of launch", || {
        let (_, took) = wait_for("the cluster", PAIRED_WITHIN, || paired(&region, &ids))?;
        println!("        after {:.1} s", took.as_secs_f64());
        Ok(())
    });
    let mut spare = String::new();
    story.step("one more stands by", || {
        spare = cloud.launch()?;
        wait_for("a spare", PAIRED_WITHIN, || stands_by(&region, &spare))?;
        paired(&region, &ids)
    });
    story.step("it takes the rank of one that is terminated, the others keep theirs", || {
        cloud.terminate(&ids[1])?;
        ids[1].clone_from(&spare);
        let (_, took) = wait_for("a pair again", PAIRED_WITHIN, || paired(&region, &ids))?;
        println!("        after {:.1} s", took.as_secs_f64());
        Ok(())
    });
    story.step("with no spare a new instance replaces another one", || {
        cloud.terminate(&ids[0])?;
        ids[0] = cloud.launch()?;
        let (_, took) = wait_for("a pair again", PAIRED_WITHIN, || paired(&region, &ids))?;
        println!("        after {:.1} s", took.as_secs_f64());
        Ok(())
    });
    story.step("a node may not give itself a rank", || cloud.rank_is_not_the_nodes(&ids[2]));
    if story.failed() {
        story.always("what the nodes said", || tell(&region, &ids, &spare));
    }
    story.always("everything is removed", || cloud.remove());
    let life = Life { cloud: &cloud };
    if let Some(ids) = story.step("four nodes are launched with roles, each paired", || life.up()) {
        story.step("an extension says its cost and moves tag, schedule and timer of each", || {
            life.extended(&ids)
        });
        story.step("three of four layers are taken from each", || life.take_layers_away(&ids));
        story.step("daemon, timer and schedule end a node each, one outlives them", || {
            life.ended(&ids)
        });
        story.step("reap ends the last one and leaves nothing", || life.reaped());
        if story.failed() {
            story.always("what the nodes of the launch said", || tell(&region, &ids, ""));
        }
    }
    story.check("botocore's models take every request and answer", || region.judged("probe"));
    story.always("region down", || region.down());
    drop(region);
    story.end()
}

fn tell(region: &Region, ids: &[String], spare: &str) -> Result<()> {
    for id in ids.iter().map(String::as_str).chain([spare]).filter(|id| !id.is_empty()) {
        let journal = ["journalctl", "--no-pager", "-n", "40", "-u", "nixl-noded"];
        println!("{id}: {:?}", region.exec(id, &journal).map(|output| output.stdout));
        println!("{id}: {:?}", node::health(region, id).map(|(_, document)| document));
    }
    Ok(())
}
