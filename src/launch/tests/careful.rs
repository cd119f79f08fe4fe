//! `plan`, `extend` and `reap` as processes, against the local region without
//! machines: what they tell before they do anything, and what scripts get.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::Region;
use serde_json::Value;
use std::process::Output;

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// The document on stdout, whatever the exit code.
fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {} {}", stdout(output), stderr(output)))
}

fn launch(region: &Region, arguments: &[&str]) -> Output {
    region.try_run("nixl-launch", arguments)
}

/// Nodes of the cluster with their end by tag, by id.
fn ends(region: &Region) -> Vec<(String, String)> {
    let query = "Reservations[].Instances[].[InstanceId, Tags[?Key=='nixl:expires-at'].Value|[0]]";
    let live = "Name=instance-state-name,Values=pending,running";
    let described = ["ec2", "describe-instances", "--filters", live, "--query", query];
    let text = region.run("aws", &[&described[..], &["--output", "json"]].concat());
    let mut ends: Vec<(String, String)> = serde_json::from_str(&text).unwrap();
    ends.sort();
    ends
}

#[test]
fn a_plan_is_the_same_twice_and_says_what_was_meant() {
    let Some(region) = Region::up() else { return };
    let asked = |more: &[&str]| {
        let asked = ["plan", "--nodes", "4", "--market", "spot,on-demand", "--no-mlflow"];
        launch(&region, &[&asked[..], more].concat())
    };
    let types = ["--instance-type", "p4d.24xlarge,g6.12xlarge"];
    let document = asked(&[&types[..], &["--output", "json"]].concat());
    assert_eq!(code(&document), 0, "{}", stderr(&document));
    assert_eq!(asked(&[&types[..], &["--output", "json"]].concat()).stdout, document.stdout);
    let document = json(&document);
    assert_eq!(document["interfaces"]["p4d.24xlarge"].as_array().unwrap().len(), 4);
    let codes: Vec<&str> = document["quotas"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["code"].as_str().unwrap())
        .collect();
    assert_eq!(codes, ["L-7212CCBC", "L-417A185B", "L-3819A6DF", "L-DB2E81BA"]);

    let cards = |text: String| text.matches("100 Gigabit").count();
    assert_eq!(cards(stdout(&asked(&types))), 0);
    assert_eq!(cards(stdout(&asked(&[&types[..], &["--wide"]].concat()))), 4);

    for (wrong, meant) in [
        (["--instance-type", "g6.13xlarge"], "did you mean g6.12xlarge?"),
        (["--zone", "us-east-1x"], "us-east-1 has no such zone"),
    ] {
        let output = asked(&wrong);
        let text = stdout(&output).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(code(&output) == 1 && text.contains(meant), "{text}");
    }
    let calls = || region.run("nixl-region", &["calls"]).lines().count();
    let before = calls();
    for (wrong, meant) in [
        (["--zone", "us-west-2a"], "it is in --region us-west-2"),
        (["--zone", "us-esat-1a"], "did you mean us-east-1a?"),
        (["--region", "us-east-1a"], "did you mean us-east-1?"),
    ] {
        let output = asked(&wrong);
        assert!(code(&output) == 2 && stderr(&output).contains(meant), "{}", stderr(&output));
    }
    assert_eq!(calls(), before, "nothing was asked of AWS");

    assert_eq!(code(&launch(&region, &["up", "--provider", "tcp", "--no-mlflow"])), 0);
    let there = ["plan", "--provider", "tcp", "--no-mlflow", "--output", "json"];
    assert_eq!(launch(&region, &there).stdout, launch(&region, &there).stdout);
}

#[test]
fn an_extension_says_what_it_costs_before_it_is_made() {
    let Some(region) = Region::up() else { return };
    assert_eq!(code(&launch(&region, &["up", "--provider", "tcp", "--no-mlflow"])), 0);
    let before = ends(&region);
    let dry = launch(&region, &["extend", "2h", "--dry-run", "--output", "json"]);
    let told = json(&dry);
    assert_eq!((code(&dry), &told["dry_run"]), (0, &Value::Bool(true)), "{told}");
    assert_eq!(ends(&region), before);
    let usd = |key: &str| told["cost"][key].as_f64().unwrap();
    let (hour, more) = (usd("usd_per_hour"), usd("usd_at_end") - usd("usd_at_old_end"));
    assert!(hour > 1.0 && (more - 2.0 * hour).abs() < 1e-6, "{told}");
    assert!(usd("usd_so_far") < usd("usd_at_old_end"), "{told}");

    // Its nodes are records: their timers cannot be reached, the rest is moved.
    let output = launch(&region, &["extend", "2h"]);
    assert_eq!(code(&output), 1, "{}", stderr(&output));
    let said = stderr(&output);
    let cost = said.find("instances cost $").expect("the cost is told");
    assert!(cost < said.find("timer of these nodes").unwrap(), "{said}");
    assert!(ends(&region).iter().zip(&before).all(|(now, then)| now.0 == then.0 && now.1 > then.1));
    let past = launch(&region, &["extend", "--until", "2020-01-01T00:00:00Z"]);
    assert!(code(&past) == 1 && stderr(&past).contains("--yes"), "{}", stderr(&past));
}

#[test]
fn a_reaper_looks_first_saves_money_and_works_half_blind() {
    let Some(region) = Region::up() else { return };
    for cluster in ["over", "lives"] {
        let up = ["up", "--cluster", cluster, "--provider", "tcp", "--no-mlflow"];
        assert_eq!(code(&launch(&region, &up)), 0);
    }
    assert_eq!(code(&launch(&region, &["reap"])), 0, "nothing is over");
    let query = ["--query", "Reservations[].Instances[].InstanceId", "--output", "text"];
    let of = ["ec2", "describe-instances", "--filters", "Name=tag:nixl:cluster,Values=over"];
    let ids = region.run("aws", &[&of[..], &query].concat());
    let tag = ["--tags", "Key=nixl:expires-at,Value=2026-01-01T00:00:00Z"];
    let resources: Vec<&str> = ids.split_whitespace().collect();
    let create = ["ec2", "create-tags", "--resources"];
    region.run("aws", &[&create[..], &resources, &tag].concat());

    // An account that does not let everybody look everywhere.
    for call in ["iam:ListRoles", "sagemaker:ListMlflowTrackingServers"] {
        region.run("nixl-region", &["fault", "add", call, "--error", "AccessDenied"]);
    }
    let look = launch(&region, &["reap"]);
    assert_eq!(code(&look), 3, "{}", stderr(&look));
    let text = stdout(&look);
    for told in ["over: over since 2026-01-01", "an hour, $", "and saves $", "lives: lives until"] {
        assert!(text.contains(told), "{told}: {text}");
    }
    assert!(text.contains("could not be read") && text.contains("ListRoles"), "{text}");
    assert_eq!(ends(&region).len(), 4);

    let reaped = launch(&region, &["reap", "--yes", "--output", "json"]);
    let document = json(&reaped);
    assert_eq!(code(&reaped), 0, "{document:#} {}", stderr(&reaped));
    assert_eq!(document["removed"][0]["cluster"], "over");
    assert!(document["saves_usd_per_hour"].as_f64().unwrap() > 1.0, "{document:#}");
    assert_eq!(document["unread"].as_array().unwrap().len(), 2, "{document:#}");
    assert_eq!(ends(&region).len(), 2, "what lives is left alone");
    assert_eq!(code(&launch(&region, &["reap"])), 0);

    // Who cannot see instances must not look like one who finds nothing.
    let denied = ["fault", "add", "ec2:DescribeInstances", "--error", "UnauthorizedOperation"];
    region.run("nixl-region", &denied);
    let blind = launch(&region, &["reap", "--yes"]);
    assert_eq!(code(&blind), 1, "{}", stdout(&blind));
}
