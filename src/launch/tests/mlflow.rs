//! MLflow of a cluster, by its commands, in a local region without machines.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::Region;
use serde_json::Value;

const KEY: &str = "arn:aws:kms:us-east-1:123456789012:key/k";
const BUCKET: &str = "nixl-mlflow-123456789012-us-east-1";

fn json(region: &Region, args: &[&str]) -> Value {
    let text = region.run("nixl-launch", &[args, &["--output", "json"]].concat());
    serde_json::from_str(&text).unwrap()
}

fn refused(region: &Region, args: &[&str]) -> String {
    let output = region.try_run("nixl-launch", args);
    assert_eq!(output.status.code(), Some(1), "{args:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn an_app_lives_with_and_without_nodes() {
    let Some(region) = Region::up() else { return };
    assert!(refused(&region, &["mlflow", "status"]).contains("has no MLflow"));
    assert!(refused(&region, &["emit", "node-policy"]).contains("nixl-launch mlflow up"));
    region.run("nixl-launch", &["plan", "--kms-key", KEY, "--out", "plan.json"]);
    let server =
        region.run("nixl-launch", &["plan", "--tracking-server", "--mlflow-size", "large"]);
    assert!(server.contains("Large, without what it stores (AWS Price List of"), "{server}");
    let made = json(&region, &["mlflow", "up", "--kms-key", KEY]);
    assert_eq!((&made["kind"], &made["active"]), (&"app".into(), &true.into()), "{made:#}");
    let arn = made["arn"].as_str().unwrap();
    // A plan of before says nothing else.
    let up = json(&region, &["up", "--plan", "plan.json"]);
    assert_eq!(up["tracking"]["arn"], arn, "{up:#}");
    assert_eq!(json(&region, &["up"])["tracking"]["arn"], arn);
    let status = json(&region, &["mlflow", "status"]);
    assert_eq!((&status["told_nodes"], &status["usd_per_hour"]), (&2.into(), &0.0.into()));
    assert_eq!(
        (&status["bucket"], status["tracking"].as_array().unwrap().len()),
        (&BUCKET.into(), 1)
    );
    let url = json(&region, &["mlflow", "open", "--print"]);
    assert!(url["url"].as_str().unwrap().contains("authToken="), "{url}");
    assert!(region.run("nixl-launch", &["emit", "node-policy"]).contains(arn));
    let doctor = region.try_run("nixl-launch", &["doctor"]);
    let doctor = String::from_utf8(doctor.stdout).unwrap();
    assert!(doctor.contains(&format!("{BUCKET}, encrypted with {KEY}")), "{doctor}");
    assert!(refused(&region, &["up", "--kms-key", &KEY.replace("key/k", "key/o")]).contains(KEY));
    assert!(refused(&region, &["mlflow", "down"]).contains("log to it"));
    assert!(refused(&region, &["mlflow", "stop"]).contains("cannot be stopped"));

    region.run("nixl-launch", &["down"]);
    region.run("nixl-launch", &["audit"]);
    let down = region.run("nixl-launch", &["mlflow", "down"]);
    assert!(down.contains("removed: MLflow App nixl-mlflow"), "{down}");
    assert!(down.contains(&format!("kept: S3 bucket {BUCKET}")), "{down}");
    let again = json(&region, &["mlflow", "up"]);
    assert!(again["arn"] != arn && again["active"] == true, "{again:#}");
    let gone = region.run("nixl-launch", &["down", "--mlflow"]);
    assert!(gone.contains(&format!("S3 bucket {BUCKET}")), "{gone}");
    assert!(refused(&region, &["mlflow", "status"]).contains("has no MLflow"));
}
