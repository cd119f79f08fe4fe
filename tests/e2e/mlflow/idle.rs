//! What `nixl-launch` schedules for a tracking server that nobody uses.

use anyhow::{Context, Result, ensure};
use nixl_tests::{Region, wait_for};
use std::time::Duration;

const CLUSTER: &str = "idle";
const PATIENCE: Duration = Duration::from_secs(600);

/// Made with an idle stop, it is stopped by the schedule once that is over, and started with a
/// new one; with the server goes all that would have stopped it. The region's clock was moved
/// two hours ahead before, which the launcher's is not.
pub fn stops(region: &Region) -> Result<()> {
    let launch = region.program("nixl-launch");
    let mlflow = |words: &[&str]| {
        let of = ["--cluster", CLUSTER, "--output", "json"];
        launch.json(&[&["mlflow"], words, &of].concat())
    };
    let status = || mlflow(&["status"]);
    let server = ["up", "--tracking-server", CLUSTER, "--idle-stop"];
    mlflow(&[&server[..], &["4h"]].concat())?;
    let begun = status()?;
    ensure!(begun["idle_stop"]["after-secs"] == 4 * 3600, "{begun:#}");
    let at = begun["stops_at"].as_str().context("no time to stop at")?;
    println!("        it stops at {at}");
    region.control().ok(&["set", "clock", "+121m"])?;
    let probe = || {
        let now = status()?;
        ensure!(now["tracking"][0]["status"] == "Stopped", "{now:#}");
        Ok(now)
    };
    let (stopped, _) = wait_for("the schedule", PATIENCE, probe)?;
    ensure!(stopped["stops_at"].is_null(), "a schedule that has fired is gone: {stopped:#}");
    mlflow(&[&server[..], &["24h"]].concat())?;
    let again = status()?;
    ensure!(again["tracking"][0]["active"] == true, "{again:#}");
    ensure!(again["stops_at"].is_string(), "started, nothing stops it: {again:#}");
    mlflow(&["down", "--delete-bucket"])?;
    let aws = region.venv_program("aws");
    let groups = aws.ok(&["scheduler", "list-schedule-groups"])?;
    let roles = aws.ok(&["iam", "list-roles"])?;
    ensure!(!groups.contains("idle-mlflow-stop"), "{groups}");
    ensure!(!roles.contains("idle-mlflow"), "{roles}");
    Ok(())
}
