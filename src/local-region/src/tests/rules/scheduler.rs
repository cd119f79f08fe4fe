//! Proofs of the rules of schedules.

use super::iam::{allow, everywhere, role};
use super::launch::{accepted, launch};
use super::{Case, Found, case, same};
use crate::rules::{Rule, scheduler as rules};
use crate::state::capacity::Market;
use crate::testing::{Bench, element};
use http::Method;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

const ROLE: &str = "arn:aws:iam::111122223333:role/scheduler";

async fn send(bench: &Bench, method: Method, path: &str, body: &Value) -> Value {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let (status, text) = bench.send("scheduler", None, &[], method, path, &body).await;
    let mut told: Value = serde_json::from_str(&text).unwrap_or_default();
    told["status"] = json!(status.as_u16());
    told
}

/// The role of the schedules, which may do everything to instances.
async fn prepare(bench: &Bench) {
    role(bench, "scheduler", json!({"Service": "scheduler.amazonaws.com"})).await;
    allow(bench, "scheduler", everywhere("ec2:*")).await;
}

fn at(time: Timestamp) -> String {
    format!("at({})", time.strftime("%Y-%m-%dT%H:%M:%S"))
}

/// A schedule that calls an operation of EC2 in an hour.
fn hourly(bench: &Bench, action: &str, input: &Value) -> Value {
    let time = bench.region.inner.clock.now() + SignedDuration::from_hours(1);
    json!({
        "ScheduleExpression": at(time),
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": {
            "Arn": format!("arn:aws:scheduler:::aws-sdk:ec2:{action}"),
            "RoleArn": ROLE,
            "Input": input.to_string(),
        },
    })
}

/// A schedule that ends the instance in an hour.
fn ending(bench: &Bench, id: &str) -> Value {
    hourly(bench, "terminateInstances", &json!({"InstanceIds": [id]}))
}

async fn create(bench: &Bench, name: &str, body: &Value) -> Value {
    send(bench, Method::POST, &format!("/schedules/{name}"), body).await
}

/// Changes in a schedule's body are refused with this status.
fn refuses(rule: &'static Rule, change: fn(&mut Value), status: u16) -> Case {
    case(rule, move |bench: Bench| async move {
        prepare(&bench).await;
        let mut body = ending(&bench, "i-0123456789abcdef0");
        same(create(&bench, "good", &body).await["status"].as_u64(), Some(200))?;
        change(&mut body);
        same(create(&bench, "bad", &body).await["status"].as_u64(), Some(status.into()))
    })
}

async fn machine(bench: &Bench) -> Result<String, String> {
    let (_, text) = launch(bench, "").await;
    accepted(&text)?;
    Ok(element(&text, "instanceId").to_owned())
}

/// Callers and outcomes of the calls of an operation.
fn calls(bench: &Bench, operation: &str) -> Vec<(String, String)> {
    let state = bench.region.inner.state();
    let of = state.calls.iter().filter(|call| call.operation == operation);
    of.map(|call| (call.caller.clone(), call.outcome.clone())).collect()
}

/// Lets every task run until it waits for the region's clock; by then the
/// operation was called so often, and no more.
async fn called(bench: &Bench, operation: &str, times: usize) -> Found {
    for _ in 0..500 {
        tokio::task::yield_now().await;
    }
    same(calls(bench, operation).len(), times)
}

fn hour(bench: &Bench) {
    bench.region.inner.clock.advance(SignedDuration::from_hours(1));
}

fn requests() -> Vec<Case> {
    vec![
        refuses(
            &rules::EXPRESSION,
            |b| b["ScheduleExpression"] = json!("at(2030-01-01T00:00:00Z)"),
            400,
        ),
        refuses(
            &rules::TIMEZONE_UNKNOWN,
            |b| b["ScheduleExpressionTimezone"] = json!("Mars/Base"),
            400,
        ),
        refuses(&rules::ENUM, |b| b["ActionAfterCompletion"] = json!("KEEP"), 400),
        refuses(
            &rules::WINDOW,
            |b| b["FlexibleTimeWindow"]["MaximumWindowInMinutes"] = json!(5),
            400,
        ),
        refuses(
            &rules::READ_ONLY,
            |b| b["Target"]["Arn"] = json!("arn:aws:scheduler:::aws-sdk:ec2:describeInstances"),
            400,
        ),
        refuses(&rules::INPUT, |b| b["Target"]["Input"] = json!("{"), 400),
        refuses(
            &rules::RETRY_POLICY,
            |b| b["Target"]["RetryPolicy"] = json!({"MaximumRetryAttempts": 186}),
            400,
        ),
        refuses(&rules::GROUP_UNKNOWN, |b| b["GroupName"] = json!("nothing"), 404),
        case(&rules::NAME, async |bench: Bench| {
            prepare(&bench).await;
            let told = create(&bench, "a%20b", &ending(&bench, "i-1")).await;
            same(told["status"].as_u64(), Some(400))
        }),
        case(&rules::TRUST, async |bench: Bench| {
            role(&bench, "scheduler", json!({"Service": "ec2.amazonaws.com"})).await;
            let told = create(&bench, "s", &ending(&bench, "i-1")).await;
            let message = "The execution role you provide must allow AWS EventBridge Scheduler to assume the role.";
            same(told["Message"].as_str(), Some(message))
        }),
        case(&rules::EXISTS, async |bench: Bench| {
            prepare(&bench).await;
            let body = ending(&bench, "i-1");
            same(create(&bench, "s", &body).await["status"].as_u64(), Some(200))?;
            same(
                create(&bench, "s", &body).await["Message"].as_str(),
                Some("Schedule s already exists."),
            )
        }),
        case(&rules::TOKEN, async |bench: Bench| {
            prepare(&bench).await;
            let mut body = ending(&bench, "i-1");
            body["ClientToken"] = json!("t");
            same(create(&bench, "s", &body).await["status"].as_u64(), Some(200))?;
            same(create(&bench, "s", &body).await["status"].as_u64(), Some(200))
        }),
        case(&rules::UNKNOWN, async |bench: Bench| {
            let told = send(&bench, Method::DELETE, "/schedules/s", &Value::Null).await;
            same(told["status"].as_u64(), Some(404))
        }),
        case(&rules::MAX_RESULTS, async |bench: Bench| {
            let told = send(&bench, Method::GET, "/schedules?MaxResults=101", &Value::Null).await;
            same(told["status"].as_u64(), Some(400))
        }),
        case(&rules::TIMEZONE, async |bench: Bench| {
            prepare(&bench).await;
            let id = machine(&bench).await?;
            let mut body = ending(&bench, &id);
            // Nine hours ahead of UTC, all year.
            body["ScheduleExpressionTimezone"] = json!("Asia/Tokyo");
            let time = bench.region.inner.clock.now() + SignedDuration::from_hours(10);
            body["ScheduleExpression"] = json!(at(time));
            create(&bench, "s", &body).await;
            hour(&bench);
            called(&bench, "TerminateInstances", 1).await
        }),
        case(&rules::GROUP_DEFAULT, async |bench: Bench| {
            let told = send(&bench, Method::DELETE, "/schedule-groups/default", &Value::Null).await;
            same(told["status"].as_u64(), Some(400))
        }),
        case(&rules::GROUP_SCHEDULES, async |bench: Bench| {
            prepare(&bench).await;
            send(&bench, Method::POST, "/schedule-groups/g", &json!({})).await;
            let mut body = ending(&bench, "i-1");
            body["GroupName"] = json!("g");
            create(&bench, "s", &body).await;
            send(&bench, Method::DELETE, "/schedule-groups/g", &Value::Null).await;
            let told = send(&bench, Method::GET, "/schedules/s?groupName=g", &Value::Null).await;
            same(told["status"].as_u64(), Some(404))
        }),
    ]
}

fn firing() -> Vec<Case> {
    vec![
        case(&rules::FIRES, async |bench: Bench| {
            prepare(&bench).await;
            let id = machine(&bench).await?;
            create(&bench, "s", &ending(&bench, &id)).await;
            called(&bench, "TerminateInstances", 0).await?;
            hour(&bench);
            called(&bench, "TerminateInstances", 1).await?;
            hour(&bench);
            called(&bench, "TerminateInstances", 1).await?;
            let told = send(&bench, Method::GET, "/schedules/s", &Value::Null).await;
            same(told["State"].as_str(), Some("ENABLED"))
        }),
        case(&rules::ROLE, async |bench: Bench| {
            role(&bench, "scheduler", json!({"Service": "scheduler.amazonaws.com"})).await;
            let id = machine(&bench).await?;
            same(create(&bench, "s", &ending(&bench, &id)).await["status"].as_u64(), Some(200))?;
            hour(&bench);
            called(&bench, "TerminateInstances", 1).await?;
            let (caller, outcome) = calls(&bench, "TerminateInstances").remove(0);
            same(outcome.as_str(), "UnauthorizedOperation")?;
            let session = caller.starts_with("arn:aws:sts::111122223333:assumed-role/scheduler/");
            same(session, true)
        }),
        case(&rules::WITHDRAWN, async |bench: Bench| {
            prepare(&bench).await;
            let id = machine(&bench).await?;
            create(&bench, "s", &ending(&bench, &id)).await;
            send(&bench, Method::DELETE, "/schedules/s", &Value::Null).await;
            hour(&bench);
            called(&bench, "TerminateInstances", 0).await
        }),
        case(&rules::WITHDRAWN, async |bench: Bench| {
            prepare(&bench).await;
            let id = machine(&bench).await?;
            create(&bench, "s", &ending(&bench, &id)).await;
            let mut later = ending(&bench, &id);
            let time = bench.region.inner.clock.now() + SignedDuration::from_hours(2);
            later["ScheduleExpression"] = json!(at(time));
            send(&bench, Method::PUT, "/schedules/s", &later).await;
            hour(&bench);
            called(&bench, "TerminateInstances", 0).await?;
            hour(&bench);
            called(&bench, "TerminateInstances", 1).await
        }),
        case(&rules::WITHDRAWN, async |bench: Bench| {
            prepare(&bench).await;
            let id = machine(&bench).await?;
            let mut body = ending(&bench, &id);
            body["State"] = json!("DISABLED");
            create(&bench, "s", &body).await;
            hour(&bench);
            called(&bench, "TerminateInstances", 0).await
        }),
        case(&rules::DELETE_AFTER, async |bench: Bench| {
            prepare(&bench).await;
            let id = machine(&bench).await?;
            let mut body = ending(&bench, &id);
            body["ActionAfterCompletion"] = json!("DELETE");
            create(&bench, "s", &body).await;
            let path = "/schedules/s";
            same(
                send(&bench, Method::GET, path, &Value::Null).await["status"].as_u64(),
                Some(200),
            )?;
            hour(&bench);
            called(&bench, "TerminateInstances", 1).await?;
            same(send(&bench, Method::GET, path, &Value::Null).await["status"].as_u64(), Some(404))
        }),
        case(&rules::RETRIES, async |bench: Bench| {
            prepare(&bench).await;
            let image = bench.region.inner.state().ec2.images.keys().next().cloned();
            let input = json!({
                "ImageId": image, "InstanceType": "g5.12xlarge", "MinCount": 1, "MaxCount": 1,
                "Placement": {"AvailabilityZone": "us-east-1a"},
            });
            let limit = |limit| {
                let mut state = bench.region.inner.state();
                state.ec2.capacity.set("us-east-1a", "g5.12xlarge", Market::OnDemand, limit);
            };
            limit(Some(0));
            create(&bench, "s", &hourly(&bench, "runInstances", &input)).await;
            hour(&bench);
            called(&bench, "RunInstances", 1).await?;
            limit(None);
            bench.region.inner.clock.advance(SignedDuration::from_secs(60));
            called(&bench, "RunInstances", 2).await?;
            let outcomes: Vec<String> =
                calls(&bench, "RunInstances").into_iter().map(|(_, outcome)| outcome).collect();
            same(outcomes, vec!["InsufficientInstanceCapacity".to_owned(), "OK".to_owned()])
        }),
    ]
}

pub fn cases() -> Vec<Case> {
    [requests(), firing()].into_iter().flatten().collect()
}
