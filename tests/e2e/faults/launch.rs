//! Launching and removing while EC2 and IAM fail.

use super::region_faults::Faults;
use anyhow::{Context, Result, ensure};
use nixl_tests::Region;
use serde_json::Value;

const UP: [&str; 6] = ["up", "--provider", "tcp", "--no-mlflow", "--output", "json"];
const TYPE: &str = "g6.12xlarge";

fn live(region: &Region) -> Result<Vec<Value>> {
    let states = "Name=instance-state-name,Values=pending,running,shutting-down,stopping,stopped";
    let found =
        region.venv_program("aws").json(&["ec2", "describe-instances", "--filters", states])?;
    let reservations = found["Reservations"].as_array().cloned().unwrap_or_default();
    Ok(reservations.iter().filter_map(|r| r["Instances"].as_array()).flatten().cloned().collect())
}

/// Two nodes in a zone that has room, whatever was lost on the way.
pub fn up(faults: &Faults<'_>) -> Result<()> {
    let region = faults.region;
    let full = "us-east-1a";
    region.control().ok(&["set", "capacity", full, TYPE, "1"])?;
    region.control().ok(&["set", "window", "iam.profile_visible", "2s"])?;
    faults.set("add iam:CreateRole --nth 1 --drop after")?;
    faults.set("add ec2:CreateSecurityGroup --nth 1 --error RequestLimitExceeded --status 503")?;
    faults.set("add ec2:DescribeInstances --times 2 --error RequestLimitExceeded --status 503")?;
    faults.set("add ec2:CreateTags --caller i-* --times 2 --error InternalError --status 500")?;
    let told = region.program("nixl-launch").json(&UP)?;
    faults.fired()?;
    region.control().ok(&["set", "capacity", full, TYPE, "unlimited"])?;
    region.control().ok(&["set", "window", "iam.profile_visible", "default"])?;
    let nodes = told["nodes"].as_array().with_context(|| format!("no nodes in {told}"))?;
    ensure!(nodes.iter().all(|node| node["phase"] == "paired"), "{told}");
    let instances = live(region)?;
    ensure!(instances.len() == 2, "{} instances", instances.len());
    for instance in &instances {
        ensure!(instance["Placement"]["AvailabilityZone"] != full, "{instance}");
    }
    Ok(())
}

/// The log of calls says what was refused, and how many round trips a launch is.
pub fn told(region: &Region) -> Result<()> {
    let calls =
        |more: &[&str]| region.control().json(&[&["calls", "--output", "json"][..], more].concat());
    let launches = calls(&["--operation", "ec2:RunInstances"])?;
    let outcomes: Vec<&str> = launches["calls"]
        .as_array()
        .with_context(|| format!("no calls in {launches}"))?
        .iter()
        .filter_map(|call| call["outcome"].as_str())
        .collect();
    let (last, before) = outcomes.split_last().context("no launch was recorded")?;
    ensure!(*last == "OK", "{outcomes:?}");
    for code in ["InsufficientInstanceCapacity", "InvalidParameterValue"] {
        ensure!(before.contains(&code), "{code} is not among {outcomes:?}");
    }
    let failed = calls(&["--failed"])?;
    let counted = failed["calls"].as_array().map_or(0, Vec::len);
    ensure!(counted >= before.len(), "{counted} failed calls: {failed}");
    Ok(())
}

/// Nothing is left, though resources were busy and answers lost.
pub fn down(faults: &Faults<'_>) -> Result<()> {
    faults.set("add ec2:TerminateInstances --nth 1 --drop after")?;
    faults.set("add ec2:DeleteSecurityGroup --times 2 --error DependencyViolation")?;
    faults.set("add iam:DeleteRole --nth 1 --error DeleteConflict --status 409")?;
    faults.region.program("nixl-launch").ok(&["down", "--mlflow"])?;
    faults.fired()?;
    gone(faults.region)
}

fn gone(region: &Region) -> Result<()> {
    ensure!(live(region)?.is_empty(), "instances are left");
    let aws = region.venv_program("aws");
    let ours = ["--filters", "Name=tag-key,Values=nixl:cluster"];
    for (operation, key) in [
        ("describe-security-groups", "SecurityGroups"),
        ("describe-placement-groups", "PlacementGroups"),
        ("describe-network-interfaces", "NetworkInterfaces"),
    ] {
        let found = aws.json(&[&["ec2", operation][..], &ours].concat())?;
        ensure!(found[key].as_array().is_some_and(Vec::is_empty), "left: {found}");
    }
    Ok(())
}

/// For want of room they are ended, and another zone is tried.
pub fn dead(faults: &Faults<'_>) -> Result<()> {
    let reason = "Server.InsufficientInstanceCapacity";
    faults.set(&format!("dead-on-arrival --instance-type {TYPE} --reason {reason}"))?;
    let launch = faults.region.program("nixl-launch");
    let told = launch.json(&UP)?;
    faults.fired()?;
    ensure!(told["state"] == "paired", "{told}");
    ensure!(live(faults.region)?.len() == 2, "dead nodes are left");
    launch.ok(&["down", "--mlflow"])?;
    gone(faults.region)
}

/// Told before anything is changed, with what to do.
pub fn over_quota(faults: &Faults<'_>) -> Result<()> {
    let region = faults.region;
    // Running On-Demand G and VT instances: two nodes need 96 vCPUs.
    region.control().ok(&["set", "quota", "L-DB2E81BA", "95"])?;
    region.program("nixl-launch").refused(&UP, 1, &["limit 95", "service-quotas"])?;
    ensure!(live(region)?.is_empty(), "instances are left");
    region.program("nixl-launch").ok(&["down", "--mlflow"]).map(drop)
}
