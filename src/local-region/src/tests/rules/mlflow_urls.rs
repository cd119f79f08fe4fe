//! Proofs of the rules of presigned MLflow URLs, for both kinds.

use super::mlflow_apps::app;
use super::tracking_servers::{accepted, call, over, refused, server};
use super::{Case, case, same};
use crate::backend::Directory;
use crate::rules::mlflow_urls as rules;
use crate::testing::Bench;
use jiff::SignedDuration;
use serde_json::{Value, json};

async fn url(bench: &Bench, more: Value) -> Value {
    let input = over(json!({"TrackingServerName": "t"}), &more);
    call(bench, "CreatePresignedMlflowTrackingServerUrl", input).await
}

/// Key and token of a URL.
fn parts(told: &Value) -> Result<(String, String), String> {
    accepted(told)?;
    let url = told["AuthorizedUrl"].as_str().unwrap_or_default();
    let rest = url.strip_prefix("http://127.0.0.1:4577/_mlflow/").ok_or(url)?;
    let (key, token) = rest.split_once("/auth?authToken=").ok_or(url)?;
    Ok((key.to_owned(), token.to_owned()))
}

pub fn cases() -> Vec<Case> {
    vec![
        case(&rules::LIMITS, async |bench: Bench| {
            server(&bench).await?;
            for bad in [
                json!({"ExpiresInSeconds": 4}),
                json!({"ExpiresInSeconds": 301}),
                json!({"SessionExpirationDurationInSeconds": 1799}),
                json!({"SessionExpirationDurationInSeconds": 43201}),
            ] {
                refused(&url(&bench, bad).await, "ValidationException")?;
            }
            let shortest =
                json!({"ExpiresInSeconds": 5, "SessionExpirationDurationInSeconds": 1800});
            accepted(&url(&bench, shortest).await)
        }),
        case(&rules::ACTIVE, async |bench: Bench| {
            server(&bench).await?;
            accepted(&url(&bench, json!({})).await)?;
            call(&bench, "StopMlflowTrackingServer", json!({"TrackingServerName": "t"})).await;
            refused(&url(&bench, json!({})).await, "ValidationException")
        }),
        case(&rules::ONCE, async |bench: Bench| {
            server(&bench).await?;
            let (key, token) = parts(&url(&bench, json!({})).await)?;
            let spend = |key: &str| bench.region.spend_mlflow_token(key, &token);
            same((spend("t-other"), spend(&key)), (None, Some(43_200)))?;
            same(spend(&key), None)
        }),
        case(&rules::EXPIRES, async |bench: Bench| {
            let arn = app(&bench).await?;
            let input = json!({"Arn": arn, "ExpiresInSeconds": 60});
            let made = async || call(&bench, "CreatePresignedMlflowAppUrl", input.clone()).await;
            let after = |secs: i64, (key, token): (String, String)| {
                bench.region.inner.clock.advance(SignedDuration::from_secs(secs));
                bench.region.spend_mlflow_token(&key, &token).is_some()
            };
            same(after(50, parts(&made().await)?), true)?;
            same(after(61, parts(&made().await)?), false)
        }),
    ]
}
