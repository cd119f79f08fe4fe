//! The AWS CLI, with its usual retries, where an answer is lost and an
//! instance dies on arrival.

use anyhow::{Context, Result, ensure};
use nixl_tests::{Region, wait_for};
use std::time::Duration;

const TYPE: &str = "m5.large";

/// One launch whose first answer is lost, of an instance that never runs.
pub fn judged(region: &Region) -> Result<()> {
    let (control, aws) = (region.control(), region.venv_program("aws"));
    control.ok(&["fault", "add", "ec2:RunInstances", "--times", "1", "--drop", "after"])?;
    let dies = ["--instance-type", TYPE, "--reason", "Server.InternalError"];
    control.ok(&[&["fault", "dead-on-arrival"][..], &dies].concat())?;
    // Whoever is slow to look still finds it.
    control.ok(&["set", "window", "ec2.terminated_visible", "1m"])?;
    let since = control.json(&["calls", "--output", "json"])?;
    let since = since["calls"].as_array().and_then(|calls| calls.last()?["sequence"].as_u64());
    let since = since.unwrap_or_default().to_string();

    let images = aws.json(&["ec2", "describe-images", "--owners", "136693071363"])?;
    let image = images["Images"][0]["ImageId"].as_str().context("no base image")?.to_owned();
    let launch = ["ec2", "run-instances", "--image-id", &image, "--instance-type", TYPE];
    let made = aws.json(&launch)?;
    let id = made["Instances"][0]["InstanceId"].as_str().context("no instance")?;
    let of_type = format!("Name=instance-type,Values={TYPE}");
    let describe = ["ec2", "describe-instances", "--filters", &of_type];
    wait_for("the instance's death", Duration::from_secs(60), || {
        let told = aws.json(&describe)?;
        let reservations = told["Reservations"].as_array().context("no reservations")?;
        ensure!(reservations.len() == 1, "the retry launched another: {told}");
        let instance = &told["Reservations"][0]["Instances"][0];
        ensure!(instance["InstanceId"] == *id, "another instance: {told}");
        ensure!(instance["State"]["Name"] == "terminated", "{told}");
        ensure!(instance["StateReason"]["Code"] == "Server.InternalError", "{told}");
        Ok(())
    })?;

    let log = ["calls", "--since", &since, "--operation", "ec2:RunInstances", "--output", "json"];
    let told = control.json(&log)?;
    let (first, second) = (&told["calls"][0], &told["calls"][1]);
    ensure!(told["summary"]["calls"] == 2 && told["summary"]["failures"] == 1, "{told}");
    ensure!(first["fault"]["effect"] == "drop after" && second["outcome"] == "OK", "{told}");
    ensure!(second["waited_for"] == first["sequence"] && second["depth"] == 2, "{told}");
    control.ok(&["set", "window", "ec2.terminated_visible", "default"])?;
    control.ok(&["fault", "remove", "--all"]).map(drop)
}
