//! Proofs of the rules of MLflow Apps.

use super::tracking_servers::{
    accepted, call, ground, over, refused, store_and_role, until_status,
};
use super::{Case, Found, case, same};
use crate::rules::mlflow_apps as rules;
use crate::testing::Bench;
use serde_json::{Value, json};

/// A new app that can be used; its ARN.
pub async fn app(bench: &Bench) -> Result<String, String> {
    ground(bench).await;
    let input = over(store_and_role(), &json!({"Name": "a"}));
    let told = call(bench, "CreateMlflowApp", input).await;
    accepted(&told)?;
    let arn = told["Arn"].as_str().unwrap_or_default().to_owned();
    until(bench, &arn, "Status", "Created").await?;
    Ok(arn)
}

async fn until(bench: &Bench, arn: &str, field: &str, wanted: &str) -> Found {
    let describe = async || call(bench, "DescribeMlflowApp", json!({"Arn": arn})).await;
    until_status(bench, describe, field, wanted).await
}

pub fn cases() -> Vec<Case> {
    vec![
        case(&rules::ARN, async |bench: Bench| {
            let arn = app(&bench).await?;
            let id = arn.strip_prefix("arn:aws:sagemaker:us-east-1:111122223333:mlflow-app/app-");
            same(id.map(str::len), Some(12))?;
            // The same name makes another one.
            let input = over(store_and_role(), &json!({"Name": "a"}));
            accepted(&call(&bench, "CreateMlflowApp", input).await)?;
            let told = call(&bench, "ListMlflowApps", json!({})).await;
            same(told["Summaries"].as_array().map(Vec::len), Some(2))?;
            let told = call(&bench, "DescribeMlflowApp", json!({"Arn": "a"})).await;
            refused(&told, "ValidationException")
        }),
        case(&rules::UPDATE_STATE, async |bench: Bench| {
            let arn = app(&bench).await?;
            let update = async |name: &str| {
                call(&bench, "UpdateMlflowApp", json!({"Arn": arn, "Name": name})).await
            };
            accepted(&update("b").await)?;
            refused(&update("c").await, "ConflictException")?;
            until(&bench, &arn, "Status", "Updated").await?;
            until(&bench, &arn, "Name", "b").await
        }),
        case(&rules::DELETE_STATE, async |bench: Bench| {
            let arn = app(&bench).await?;
            let delete =
                async || -> Value { call(&bench, "DeleteMlflowApp", json!({"Arn": arn})).await };
            call(&bench, "UpdateMlflowApp", json!({"Arn": arn, "Name": "b"})).await;
            refused(&delete().await, "ValidationException")?;
            until(&bench, &arn, "Status", "Updated").await?;
            accepted(&delete().await)?;
            until(&bench, &arn, "__type", "ResourceNotFound").await
        }),
    ]
}
