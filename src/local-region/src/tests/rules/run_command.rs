//! Proofs of Run Command's rules.

use super::managed_nodes::{CORE, instance, node, role};
use super::{Case, Found, case, same};
use crate::backend::Directory;
use crate::rules::run_command as rules;
use crate::testing::Bench;
use jiff::SignedDuration;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

async fn call(bench: &Bench, operation: &str, input: Value) -> Value {
    bench.json("ssm", &format!("AmazonSSM.{operation}"), input).await.1
}

/// Sends a script to an instance; `more` is put over the request.
async fn send(bench: &Bench, id: &str, script: &str, more: Value) -> Value {
    let mut input = json!({
        "DocumentName": "AWS-RunShellScript",
        "InstanceIds": [id],
        "Parameters": {"commands": [script]},
    });
    for (name, value) in more.as_object().into_iter().flatten() {
        input[name] = value.clone();
    }
    call(bench, "SendCommand", input).await
}

async fn invocation(bench: &Bench, sent: &Value, id: &str) -> Value {
    let command = sent["Command"]["CommandId"].clone();
    call(bench, "GetCommandInvocation", json!({"CommandId": command, "InstanceId": id})).await
}

/// How long a state is waited for; without its rule it never comes.
const PATIENCE: Duration = Duration::from_secs(5);

/// The invocation once it is in this state, or as it is when patience ends.
async fn until(bench: &Bench, sent: &Value, id: &str, details: &str) -> Result<Value, String> {
    let end = Instant::now() + PATIENCE;
    loop {
        let found = invocation(bench, sent, id).await;
        if found["StatusDetails"] == details {
            return Ok(found);
        }
        if Instant::now() > end {
            return Err(format!("{found} instead of {details}"));
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn refused(told: &Value, code: &str) -> Found {
    same(told["__type"].as_str(), Some(code))
}

/// Several nodes and a command for all of them.
async fn fleet(bench: &Bench, script: &str, more: Value) -> (Vec<String>, Value) {
    role(bench, "node", CORE).await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        let tag = "&InstanceType=t3.micro&TagSpecification.1.ResourceType=instance&TagSpecification.1.Tag.1.Key=Fleet&TagSpecification.1.Tag.1.Value=x";
        ids.push(instance(bench, "node", tag).await);
    }
    ids.sort();
    let mut over = json!({"InstanceIds": [], "Targets": [{"Key": "tag:Fleet", "Values": ["x"]}]});
    for (name, value) in more.as_object().into_iter().flatten() {
        over[name] = value.clone();
    }
    let sent = send(bench, "", script, over).await;
    (ids, sent)
}

fn sending() -> Vec<Case> {
    vec![
        case(&rules::DOCUMENT, async |bench: Bench| {
            let id = node(&bench).await;
            same(send(&bench, &id, "", json!({})).await["__type"].is_null(), true)?;
            let told = send(&bench, &id, "", json!({"DocumentName": "AWS-RunAnything"})).await;
            refused(&told, "InvalidDocument")?;
            let told = send(&bench, &id, "", json!({"DocumentVersion": "7"})).await;
            refused(&told, "InvalidDocumentVersion")
        }),
        case(&rules::PARAMETERS, async |bench: Bench| {
            let id = node(&bench).await;
            for bad in [
                json!({}),
                json!({"commands": ["true"], "colour": ["red"]}),
                json!({"commands": ["true"], "executionTimeout": ["172801"]}),
            ] {
                refused(
                    &send(&bench, &id, "", json!({"Parameters": bad})).await,
                    "InvalidParameters",
                )?;
            }
            Ok(())
        }),
        case(&rules::TARGET_STATE, async |bench: Bench| {
            let id = node(&bench).await;
            let stranger = "i-0123456789abcdef0";
            let told = send(&bench, stranger, "", json!({"InstanceIds": [id, stranger]})).await;
            refused(&told, "InvalidInstanceId")?;
            let why =
                "Instances [[i-0123456789abcdef0]] not in a valid state for account 111122223333";
            same(told["message"].as_str(), Some(why))
        }),
        case(&rules::DUPLICATE, async |bench: Bench| {
            let id = node(&bench).await;
            let told = send(&bench, &id, "", json!({"InstanceIds": [id, id]})).await;
            refused(&told, "DuplicateInstanceId")
        }),
        case(&rules::ONE_TARGET_FORM, async |bench: Bench| {
            let id = node(&bench).await;
            let both = json!({"Targets": [{"Key": "InstanceIds", "Values": [id]}]});
            refused(&send(&bench, &id, "", both).await, "ValidationException")?;
            let none = json!({"InstanceIds": []});
            refused(&send(&bench, &id, "", none).await, "ValidationException")
        }),
        case(&rules::LIMITS, async |bench: Bench| {
            let id = node(&bench).await;
            for bad in [
                json!({"TimeoutSeconds": 29}),
                json!({"TimeoutSeconds": 2_592_001}),
                json!({"Comment": "x".repeat(101)}),
                json!({"MaxConcurrency": "0"}),
                json!({"MaxErrors": "101%"}),
            ] {
                refused(&send(&bench, &id, "", bad).await, "ValidationException")?;
            }
            let good = json!({"TimeoutSeconds": 30, "Comment": "x".repeat(100), "MaxConcurrency": "10%", "MaxErrors": "0"});
            same(send(&bench, &id, "", good).await["__type"].is_null(), true)
        }),
        case(&rules::OUTPUT_BUCKET, async |bench: Bench| {
            let id = node(&bench).await;
            let told = send(&bench, &id, "", json!({"OutputS3BucketName": "no-such"})).await;
            refused(&told, "InvalidOutputFolder")
        }),
    ]
}

fn running() -> Vec<Case> {
    vec![
        case(&rules::UNSEEN, async |bench: Bench| {
            let id = node(&bench).await;
            let sent = send(&bench, &id, "out 3", json!({})).await;
            refused(&invocation(&bench, &sent, &id).await, "InvocationDoesNotExist")?;
            bench.region.inner.clock.advance(SignedDuration::from_secs(1));
            let found = until(&bench, &sent, &id, "Success").await?;
            same(found["StandardOutputContent"].as_str(), Some("ooo"))
        }),
        case(&rules::EXIT_STATUS, async |bench: Bench| {
            let id = node(&bench).await;
            let sent = send(&bench, &id, "exit 3", json!({})).await;
            let found = until(&bench, &sent, &id, "Failed").await?;
            same(found["ResponseCode"].as_i64(), Some(3))?;
            let why = "failed to run commands: exit status 3";
            same(found["StandardErrorContent"].as_str(), Some(why))
        }),
        case(&rules::EXECUTION_TIMEOUT, async |bench: Bench| {
            let id = node(&bench).await;
            let hang = json!({"Parameters": {"commands": ["hang"], "executionTimeout": ["60"]}});
            let sent = send(&bench, &id, "", hang).await;
            until(&bench, &sent, &id, "InProgress").await?;
            bench.region.inner.clock.advance(SignedDuration::from_secs(61));
            let found = until(&bench, &sent, &id, "ExecutionTimedOut").await?;
            same(
                (&found["Status"], found["ResponseCode"].as_i64()),
                (&json!("TimedOut"), Some(137)),
            )
        }),
        case(&rules::DELIVERY_TIMEOUT, async |bench: Bench| {
            let id = node(&bench).await;
            bench.region.machine_ended(&id, "powered off");
            let sent = send(&bench, &id, "", json!({"TimeoutSeconds": 30})).await;
            bench.region.inner.clock.advance(SignedDuration::from_secs(3600 + 29));
            until(&bench, &sent, &id, "Pending").await?;
            bench.region.inner.clock.advance(SignedDuration::from_secs(2));
            until(&bench, &sent, &id, "DeliveryTimedOut").await.map(|_| ())
        }),
        case(&rules::STDOUT_CUT, async |bench: Bench| {
            let id = node(&bench).await;
            let sent = send(&bench, &id, "out 30000", json!({})).await;
            let found = until(&bench, &sent, &id, "Success").await?;
            let text = found["StandardOutputContent"].as_str().unwrap_or_default();
            same((text.len(), text.ends_with("o--output truncated--")), (24_000, true))
        }),
        case(&rules::STDERR_CUT, async |bench: Bench| {
            let id = node(&bench).await;
            let sent = send(&bench, &id, "err 30000", json!({})).await;
            let found = until(&bench, &sent, &id, "Success").await?;
            let text = found["StandardErrorContent"].as_str().unwrap_or_default();
            same((text.len(), text.ends_with("e--output truncated--")), (8_000, true))
        }),
        case(&rules::MAX_CONCURRENCY, async |bench: Bench| {
            let (ids, sent) = fleet(&bench, "hang", json!({"MaxConcurrency": "2"})).await;
            bench.region.inner.clock.advance(SignedDuration::from_secs(1));
            let mut states = Vec::new();
            let count = |states: &[String], state: &str| {
                states.iter().filter(|found| *found == state).count()
            };
            let end = Instant::now() + PATIENCE;
            // More than two must not happen however long one looks.
            while Instant::now() < end && count(&states, "InProgress") < 3 {
                states.clear();
                for id in &ids {
                    let found = invocation(&bench, &sent, id).await;
                    states.push(found["Status"].as_str().unwrap_or_default().to_owned());
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            same((count(&states, "InProgress"), count(&states, "Pending")), (2, 1))
        }),
        case(&rules::MAX_ERRORS, async |bench: Bench| {
            let one = json!({"MaxConcurrency": "1", "MaxErrors": "1"});
            let (ids, sent) = fleet(&bench, "exit 1", one).await;
            bench.region.inner.clock.advance(SignedDuration::from_secs(1));
            let mut details = Vec::new();
            for id in &ids {
                let end = Instant::now() + PATIENCE;
                let mut found = invocation(&bench, &sent, id).await;
                while found["Status"] != "Failed"
                    && found["Status"] != "Cancelled"
                    && Instant::now() < end
                {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                    found = invocation(&bench, &sent, id).await;
                }
                details.push(found["StatusDetails"].as_str().unwrap_or_default().to_owned());
            }
            details.sort();
            same(details, ["Failed", "Failed", "Terminated"].map(str::to_owned).to_vec())
        }),
        case(&rules::CANCEL, async |bench: Bench| {
            let id = node(&bench).await;
            let sent = send(&bench, &id, "hang", json!({})).await;
            until(&bench, &sent, &id, "InProgress").await?;
            let command = json!({"CommandId": sent["Command"]["CommandId"]});
            call(&bench, "CancelCommand", command.clone()).await;
            until(&bench, &sent, &id, "Cancelled").await?;
            let listed = call(&bench, "ListCommands", command).await;
            same(listed["Commands"][0]["Status"].as_str(), Some("Cancelled"))
        }),
    ]
}

fn lists() -> Vec<Case> {
    vec![
        case(&rules::UNKNOWN, async |bench: Bench| {
            let unknown = json!({"CommandId": "8f8b5a5e-0000-4000-8000-000000000000"});
            refused(&call(&bench, "CancelCommand", unknown).await, "InvalidCommandId")
        }),
        case(&rules::FILTERS, async |bench: Bench| {
            let id = node(&bench).await;
            let sent = send(&bench, &id, "exit 1", json!({})).await;
            until(&bench, &sent, &id, "Failed").await?;
            for (key, value, count) in [
                ("Status", "Failed", 1),
                ("Status", "Success", 0),
                ("ExecutionStage", "Complete", 1),
                ("InvokedAfter", "2020-01-01T00:00:00Z", 1),
                ("InvokedBefore", "2020-01-01T00:00:00Z", 0),
                ("DocumentName", "AWS-RunShellScript", 1),
            ] {
                let filters = json!({"Filters": [{"key": key, "value": value}], "Details": true});
                let commands = call(&bench, "ListCommands", filters.clone()).await;
                let invocations = call(&bench, "ListCommandInvocations", filters).await;
                let count_of = |list: &Value| list.as_array().map(Vec::len);
                same((value, count_of(&commands["Commands"])), (value, Some(count)))?;
                let found = count_of(&invocations["CommandInvocations"]);
                same((value, found), (value, Some(count)))?;
            }
            let strange = json!({"Filters": [{"key": "Colour", "value": "red"}]});
            refused(&call(&bench, "ListCommands", strange).await, "InvalidFilterKey")
        }),
        case(&rules::PAGES, async |bench: Bench| {
            let id = node(&bench).await;
            for _ in 0..3 {
                send(&bench, &id, "", json!({})).await;
            }
            let first = call(&bench, "ListCommands", json!({"MaxResults": 2})).await;
            let rest = json!({"MaxResults": 2, "NextToken": first["NextToken"]});
            let second = call(&bench, "ListCommands", rest).await;
            let count = |told: &Value| told["Commands"].as_array().map(Vec::len);
            same((count(&first), count(&second)), (Some(2), Some(1)))?;
            let told = call(&bench, "ListCommands", json!({"MaxResults": 51})).await;
            refused(&told, "ValidationException")
        }),
    ]
}

pub fn cases() -> Vec<Case> {
    [sending(), running(), lists()].into_iter().flatten().collect()
}
