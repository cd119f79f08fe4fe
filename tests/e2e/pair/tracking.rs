//! MLflow from a node, by people's shells and by the daemon.

use anyhow::{Context, Result, ensure};
use nixl_tests::{Region, wait_for};
use serde_json::{Value, json};
use std::time::Duration;

const NODE: &str = "nixl-node1";
const EXPERIMENT: &str = "nixl-efa-link";

/// `nixl-noded mlflow-test` in a login shell: address and token are there.
pub fn tested(region: &Region) -> Result<()> {
    wait_for("a tracking server that takes all eight steps", Duration::from_secs(30), || {
        let done = region.exec(NODE, &["sh", "-lc", "nixl-noded mlflow-test --output json"])?;
        let report: Value = serde_json::from_str(&done.stdout).with_context(|| done.to_string())?;
        let steps = report["steps"].as_array().context("no steps")?;
        let passed = steps.iter().filter(|step| step["verdict"] == "PASS").count();
        ensure!(done.code == 0 && passed == 8, "{report:#}");
        Ok(())
    })?;
    Ok(())
}

/// Run Command as root has no login's variables, and the user that Session Manager's
/// agent makes with the first session (`useradd -m`) is in no group of ours.
pub fn without_a_login(region: &Region) -> Result<()> {
    let test = "nixl-noded mlflow-test --output json";
    region.exec_ok(NODE, &["env", "-i", "/bin/sh", "-c", test])?;
    for user in ["ssm-user", "guest"] {
        region.exec_ok(NODE, &["useradd", "-m", user])?;
        let done = region.exec(NODE, &["runuser", "-u", user, "--", "sh", "-lc", test])?;
        let may = user == "ssm-user";
        ensure!((done.code == 0) == may, "{user}: {done}");
        ensure!(may || done.stdout.contains("401"), "{done}");
        region.exec_ok(NODE, &["userdel", "-r", user])?;
    }
    Ok(())
}

/// What was measured of the link is a run of each of its nodes.
pub fn link_runs(region: &Region) -> Result<()> {
    wait_for("a run of each node", Duration::from_secs(60), || {
        let found =
            ask(region, &format!("experiments/get-by-name?experiment_name={EXPERIMENT}"), None)?;
        let id = found["experiment"]["experiment_id"].as_str().context("no experiment")?;
        let runs = ask(region, "runs/search", Some(&json!({"experiment_ids": [id]})))?;
        let runs = runs["runs"].as_array().context("no runs")?;
        let tags = |key: &str| -> Vec<&str> {
            let tags =
                runs.iter().flat_map(|run| run["data"]["tags"].as_array().into_iter().flatten());
            let mut values: Vec<_> = tags
                .filter(|tag| tag["key"] == key)
                .filter_map(|tag| tag["value"].as_str())
                .collect();
            values.sort_unstable();
            values.dedup();
            values
        };
        let pairs = tags("nixl.pair_id");
        ensure!(pairs.len() == 1, "{pairs:?} in {runs:#?}");
        let finished = runs.iter().filter(|run| run["info"]["status"] == "FINISHED");
        ensure!(finished.count() >= 2, "{runs:#?}");
        let image = region.exec_ok(NODE, &["cat", "/usr/share/nixl/manifest.json"])?;
        let image: Value = serde_json::from_str(&image)?;
        for run in runs {
            let params = run["data"]["params"].as_array().context("no params")?;
            let said = json!({"key": "image_digest", "value": image["digest"]});
            ensure!(params.contains(&said), "no {said} in {params:?}");
        }
        let keys = tags("nixl.key");
        ensure!(keys.len() == runs.len(), "a run was made twice: {runs:#?}");
        Ok(())
    })?;
    Ok(())
}

/// As any client of a login shell, the token out of every command line.
fn ask(region: &Region, path: &str, body: Option<&Value>) -> Result<Value> {
    let data = body
        .map_or_else(String::new, |body| format!("-H content-type:application/json -d '{body}'"));
    let line = format!(
        r#"printf 'header = "Authorization: Bearer %s"\n' "$MLFLOW_TRACKING_TOKEN" | curl -s -K - {data} "$MLFLOW_TRACKING_URI/api/2.0/mlflow/{path}""#
    );
    let told = region.exec_ok(NODE, &["sh", "-lc", &line])?;
    serde_json::from_str(&told).with_context(|| told)
}
