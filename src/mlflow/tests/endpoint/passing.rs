//! What gets to the server, and what comes back.

use super::upstream::{Act, Scripted, ok, say};
use super::{ARN, PEER, ask, endpoint, parts, read, reason, request};
use bytes::Bytes;
use http_body_util::Full;
use nixl_mlflow::endpoint::{Endpoint, STATUS_PATH};

#[tokio::test]
async fn a_request_arrives_signed_and_without_what_is_ours() {
    let server = Scripted::start(vec![Act::Say(
        200,
        "Set-Cookie: session=1\r\nX-Kept: 1\r\nConnection: x-hop\r\nX-Hop: 1\r\n".to_owned(),
        "{\"a\":1}".to_owned(),
    )])
    .await;
    let endpoint = endpoint(server.address);
    let asked = request("GET", "/api/2.0/mlflow/experiments/get-by-name?experiment_name=a+b")
        .header("host", "localhost:9101")
        .header("cookie", "c")
        .header("x-amz-date", "forged")
        .header("x-sm-mlflow-app-arn", "another")
        .header("connection", "x-mine")
        .header("x-mine", "1")
        .header("user-agent", "mlflow-python-client/3")
        .body(Full::new(Bytes::new()))
        .unwrap();
    let answer = endpoint.answer(asked, PEER).await;
    assert_eq!(answer.headers()["x-kept"], "1");
    assert!(
        !answer.headers().contains_key("set-cookie") && !answer.headers().contains_key("x-hop")
    );
    assert_eq!(read(answer).await, (200, "{\"a\":1}".to_owned()));

    let asked = &server.asked()[0];
    let line = "GET /api/2.0/mlflow/experiments/get-by-name?experiment_name=a%20b HTTP/1.1";
    assert_eq!(asked.line, line);
    let authorization = asked.header("authorization").unwrap();
    assert!(
        authorization.contains("Credential=AKID1/") && authorization.contains("/sagemaker-mlflow/")
    );
    assert_eq!(asked.header("x-mlflow-sm-tracking-server-arn"), Some(ARN));
    assert_eq!(asked.header("host"), Some(server.address.to_string().as_str()));
    assert_eq!(asked.header("user-agent"), Some("mlflow-python-client/3"));
    assert_ne!(asked.header("x-amz-date"), Some("forged"));
    for gone in ["cookie", "x-sm-mlflow-app-arn", "x-mine", "connection"] {
        assert_eq!(asked.header(gone), None, "{gone}");
    }
}

#[tokio::test]
async fn one_connection_serves_many() {
    let server = Scripted::start(vec![ok()]).await;
    let endpoint = endpoint(server.address);
    for _ in 0..20 {
        assert_eq!(ask(&endpoint, "POST", "/api/2.0/mlflow/runs/log-metric", "{}").await.0, 200);
    }
    assert!(server.asked().iter().all(|asked| asked.connection == 0));
    assert_eq!(endpoint.status().requests, 20);
}

#[tokio::test]
async fn what_may_not_be_asked_does_not_get_there() {
    let server = Scripted::start(vec![ok()]).await;
    let endpoint = endpoint(server.address);
    let (status, body) = ask(&endpoint, "POST", "/api/2.0/mlflow/runs/delete", "{}").await;
    assert!(status == 403 && body.contains("PERMISSION_DENIED"), "{body}");
    let naked = http::Request::get("/version").body(Full::new(Bytes::new())).unwrap();
    let answer = endpoint.answer(naked, PEER).await;
    assert_eq!(answer.headers()["www-authenticate"], "Bearer");
    let (status, body) = read(answer).await;
    assert!(status == 401 && body.contains("MLFLOW_TRACKING_TOKEN"), "{body}");
    assert!(server.asked().is_empty() && reason(&endpoint).is_none());
}

#[tokio::test]
async fn the_state_is_told_without_a_token_and_a_probe_makes_it() {
    let server = Scripted::start(vec![ok()]).await;
    let endpoint = endpoint(server.address);
    let status = async || {
        let asked = http::Request::get(STATUS_PATH).body(Full::new(Bytes::new())).unwrap();
        read(endpoint.answer(asked, PEER).await).await.1
    };
    assert!(status().await.contains("\"last_ok_secs\":null"));
    endpoint.probe().await;
    assert!(status().await.contains("\"last_ok_secs\":0"));
    let asked = &server.asked()[0];
    assert_eq!(asked.line, "POST /api/2.0/mlflow/experiments/search HTTP/1.1");
    assert_eq!(asked.body, br#"{"max_results":1}"#);
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_the_clients_to_know() {
    let text = r#"{"error_code":"RESOURCE_ALREADY_EXISTS","message":"x"}"#;
    let server = Scripted::start(vec![say(400, text)]).await;
    let endpoint = endpoint(server.address);
    let told = ask(&endpoint, "POST", "/api/2.0/mlflow/experiments/create", "{}").await;
    assert_eq!(told, (400, text.to_owned()));
    assert_eq!((server.asked().len(), reason(&endpoint)), (1, None));
}

#[tokio::test]
async fn those_who_ask_for_more_than_the_pace_are_told_when() {
    let server = Scripted::start(vec![ok()]).await;
    let mut parts = parts(server.address);
    parts.requests_per_sec = Some(1);
    parts.limits.total = std::time::Duration::ZERO;
    let endpoint = std::sync::Arc::new(Endpoint::new(parts));
    let all: Vec<_> = (0..8)
        .map(|_| {
            let endpoint = endpoint.clone();
            tokio::spawn(async move { ask(&endpoint, "GET", "/version", "").await.0 })
        })
        .collect();
    let mut refused = 0;
    for one in all {
        refused += u32::from(one.await.unwrap() == 429);
    }
    assert!(refused >= 4, "{refused}");
}
