//! The control API: the log of calls, recording, faults at calls and at new
//! instances, settings.

use super::rules::launch::launch;
use super::rules::managed_nodes;
use crate::backend::Directory as _;
use crate::state::ec2::InstanceState;
use crate::testing::{Bench, element, error_code};
use axum::body::Body;
use http::{Method, Request, StatusCode};
use jiff::SignedDuration;
use serde_json::{Value, json};

/// A control route.
async fn control(bench: &Bench, method: Method, path: &str, body: Value) -> (StatusCode, Value) {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("x-nixl-region-token", "control")
        .header("content-type", "application/json")
        .body(Body::from(body.to_string()))
        .unwrap();
    let (status, text) = bench.raw(request).await;
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

async fn fault(bench: &Bench, fault: Value) {
    let (status, answer) = control(bench, Method::POST, "/_region/faults", json!([fault])).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
}

#[tokio::test]
async fn the_control_api_wants_its_token_and_shows_the_calls() {
    let bench = Bench::new();
    bench.query("ec2", "Action=DescribeVpcs").await;
    bench.query("ec2", "Action=Nonsense").await;
    let get = |token: &str| {
        Request::get("/_region/calls")
            .header("x-nixl-region-token", token)
            .body(Body::empty())
            .unwrap()
    };
    assert_eq!(bench.raw(get("wrong")).await.0, StatusCode::FORBIDDEN);
    let (status, text) = bench.raw(get("control")).await;
    assert_eq!(status, StatusCode::OK);
    let calls: serde_json::Value = serde_json::from_str(&text).unwrap();
    let told = |index: usize, field: &str| calls["calls"][index][field].clone();
    assert_eq!(
        (told(0, "operation"), told(0, "outcome"), told(0, "sequence")),
        (json!("DescribeVpcs"), json!("OK"), json!(1))
    );
    assert_eq!(
        (told(1, "operation"), told(1, "outcome")),
        (json!("Nonsense"), json!("InvalidAction"))
    );
}

#[tokio::test]
async fn calls_are_selected_and_counted() {
    let bench = Bench::new();
    bench.query("ec2", "Action=DescribeVpcs").await;
    bench.query("ec2", "Action=Nonsense").await;
    bench.query("sts", "Action=GetCallerIdentity").await;
    let (_, all) = control(&bench, Method::GET, "/_region/calls", Value::Null).await;
    let summary = json!({"calls": 3, "clients": 1, "round_trips": 3, "failures": 1});
    assert_eq!(all["summary"], summary);
    assert_eq!((&all["calls"][2]["depth"], &all["calls"][2]["waited_for"]), (&json!(3), &json!(2)));
    for (query, sequences) in [
        ("failed=true", vec![2]),
        ("since=1", vec![2, 3]),
        ("operation=ec2%3A*", vec![1, 2]),
        ("caller=administrator", vec![1, 2, 3]),
        ("caller=i-*", vec![]),
        ("unseen_from=2", vec![3]),
    ] {
        let path = format!("/_region/calls?{query}");
        let (_, answer) = control(&bench, Method::GET, &path, Value::Null).await;
        let calls = answer["calls"].as_array().unwrap();
        let found: Vec<u64> = calls.iter().map(|call| call["sequence"].as_u64().unwrap()).collect();
        assert_eq!(found, sequences, "{query}");
    }
    let (status, _) = control(&bench, Method::GET, "/_region/calls?sinse=1", Value::Null).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn exchanges_are_recorded_whole_and_without_secrets() {
    let (bench, file) = Bench::recording();
    bench.query("ec2", "Action=DescribeVpcs&Version=2016-11-15").await;
    let secure = json!({"Name": "p", "Type": "SecureString", "Value": "hunter2"});
    bench.json("ssm", "AmazonSSM.PutParameter", secure).await;
    let presigned = "/bucket/key?X-Amz-Credential=hunter2&X-Amz-Signature=hunter2&x=1";
    let request = Request::get(presigned).header("range", "bytes=0-1");
    bench.raw(request.body(Body::empty()).unwrap()).await;
    let text = std::fs::read_to_string(&file).unwrap();
    for secret in ["hunter2", "Credential=AKIA", "authorization"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 3);
    assert_eq!(lines[0]["sequence"], 1);
    assert_eq!(lines[0]["caller"], "arn:aws:iam::111122223333:user/administrator");
    assert_eq!(lines[0]["request"]["body"], "Action=DescribeVpcs&Version=2016-11-15");
    let answer = lines[0]["answer"]["body"].as_str().unwrap();
    assert!(answer.ends_with("</DescribeVpcsResponse>"), "{answer}");
    assert_eq!(lines[1]["request"]["headers"]["x-amz-target"], "AmazonSSM.PutParameter");
    let query = "X-Amz-Credential=REDACTED&X-Amz-Signature=REDACTED&x=1";
    let headers = json!({"range": "bytes=0-1"});
    let request =
        json!({"method": "GET", "path": "/bucket/key", "query": query, "headers": headers});
    assert_eq!(lines[2]["request"], request);
    let answer = lines[2]["answer"]["body"].as_str().unwrap();
    assert!(answer.ends_with("</Error>"), "{answer}");
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn a_fault_answers_with_an_error_and_nothing_is_done() {
    let bench = Bench::new();
    let error = json!({"call": "ec2:CreatePlacementGroup", "nth": 2, "error": "InternalError"});
    fault(&bench, json!({"fault": error})).await;
    let create = |name: &str| format!("Action=CreatePlacementGroup&GroupName={name}");
    assert_eq!(bench.query("ec2", &create("a")).await.0, StatusCode::OK);
    let (status, text) = bench.query("ec2", &create("b")).await;
    assert_eq!((status.as_u16(), error_code(&text)), (500, Some("InternalError")));
    assert_eq!(bench.query("ec2", &create("c")).await.0, StatusCode::OK);
    assert_eq!(bench.region.inner.state().ec2.placement_groups.len(), 2);
    let (_, set) = control(&bench, Method::GET, "/_region/faults", Value::Null).await;
    assert_eq!((&set[0]["matched"], &set[0]["fired"]), (&json!(3), &json!(1)));
    let (_, calls) = control(&bench, Method::GET, "/_region/calls", Value::Null).await;
    assert_eq!(calls["calls"][1]["fault"]["id"], "fault-1");
}

#[tokio::test]
async fn a_fault_answers_in_the_protocol_of_each_service() {
    let bench = Bench::new();
    fault(&bench, json!({"fault": {"call": "*", "error": "Odd", "status": 418}})).await;
    let (status, answer) = bench.json("ssm", "AmazonSSM.GetParameter", json!({})).await;
    assert_eq!((status.as_u16(), &answer["__type"]), (418, &json!("Odd")));
    let (status, text) = bench.query("iam", "Action=ListRoles").await;
    assert_eq!((status.as_u16(), element(&text, "Code")), (418, "Odd"));
    assert_eq!(bench.rest(Method::POST, "/ListImages", json!({})).await.0.as_u16(), 418);
    let nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let hash = ("x-amz-content-sha256", nothing);
    let (status, text) = bench.send("s3", None, &[hash], Method::PUT, "/bucket", "").await;
    assert_eq!((status.as_u16(), element(&text, "Code")), (418, "Odd"));
    let (_, calls) = control(&bench, Method::GET, "/_region/calls", Value::Null).await;
    assert_eq!(calls["calls"][3]["operation"], "CreateBucket");
    assert_eq!(calls["calls"][3]["path"], "/bucket");
}

#[tokio::test]
async fn a_late_answer_comes_by_the_regions_clock() {
    let bench = Bench::new();
    fault(&bench, json!({"fault": {"call": "ec2:*", "delay": "1h"}})).await;
    let region = bench.region.inner.clone();
    let groups = || region.state().ec2.placement_groups.len();
    let call = bench.query("ec2", "Action=CreatePlacementGroup&GroupName=g");
    let on_the_way = async {
        // It is carried out at once; only its answer is late.
        while groups() == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(region.state().calls.iter().count(), 0);
        region.clock.advance(SignedDuration::from_hours(1));
    };
    let ((status, _), ()) = futures_util::future::join(call, on_the_way).await;
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test]
async fn an_instance_dies_on_arrival_and_its_machine_is_never_started() {
    let bench = Bench::new();
    let arrival = json!({"instance-type": "g5.*", "reason": "Client.VolumeLimitExceeded"});
    fault(&bench, json!({"dead-on-arrival": arrival})).await;
    let (_, text) = launch(&bench, "&MinCount=2&MaxCount=2").await;
    assert_eq!(text.matches("<name>pending</name>").count(), 2);
    let count = |state: InstanceState| {
        let state_now = bench.region.inner.state();
        state_now.ec2.instances.values().filter(|instance| instance.state == state).count()
    };
    bench.until(|_| (count(InstanceState::Running) == 1).then_some(())).await;
    assert_eq!(count(InstanceState::Pending), 1);
    let second = SignedDuration::from_secs(1);
    bench.region.inner.clock.advance(second);
    bench.until(|_| (count(InstanceState::ShuttingDown) == 1).then_some(())).await;
    bench.region.inner.clock.advance(second);
    bench.until(|_| (count(InstanceState::Terminated) == 1).then_some(())).await;
    let (_, text) = bench
        .query("ec2", "Action=DescribeInstances&Filter.1.Name=instance-state-name&Filter.1.Value.1=terminated")
        .await;
    assert!(text.contains("<code>Client.VolumeLimitExceeded</code>"), "{text}");
    assert!(text.contains("Client.VolumeLimitExceeded: Volume limit exceeded"), "{text}");
    let started = bench.machines.log().iter().filter(|line| line.starts_with("start ")).count();
    assert_eq!(started, 1);
}

#[tokio::test]
async fn settings_are_set_and_shown_and_a_wrong_name_is_told() {
    let bench = Bench::new();
    let settings = "/_region/settings";
    for setting in [
        json!({"window": {"name": "ec2.terminated_visible", "length": "1h"}}),
        json!({"capacity": {"zone": "us-east-1a", "instance_type": "p5.48xlarge", "instances": 2}}),
        json!({"quota": {"code": "L-417A185B", "vcpus": 96}}),
        json!({"clock": {"advance": "2h"}}),
        json!({"rule": {"id": "ec2.run.token-replay", "on": false}}),
        json!({"throttle": {"scale": 0.5}}),
    ] {
        let (status, answer) = control(&bench, Method::POST, settings, setting).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
    }
    let (_, shown) = control(&bench, Method::GET, settings, Value::Null).await;
    let window = |window: &&Value| window["name"] == "ec2.terminated_visible";
    let window = shown["windows"].as_array().unwrap().iter().find(window).unwrap();
    assert_eq!((&window["length"], &window["default"]), (&json!("1h"), &json!("5s")));
    assert_eq!(shown["capacity"][0]["instances"], 2);
    let quota = |quota: &&Value| quota["code"] == "L-417A185B";
    let quota = shown["quotas"].as_array().unwrap().iter().find(quota).unwrap();
    assert_eq!(quota["vcpus"], 96.0);
    assert_eq!(shown["clock_ahead"], "2h");
    assert_eq!(shown["rules_off"], json!(["ec2.run.token-replay"]));
    assert_eq!(shown["throttle"], 0.5);
    let wrong = json!({"window": {"name": "ec2.terminated_visibl", "length": null}});
    let (status, answer) = control(&bench, Method::POST, settings, wrong).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(
        answer.as_str().unwrap().ends_with("did you mean `ec2.terminated_visible`?"),
        "{answer}"
    );
}

const NAMED: &str = "&TagSpecification.1.ResourceType=instance&TagSpecification.1.Tag.1.Key=Name\
    &TagSpecification.1.Tag.1.Value=n";

#[tokio::test]
async fn notices_are_in_the_metadata_of_the_instance_that_is_named() {
    let bench = Bench::new();
    let (_, text) = launch(&bench, NAMED).await;
    let id = element(&text, "instanceId").to_owned();
    let leaves = |id: &str| bench.region.instance(id).unwrap().notices.metadata();
    assert_eq!(leaves(&id).len(), 2);
    let spot = json!({"spot": {"action": "terminate", "after": "90s"}});
    let (status, answer) = control(&bench, Method::POST, "/_region/notices/n", spot).await;
    assert_eq!((status, &answer["instance_id"]), (StatusCode::OK, &json!(id)));
    let told = leaves(&id);
    assert!(told.iter().any(|(path, _)| *path == "spot/instance-action"), "{told:?}");
    let path = format!("/_region/notices/{id}");
    assert_eq!(control(&bench, Method::POST, &path, json!("clear")).await.0, StatusCode::OK);
    assert_eq!(leaves(&id).len(), 2);
    let (status, told) =
        control(&bench, Method::POST, "/_region/notices/nobody", json!("rebalance")).await;
    assert_eq!((status, told), (StatusCode::NOT_FOUND, json!("no instance nobody")));
    let wrong = json!({"spot": {"action": "explode", "after": "90s"}});
    assert_eq!(
        control(&bench, Method::POST, &path, wrong).await.0,
        StatusCode::UNPROCESSABLE_ENTITY
    );
}

#[tokio::test]
async fn a_role_may_come_late_to_the_metadata() {
    let bench = Bench::new();
    managed_nodes::role(&bench, "node", &["ssm:*"]).await;
    let (_, text) = launch(&bench, "&IamInstanceProfile.Name=node").await;
    let id = element(&text, "instanceId");
    let role = || bench.region.instance(id).unwrap().profile.map(|profile| profile.role_name);
    assert_eq!(role().as_deref(), Some("node"));
    let window = |length: &str| json!({"window": {"name": "imds.role_visible", "length": length}});
    let settings = "/_region/settings";
    assert_eq!(control(&bench, Method::POST, settings, window("1h")).await.0, StatusCode::OK);
    assert_eq!(role(), None);
    assert_eq!(control(&bench, Method::POST, settings, window("0s")).await.0, StatusCode::OK);
    assert_eq!(role().as_deref(), Some("node"));
}
