//! A real pair that breaks in the ways of the field: `doctor` names what broke,
//! skips what follows from it, and its fix, where that is a command, mends it.

mod matrix;

use anyhow::{Context as _, Result, ensure};
use nixl_tests::{Region, Story, node, wait_for};
use serde_json::Value;
use std::process::ExitCode;
use std::time::Duration;

const NODES: [&str; 2] = ["nixl-node1", "nixl-node2"];
const UP: [&str; 5] = ["up", "--provider=tcp", "--nodes=2", "--no-mlflow", "--output=json"];
/// Until something that is on its way has come.
const PATIENCE: Duration = Duration::from_secs(60);

fn main() -> ExitCode {
    let mut story = Story::begin("doctor");
    let Some(mut region) = story.always("a state folder and a free port", Region::new) else {
        return story.end();
    };
    story.step("a region comes up whose machines have clocks and disks", || {
        region.up_with(&["--machine-clocks", "--machine-disks", "2G"])
    });
    story.check("without an image doctor says what stands in the way of a launch", || {
        let told = doctor(&region, 1)?;
        ensure!(failing(&told) == [("image".to_owned(), None)], "{told:#}");
        ensure!(verdict(&told, "quota") == Some("pass"), "{told:#}");
        Ok(())
    });
    story.step("an image is baked", || region.bake().map(drop));
    story.check("before a launch doctor asks whether it is allowed", || {
        let told = doctor(&region, 0)?;
        ensure!(verdict(&told, "permission") == Some("pass"), "{told:#}");
        Ok(())
    });
    story.step("a pair is launched", || {
        region.program("nixl-launch").json(&UP)?;
        wait_for("a pair", PATIENCE, || {
            NODES.iter().try_for_each(|name| node::paired(&region, name).map(drop))
        })
        .map(drop)
    });
    story.step("doctor has nothing to say of a healthy pair", || well(&region));
    for row in matrix::ROWS {
        story.check(row.name, || matrix::run(&region, row));
    }
    story.always("launch down", || {
        region.program("nixl-launch").ok(&["down", "--mlflow"]).map(drop)
    });
    story.always("region down", || region.down());
    drop(region);
    story.end()
}

/// Every check passes, or has nothing to look at.
fn well(region: &Region) -> Result<()> {
    let probe = || {
        let told = doctor(region, 0)?;
        let bad: Vec<_> = checks(&told).filter(|check| !check["fix"].is_null()).collect();
        ensure!(told["verdict"] == "pass", "{bad:#?}");
        Ok(())
    };
    wait_for("a diagnosis without fault", PATIENCE, probe).map(drop)
}

/// The diagnosis, as one document, told with this exit code.
fn doctor(region: &Region, code: i32) -> Result<Value> {
    let told = region.program("nixl-launch").run(&["doctor", "--output=json"])?;
    ensure!(told.code == code, "{told}");
    serde_json::from_str(&told.stdout).with_context(|| told.to_string())
}

fn checks(told: &Value) -> impl Iterator<Item = &Value> {
    told["checks"].as_array().into_iter().flatten()
}

fn text(check: &Value, key: &str) -> Option<String> {
    check[key].as_str().map(str::to_owned)
}

/// Names of what fails, and of which node.
fn failing(told: &Value) -> Vec<(String, Option<String>)> {
    let failed = checks(told).filter(|check| check["verdict"] == "fail");
    let is_node = |about: &String| NODES.contains(&about.as_str());
    failed
        .map(|it| (text(it, "name").unwrap_or_default(), text(it, "about").filter(is_node)))
        .collect()
}

/// Of the first check of this name.
fn verdict<'a>(told: &'a Value, name: &str) -> Option<&'a str> {
    checks(told).find(|check| check["name"] == name)?["verdict"].as_str()
}
