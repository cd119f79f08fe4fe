//! SageMaker, and what is refused at the door.

use crate::backend::Directory;
use crate::testing::{Bench, element};
use axum::body::Body;
use http::{Request, StatusCode};
use serde_json::json;

const TRUST: &str = "%7B%22Statement%22%3A%7B%22Effect%22%3A%22Allow%22%2C%22Principal%22%3A%7B%22Service%22%3A%22sagemaker.amazonaws.com%22%7D%2C%22Action%22%3A%22sts%3AAssumeRole%22%7D%7D";

async fn server(bench: &Bench) -> String {
    bench
        .query(
            "iam",
            &format!("Action=CreateRole&RoleName=mlflow&AssumeRolePolicyDocument={TRUST}"),
        )
        .await;
    std::fs::create_dir(bench.region.inner.s3_root().join("bucket")).unwrap();
    let (status, answer) = bench
        .json("sagemaker", "SageMaker.CreateMlflowTrackingServer", json!({
            "TrackingServerName": "t", "ArtifactStoreUri": "s3://bucket/x", "RoleArn": "arn:aws:iam::111122223333:role/mlflow",
        }))
        .await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    bench
        .until(|region| {
            let key = region.inner.state().sagemaker.servers["t"].served.key.clone();
            region.mlflow_port(&key).map(|_| key)
        })
        .await
}

#[tokio::test]
async fn a_presigned_token_is_spent_once_and_only_at_its_server() {
    let bench = Bench::new();
    let key = server(&bench).await;
    let (_, answer) = bench
        .json(
            "sagemaker",
            "SageMaker.CreatePresignedMlflowTrackingServerUrl",
            json!({"TrackingServerName": "t", "SessionExpirationDurationInSeconds": 1800}),
        )
        .await;
    let url = answer["AuthorizedUrl"].as_str().unwrap();
    let token =
        url.strip_prefix(&format!("http://127.0.0.1:4577/_mlflow/{key}/auth?authToken=")).unwrap();
    assert_eq!(bench.region.spend_mlflow_token("t-other", token), None);
    assert_eq!(bench.region.spend_mlflow_token(&key, token), Some(1800));
    assert_eq!(bench.region.spend_mlflow_token(&key, token), None);
    for wrong in [
        json!({"ExpiresInSeconds": 4}),
        json!({"ExpiresInSeconds": 301}),
        json!({"SessionExpirationDurationInSeconds": 43201}),
    ] {
        let mut body = wrong.clone();
        body["TrackingServerName"] = json!("t");
        let (_, answer) =
            bench.json("sagemaker", "SageMaker.CreatePresignedMlflowTrackingServerUrl", body).await;
        assert_eq!(answer["__type"], "ValidationException", "{wrong}");
    }
}

#[tokio::test]
async fn an_unsigned_call_is_refused_in_its_protocol() {
    let bench = Bench::new();
    let post = |body: &'static str| Request::post("/").body(Body::from(body)).unwrap();
    let (status, text) = bench.raw(post("Action=DescribeVpcs&Version=2016-11-15")).await;
    assert_eq!(
        (status, element(&text, "Code")),
        (StatusCode::FORBIDDEN, "MissingAuthenticationToken")
    );
    let (_, text) = bench.raw(Request::get("/bucket/key").body(Body::empty()).unwrap()).await;
    assert_eq!(element(&text, "Code"), "AccessDenied");
    let json_call = Request::post("/")
        .header("x-amz-target", "SageMaker.ListTags")
        .body(Body::from("{}"))
        .unwrap();
    let (_, text) = bench.raw(json_call).await;
    assert!(text.contains("MissingAuthenticationTokenException"), "{text}");
}
