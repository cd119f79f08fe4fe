//! A server that is slow, ends connections, errs, throttles, has another clock or
//! takes the credentials no more.

use super::upstream::{Act, Scripted, ok, say};
use super::{PEER, Role, ask, endpoint, parts, reason, request};
use aws_credential_types::provider::SharedCredentialsProvider;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use nixl_mlflow::endpoint::Endpoint;
use std::time::Instant;

const CREATE: &str = "/api/2.0/mlflow/runs/create";
const BATCH: &str = "/api/2.0/mlflow/runs/log-batch";

#[tokio::test]
async fn an_error_is_tried_again_where_that_changes_nothing() {
    let server = Scripted::start(vec![say(503, "x"), Act::Close, say(500, "x"), ok()]).await;
    let endpoint = endpoint(server.address);
    assert_eq!(ask(&endpoint, "POST", BATCH, "{\"b\":1}").await.0, 200);
    let asked = server.asked();
    assert!(asked.len() == 4 && asked.iter().all(|it| it.body == b"{\"b\":1}"));
    let status = endpoint.status();
    assert_eq!((status.requests, status.retries, status.reason), (4, 3, None));
}

#[tokio::test]
async fn what_may_have_been_carried_out_is_not_sent_twice() {
    let server = Scripted::start(vec![say(502, "gone"), Act::Close]).await;
    let endpoint = endpoint(server.address);
    assert_eq!(ask(&endpoint, "POST", CREATE, "{}").await, (502, "gone".to_owned()));
    let (status, body) = ask(&endpoint, "POST", CREATE, "{}").await;
    assert!(status == 502 && body.contains("may have been carried out"), "{body}");
    assert_eq!(server.asked().len(), 2);
    assert_eq!(reason(&endpoint).as_deref(), Some("mlflow.server_error"));
}

#[tokio::test]
async fn throttling_is_waited_out_and_told_where_it_lasts() {
    let server = Scripted::start(vec![say(429, "x"), ok(), say(429, "slow down")]).await;
    let endpoint = endpoint(server.address);
    assert_eq!(ask(&endpoint, "POST", CREATE, "{}").await.0, 200);
    assert_eq!(ask(&endpoint, "POST", CREATE, "{}").await, (429, "slow down".to_owned()));
    assert_eq!(server.asked().len(), 2 + 5);
    assert_eq!(reason(&endpoint).as_deref(), Some("mlflow.throttled"));
}

#[tokio::test]
async fn a_wait_that_is_too_long_is_the_clients() {
    let asked = "Retry-After: 60\r\n".to_owned();
    let server = Scripted::start(vec![Act::Say(429, asked, String::new())]).await;
    let endpoint = endpoint(server.address);
    let asked = request("GET", "/version").body(Full::new(Bytes::new())).unwrap();
    assert_eq!(endpoint.answer(asked, PEER).await.headers()["retry-after"], "60");
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn a_silent_server_ends_in_an_answer() {
    let server = Scripted::start(vec![Act::Silence]).await;
    let endpoint = endpoint(server.address);
    let begun = Instant::now();
    let (status, body) = ask(&endpoint, "POST", CREATE, "{}").await;
    assert!(status == 504 && body.contains("mlflow.server_error"), "{body}");
    assert!(begun.elapsed() >= super::limits().attempt);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_told_at_once() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let endpoint = endpoint(closed);
    let (status, body) = ask(&endpoint, "POST", CREATE, "{}").await;
    assert!(status == 503 && body.contains("TEMPORARILY_UNAVAILABLE"), "{body}");
    assert_eq!(endpoint.status().requests, 5, "nothing was sent, so any request is tried again");
    assert_eq!(reason(&endpoint).as_deref(), Some("mlflow.server_unreachable"));
}

#[tokio::test]
async fn half_an_answer_ends_for_the_client_too() {
    let server = Scripted::start(vec![Act::Half]).await;
    let endpoint = endpoint(server.address);
    let asked = request("GET", "/version").body(Full::new(Bytes::new())).unwrap();
    let answer = endpoint.answer(asked, PEER).await;
    assert_eq!(answer.status(), 200);
    assert!(answer.into_body().collect().await.is_err());
}

#[tokio::test]
async fn signatures_follow_the_servers_clock() {
    let text = r#"{"message":"Signature expired: 20000101T000000Z is now earlier than ..."}"#;
    let date = "Date: Fri, 01 Jan 2100 00:00:00 GMT\r\n".to_owned();
    let server = Scripted::start(vec![Act::Say(403, date, text.to_owned()), ok()]).await;
    let endpoint = endpoint(server.address);
    assert_eq!(ask(&endpoint, "POST", CREATE, "{}").await.0, 200);
    let asked = server.asked();
    assert!(asked[1].header("x-amz-date").unwrap().starts_with("21000101T"));
    assert_eq!(reason(&endpoint).as_deref(), Some("mlflow.clock_skew"));
    assert_eq!(ask(&endpoint, "POST", CREATE, "{}").await.0, 200);
    assert_eq!(server.asked().len(), 3, "and the next is right at once");
}

#[tokio::test]
async fn credentials_that_ended_early_are_fetched_once_more() {
    let text = r#"{"__type":"ExpiredTokenException","message":"The security token included in the request is expired"}"#;
    let server = Scripted::start(vec![say(403, text), ok(), say(403, text)]).await;
    let endpoint = endpoint(server.address);
    assert_eq!(ask(&endpoint, "POST", CREATE, "{}").await.0, 200);
    let asked = server.asked();
    let key = |at: usize| asked[at].header("authorization").unwrap().to_owned();
    assert!(key(0).contains("AKID1/") && key(1).contains("AKID2/"));
    assert_eq!(ask(&endpoint, "POST", CREATE, "{}").await, (403, text.to_owned()));
    assert_eq!(server.asked().len(), 4);
    assert_eq!(reason(&endpoint).as_deref(), Some("mlflow.credentials"));
}

#[tokio::test]
async fn without_credentials_nothing_is_sent() {
    let server = Scripted::start(vec![ok()]).await;
    let mut parts = parts(server.address);
    parts.credentials = SharedCredentialsProvider::new(Role { none: true, ..Role::default() });
    let endpoint = Endpoint::new(parts);
    let (status, body) = ask(&endpoint, "GET", "/version", "").await;
    assert!(status == 503 && body.contains("no role is attached"), "{body}");
    assert_eq!(reason(&endpoint).as_deref(), Some("mlflow.credentials"));
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn a_refusal_by_iam_is_passed_on_and_told_with_its_action() {
    let text = r#"{"message":"User: arn:aws:sts::1:assumed-role/n/i is not authorized to perform: sagemaker-mlflow:CreateRun"}"#;
    let server = Scripted::start(vec![say(403, text), ok()]).await;
    let endpoint = endpoint(server.address);
    assert_eq!(ask(&endpoint, "POST", CREATE, "{}").await, (403, text.to_owned()));
    endpoint.probe().await;
    let status = endpoint.status();
    assert_eq!(status.reason.as_deref(), Some("mlflow.access_denied"));
    assert!(status.evidence.unwrap().contains("sagemaker-mlflow:CreateRun"));
    assert_eq!(ask(&endpoint, "POST", CREATE, "{}").await.0, 200);
    assert_eq!(reason(&endpoint), None, "it is permitted now");
}
