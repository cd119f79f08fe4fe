//! Proofs of the rules of tracking servers.

use super::{Case, Found, case, same};
use crate::backend::Directory;
use crate::rules::{Rule, tracking_servers as rules};
use crate::testing::Bench;
use crate::windows::MLFLOW_CHANGE;
use jiff::SignedDuration;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

pub async fn call(bench: &Bench, operation: &str, input: Value) -> Value {
    bench.json("sagemaker", &format!("SageMaker.{operation}"), input).await.1
}

pub fn refused(told: &Value, code: &str) -> Found {
    same(told["__type"].as_str(), Some(code))
}

pub fn accepted(told: &Value) -> Found {
    same(told["__type"].as_str(), None)
}

/// One object over another.
pub fn over(mut under: Value, more: &Value) -> Value {
    for (field, value) in more.as_object().into_iter().flatten() {
        under[field] = value.clone();
    }
    under
}

/// A role that SageMaker may assume, one that EC2 may, and a bucket.
pub async fn ground(bench: &Bench) {
    for service in ["sagemaker", "ec2"] {
        let trust = json!({"Statement": {"Effect": "Allow", "Action": "sts:AssumeRole",
            "Principal": {"Service": format!("{service}.amazonaws.com")}}})
        .to_string();
        let trust = utf8_percent_encode(&trust, NON_ALPHANUMERIC);
        let body = format!("Action=CreateRole&RoleName={service}&AssumeRolePolicyDocument={trust}");
        bench.query("iam", &body).await;
    }
    std::fs::create_dir(bench.region.inner.s3_root().join("bucket")).unwrap();
}

/// What both kinds need.
pub fn store_and_role() -> Value {
    json!({"ArtifactStoreUri": "s3://bucket/x", "RoleArn": "arn:aws:iam::111122223333:role/sagemaker"})
}

async fn create(bench: &Bench, name: &str, more: Value) -> Value {
    let input = over(store_and_role(), &json!({"TrackingServerName": name}));
    call(bench, "CreateMlflowTrackingServer", over(input, &more)).await
}

async fn describe(bench: &Bench, name: &str) -> Value {
    call(bench, "DescribeMlflowTrackingServer", json!({"TrackingServerName": name})).await
}

/// Waits until a described thing has a status, over the window of its change.
pub async fn until_status(
    bench: &Bench,
    describe: impl AsyncFn() -> Value,
    field: &str,
    wanted: &str,
) -> Found {
    let end = Instant::now() + Duration::from_secs(5);
    loop {
        let told = describe().await;
        if told[field] == wanted || Instant::now() > end {
            return same(told[field].as_str(), Some(wanted));
        }
        bench.region.inner.clock.advance(bench.region.inner.windows.of(&MLFLOW_CHANGE));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn until(bench: &Bench, name: &str, wanted: &str) -> Found {
    let describe = async || describe(bench, name).await;
    until_status(bench, describe, "TrackingServerStatus", wanted).await
}

/// A server that can be used.
pub async fn server(bench: &Bench) -> Found {
    ground(bench).await;
    accepted(&create(bench, "t", json!({})).await)?;
    until(bench, "t", "Created").await
}

async fn act(bench: &Bench, operation: &str) -> Value {
    call(bench, operation, json!({"TrackingServerName": "t"})).await
}

/// Makes are refused with these and not with those.
fn creates(rule: &'static Rule, bad: Vec<Value>, good: Vec<Value>) -> Case {
    case(rule, move |bench: Bench| {
        let (bad, good) = (bad.clone(), good.clone());
        async move {
            ground(&bench).await;
            for (n, more) in good.into_iter().enumerate() {
                accepted(&create(&bench, &format!("good-{n}"), more).await)?;
            }
            for more in bad {
                refused(&create(&bench, "bad", more).await, rule.answer)?;
            }
            Ok(())
        }
    })
}

fn making() -> Vec<Case> {
    vec![
        creates(
            &rules::PATTERNS,
            vec![
                json!({"TrackingServerName": "-t"}),
                json!({"TrackingServerName": "t_t"}),
                json!({"ArtifactStoreUri": "bucket/x"}),
                json!({"WeeklyMaintenanceWindowStart": "TUE:03:30"}),
                json!({"TrackingServerSize": "Huge"}),
            ],
            vec![
                json!({"WeeklyMaintenanceWindowStart": "Tue:03:30", "TrackingServerSize": "Large"}),
            ],
        ),
        creates(&rules::BUCKET, vec![json!({"ArtifactStoreUri": "s3://other/x"})], vec![json!({})]),
        creates(
            &rules::BUCKET_OWNER,
            vec![json!({"S3BucketOwnerAccountId": "444455556666"})],
            vec![
                json!({"S3BucketOwnerAccountId": "111122223333"}),
                json!({"S3BucketOwnerAccountId": "444455556666", "S3BucketOwnerVerification": false}),
            ],
        ),
        creates(
            &rules::ROLE,
            vec![
                json!({"RoleArn": "arn:aws:iam::111122223333:role/ec2"}),
                json!({"RoleArn": "arn:aws:iam::111122223333:role/nobody"}),
            ],
            vec![json!({})],
        ),
        case(&rules::EXISTS, async |bench: Bench| {
            server(&bench).await?;
            refused(&create(&bench, "t", json!({})).await, "ConflictException")
        }),
        case(&rules::LIMIT, async |bench: Bench| {
            ground(&bench).await;
            for n in 0..10 {
                accepted(&create(&bench, &format!("t{n}"), json!({})).await)?;
            }
            refused(&create(&bench, "t10", json!({})).await, "ResourceLimitExceeded")
        }),
    ]
}

fn changing() -> Vec<Case> {
    vec![
        case(&rules::STOP_STATE, async |bench: Bench| {
            server(&bench).await?;
            let key = bench.region.inner.state().sagemaker.servers["t"].served.key.clone();
            accepted(&act(&bench, "StopMlflowTrackingServer").await)?;
            same(describe(&bench, "t").await["TrackingServerStatus"].as_str(), Some("Stopping"))?;
            until(&bench, "t", "Stopped").await?;
            same(describe(&bench, "t").await["IsActive"].as_str(), Some("Inactive"))?;
            same(bench.region.mlflow_port(&key), None)?;
            let log = bench.machines.log();
            same(log.last().map(String::as_str), Some("mlflow-stop t"))?;
            let told = act(&bench, "StopMlflowTrackingServer").await;
            refused(&told, "ValidationException")?;
            let why = "Tracking Server with ARN arn:aws:sagemaker:us-east-1:111122223333:mlflow-tracking-server/t is currently in status STOPPED, can't be stopped.";
            same(told["message"].as_str(), Some(why))
        }),
        case(&rules::START_STATE, async |bench: Bench| {
            server(&bench).await?;
            refused(&act(&bench, "StartMlflowTrackingServer").await, "ValidationException")?;
            act(&bench, "StopMlflowTrackingServer").await;
            until(&bench, "t", "Stopped").await?;
            accepted(&act(&bench, "StartMlflowTrackingServer").await)?;
            until(&bench, "t", "Started").await?;
            same(describe(&bench, "t").await["IsActive"].as_str(), Some("Active"))
        }),
        case(&rules::UPDATE_STATE, async |bench: Bench| {
            server(&bench).await?;
            let update = async |more: Value| {
                let input = over(json!({"TrackingServerName": "t"}), &more);
                call(&bench, "UpdateMlflowTrackingServer", input).await
            };
            accepted(&update(json!({"TrackingServerSize": "Medium"})).await)?;
            refused(&update(json!({"TrackingServerSize": "Large"})).await, "ValidationException")?;
            until(&bench, "t", "Updated").await?;
            same(describe(&bench, "t").await["TrackingServerSize"].as_str(), Some("Medium"))?;
            accepted(&update(json!({"ArtifactStoreUri": "s3://bucket/y"})).await)?;
            until(&bench, "t", "Updated").await?;
            let log = bench.machines.log();
            same(
                log[log.len() - 2..].to_vec(),
                ["mlflow-stop t", "mlflow t s3://bucket/y"].map(str::to_owned).to_vec(),
            )
        }),
        case(&rules::DELETE_STATE, async |bench: Bench| {
            server(&bench).await?;
            act(&bench, "StopMlflowTrackingServer").await;
            let told = act(&bench, "DeleteMlflowTrackingServer").await;
            refused(&told, "ValidationException")?;
            let why =
                "Tracking Server is in un-deletable state (STOPPING), so it cannot be deleted.";
            same(told["message"].as_str(), Some(why))?;
            until(&bench, "t", "Stopped").await?;
            accepted(&act(&bench, "DeleteMlflowTrackingServer").await)?;
            let gone = async || describe(&bench, "t").await;
            until_status(&bench, gone, "__type", "ResourceNotFound").await
        }),
    ]
}

fn listing() -> Vec<Case> {
    vec![
        case(&rules::LIST, async |bench: Bench| {
            ground(&bench).await;
            for name in ["b", "c", "a"] {
                accepted(&create(&bench, name, json!({})).await)?;
                bench.region.inner.clock.advance(SignedDuration::from_secs(60));
            }
            let names = async |input: Value| {
                let told = call(&bench, "ListMlflowTrackingServers", input).await;
                let list = told["TrackingServerSummaries"].as_array().cloned().unwrap_or_default();
                list.iter().filter_map(|s| s["TrackingServerName"].as_str()).collect::<String>()
            };
            for (input, expected) in [
                (json!({}), "acb"),
                (json!({"SortBy": "Name", "SortOrder": "Ascending"}), "abc"),
                (json!({"TrackingServerStatus": "Stopped"}), ""),
                (json!({"CreatedBefore": 0}), ""),
            ] {
                same(names(input).await.as_str(), expected)?;
            }
            Ok(())
        }),
        case(&rules::PAGES, async |bench: Bench| {
            ground(&bench).await;
            for name in ["a", "b", "c"] {
                create(&bench, name, json!({})).await;
            }
            let page = async |input: Value| call(&bench, "ListMlflowTrackingServers", input).await;
            let first = page(json!({"MaxResults": 2})).await;
            let second = page(json!({"MaxResults": 2, "NextToken": first["NextToken"]})).await;
            let count = |told: &Value| told["TrackingServerSummaries"].as_array().map(Vec::len);
            same((count(&first), count(&second)), (Some(2), Some(1)))?;
            refused(&page(json!({"MaxResults": 101})).await, "ValidationException")
        }),
    ]
}

pub fn cases() -> Vec<Case> {
    [making(), changing(), listing()].into_iter().flatten().collect()
}
