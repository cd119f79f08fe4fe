//! SageMaker, the control API, and what is refused at the door.

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
            let key = region.inner.state().sagemaker.servers["t"].key.clone();
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
    assert_eq!(bench.region.spend_mlflow_token(&key, token), Some(("t".to_owned(), 1800)));
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
async fn an_expired_token_is_refused() {
    let bench = Bench::new();
    let key = server(&bench).await;
    let now = std::time::Instant::now();
    let mut state = bench.region.inner.state();
    let secs = std::time::Duration::from_secs;
    state.sagemaker.grant("a", "t", secs(5), 1800);
    assert_eq!(state.sagemaker.spend(&key, "a", now + secs(6)), None);
    state.sagemaker.grant("b", "t", secs(5), 1800);
    assert!(state.sagemaker.spend(&key, "b", now + secs(4)).is_some());
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

#[tokio::test]
async fn exchanges_are_recorded_whole_and_without_secrets() {
    let (bench, file) = Bench::recording();
    bench.query("ec2", "Action=DescribeVpcs&Version=2016-11-15").await;
    let secure = json!({"Name": "p", "Type": "SecureString", "Value": "hunter2"});
    bench.json("ssm", "AmazonSSM.PutParameter", secure).await;
    bench.raw(Request::get("/bucket/key").body(Body::empty()).unwrap()).await;
    let text = std::fs::read_to_string(&file).unwrap();
    for secret in ["hunter2", "Credential=", "authorization"] {
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
    assert_eq!(lines[2]["request"], json!({"method": "GET", "path": "/bucket/key"}));
    assert_eq!(lines[2]["answer"], json!({"status": 403}));
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
}
