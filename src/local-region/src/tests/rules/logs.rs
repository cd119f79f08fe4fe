//! Proofs of the rules of CloudWatch Logs.

use super::{Case, case, same};
use crate::rules::logs as rules;
use crate::testing::Bench;
use serde_json::{Value, json};

/// A stream `s` of the group `g` with the messages 0 to 4.
fn written(bench: &Bench) {
    for number in 0..5 {
        bench.region.inner.state().logs.write("g", "s", number.to_string());
    }
}

async fn events(bench: &Bench, more: Value) -> Value {
    let mut input = json!({"logGroupName": "g", "logStreamName": "s"});
    for (name, value) in more.as_object().into_iter().flatten() {
        input[name] = value.clone();
    }
    bench.json("logs", "Logs_20140328.GetLogEvents", input).await.1
}

fn messages(answer: &Value) -> String {
    let events = answer["events"].as_array().into_iter().flatten();
    events.filter_map(|event| event["message"].as_str()).collect()
}

/// The code of a refusal.
fn code(answer: &Value) -> Option<&str> {
    answer["__type"].as_str()
}

pub fn cases() -> Vec<Case> {
    vec![
        case(&rules::GROUP, async |bench: Bench| {
            let input = json!({"logGroupName": "none"});
            let told = bench.json("logs", "Logs_20140328.DescribeLogStreams", input).await.1;
            same(code(&told), Some("ResourceNotFoundException"))
        }),
        case(&rules::STREAM, async |bench: Bench| {
            written(&bench);
            let told = events(&bench, json!({"logStreamName": "none"})).await;
            same(code(&told), Some("ResourceNotFoundException"))
        }),
        case(&rules::LIMIT, async |bench: Bench| {
            written(&bench);
            same(messages(&events(&bench, json!({"limit": 10_000})).await).as_str(), "01234")?;
            let told = events(&bench, json!({"limit": 10_001})).await;
            same(code(&told), Some("InvalidParameterException"))
        }),
        case(&rules::NEWEST, async |bench: Bench| {
            written(&bench);
            let newest = events(&bench, json!({"limit": 2})).await;
            same(messages(&newest).as_str(), "34")?;
            let before = json!({"limit": 2, "nextToken": newest["nextBackwardToken"]});
            same(messages(&events(&bench, before).await).as_str(), "12")
        }),
        case(&rules::END, async |bench: Bench| {
            written(&bench);
            let from_head = json!({"startFromHead": true, "limit": 3});
            let first = events(&bench, from_head).await;
            same(messages(&first).as_str(), "012")?;
            let after = |answer: &Value| json!({"nextToken": answer["nextForwardToken"]});
            let last = events(&bench, after(&first)).await;
            same(messages(&last).as_str(), "34")?;
            let end = events(&bench, after(&last)).await;
            same(messages(&end).as_str(), "")?;
            same(&end["nextForwardToken"], &last["nextForwardToken"])
        }),
        case(&rules::TOKEN, async |bench: Bench| {
            written(&bench);
            let told = events(&bench, json!({"nextToken": "f/next"})).await;
            same(code(&told), Some("InvalidParameterException"))
        }),
    ]
}

#[tokio::test]
async fn groups_and_streams_are_listed() {
    let bench = Bench::new();
    written(&bench);
    let ask = async |operation: &str, input: Value| {
        bench.json("logs", &format!("Logs_20140328.{operation}"), input).await.1
    };
    let groups = ask("DescribeLogGroups", json!({"logGroupNamePrefix": "g"})).await;
    assert_eq!(groups["logGroups"][0]["logGroupName"], "g");
    let none = ask("DescribeLogGroups", json!({"logGroupNamePrefix": "x"})).await;
    assert_eq!(none["logGroups"], json!([]));
    let streams = ask("DescribeLogStreams", json!({"logGroupName": "g"})).await;
    assert_eq!(streams["logStreams"][0]["logStreamName"], "s");
}
