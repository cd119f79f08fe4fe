//! The client against a scripted server on loopback.

use super::*;
use aws_config::{BehaviorVersion, Region};
use aws_smithy_types::retry::RetryConfig;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const SERVICE: Service = Service {
    name: "sagemaker",
    endpoint_prefix: "api.sagemaker",
    signing_name: "sagemaker",
    target_prefix: "SageMaker",
    endpoint_variable: "NIXL_TEST_NOT_SET",
    nearest: None,
};

/// Answers each request with the next of `answers`, then returns the requests.
async fn server(
    answers: Vec<(u16, &'static str)>,
) -> (String, tokio::task::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let task = tokio::spawn(async move {
        let mut seen = Vec::new();
        for (status, body) in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            let mut chunk = [0; 4096];
            while !request.ends_with(b"}") {
                let n = stream.read(&mut chunk).await.unwrap();
                assert!(n > 0, "request ended early");
                request.extend_from_slice(&chunk[..n]);
            }
            seen.push(String::from_utf8(request).unwrap());
            let answer = format!(
                "HTTP/1.1 {status} x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            );
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
        seen
    });
    (url, task)
}

fn client(url: &str, credentials: bool) -> JsonClient {
    let mut sdk = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .retry_config(RetryConfig::standard().with_max_attempts(3))
        .endpoint_url(url);
    if credentials {
        sdk = sdk.credentials_provider(SharedCredentialsProvider::new(Credentials::new(
            "AKID", "secret", None, None, "test",
        )));
    }
    JsonClient::from_sdk(&sdk.build(), SERVICE)
}

#[tokio::test]
async fn a_call_is_signed_and_decoded() {
    let (url, task) = server(vec![(200, r#"{"Answer":42}"#)]).await;
    let answer: Value = client(&url, true).call("ListTags", &json!({"A": 1})).await.unwrap();
    assert_eq!(answer["Answer"], 42);
    let request = task.await.unwrap().remove(0).to_ascii_lowercase();
    assert!(request.contains("x-amz-target: sagemaker.listtags"));
    assert!(request.contains("content-type: application/x-amz-json-1.1"));
    assert!(request.contains("authorization: aws4-hmac-sha256 credential=akid/"));
}

#[tokio::test]
async fn throttling_and_server_errors_are_tried_again() {
    let (url, task) = server(vec![
        (400, r#"{"__type":"ThrottlingException"}"#),
        (500, ""),
        (200, r#"{"ok":true}"#),
    ])
    .await;
    let answer: Value = client(&url, true).call("X", &json!({})).await.unwrap();
    assert_eq!(answer["ok"], true);
    assert_eq!(task.await.unwrap().len(), 3);
}

#[tokio::test]
async fn a_refusal_is_told_at_once() {
    let (url, task) =
        server(vec![(400, r#"{"__type":"a#ResourceNotFound","message":"none"}"#)]).await;
    let error = client(&url, true).call::<_, Value>("X", &json!({})).await.unwrap_err();
    assert_eq!((error.code(), error.message.as_str()), (Some("ResourceNotFound"), "none"));
    assert_eq!(task.await.unwrap().len(), 1);
}

#[tokio::test]
async fn nobody_listening_is_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = client(&url, true).call::<_, Value>("X", &json!({})).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unreachable);
}

#[tokio::test]
async fn no_credentials_is_said_without_a_connection() {
    let error =
        client("http://127.0.0.1:1", false).call::<_, Value>("X", &json!({})).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::NoCredentials);
}

#[tokio::test]
async fn an_answer_of_another_shape_is_not_quoted() {
    let (url, _task) = server(vec![(200, r#"{"url":"https://secret"}"#); 3]).await;
    #[derive(serde::Deserialize, Debug)]
    struct Expected {
        #[serde(rename = "url")]
        _url: u8,
    }
    let error = client(&url, true).call::<_, Expected>("X", &json!({})).await.unwrap_err();
    assert!(!error.to_string().contains("secret"), "{error}");
}
