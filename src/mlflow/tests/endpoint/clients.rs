//! What clients in other languages ask, recorded from them and shortened: MLflow's R
//! package 3.10.1 over libcurl, its Java client 3.6.1.dev0 over Apache's HttpClient 4.5,
//! and the HTTP client of JDK 17.

use super::upstream::{Scripted, ok};
use super::{PEER, endpoint, read, request};
use bytes::Bytes;
use http_body_util::Full;

const RUN: &str = "f92c226fe6fa4e3188eda6c1155f0c43";

/// A client: its headers, and which of them stay between it and us.
struct Client {
    headers: &'static [(&'static str, &'static str)],
    stays: &'static [&'static str],
}

const R: Client = Client {
    headers: &[
        ("accept-encoding", "deflate, gzip, br, zstd"),
        ("accept", "application/json, text/xml, application/xml, */*"),
        ("user-agent", "mlflow-r-client/3.10.1"),
    ],
    stays: &[],
};
const JAVA: Client = Client {
    headers: &[
        ("user-agent", "mlflow-java-client"),
        ("connection", "Keep-Alive"),
        ("accept-encoding", "gzip,deflate"),
    ],
    stays: &["connection"],
};
const JDK: Client = Client {
    headers: &[
        ("connection", "Upgrade, HTTP2-Settings"),
        ("http2-settings", "AAEAAEAAAAIAAAAAAAMAAAAAAAQBAAAAAAUAAEAAAAYABgAA"),
        ("upgrade", "h2c"),
        ("user-agent", "Java-http-client/17.0.15"),
    ],
    stays: &["connection", "http2-settings", "upgrade"],
};

/// Whether it is passed on as it is; a blank in a query is the only thing said otherwise.
async fn passes(client: &Client, method: &str, path: &str, body: &str) {
    let server = Scripted::start(vec![ok()]).await;
    let endpoint = endpoint(server.address);
    let mut asked = request(method, path);
    for (name, value) in client.headers {
        asked = asked.header(*name, *value);
    }
    if !body.is_empty() {
        asked = asked.header("content-type", "application/json");
    }
    let body = Bytes::copy_from_slice(body.as_bytes());
    let answer = endpoint.answer(asked.body(Full::new(body.clone())).unwrap(), PEER).await;
    assert_eq!(read(answer).await, (200, "{}".to_owned()), "{method} {path}");

    let got = &server.asked()[0];
    assert_eq!(got.line, format!("{method} {} HTTP/1.1", path.replace('+', "%20")));
    assert_eq!(got.body, body, "{method} {path}");
    for (name, value) in client.headers {
        let wanted = (!client.stays.contains(name)).then_some(*value);
        assert_eq!(got.header(name), wanted, "{name} of {method} {path}");
    }
}

#[tokio::test]
async fn what_the_r_package_asks_passes() {
    let get = async |path: &str| passes(&R, "GET", &format!("/api/2.0/mlflow/{path}"), "").await;
    get("experiments/get-by-name?experiment_name=from%20R%20%C3%A9%2F%C3%BC").await;
    get("experiments/get?experiment_id=1").await;
    get(&format!("runs/get?run_uuid={RUN}&run_id={RUN}")).await;
    get(&format!("artifacts/list?run_uuid={RUN}&run_id={RUN}&path=a%20folder")).await;
    get(&format!("metrics/get-history?run_uuid={RUN}&run_id={RUN}&metric_key=loss")).await;
    let post = async |path: &str, body: &str| {
        passes(&R, "POST", &format!("/api/2.0/mlflow/{path}"), body).await;
    };
    post("experiments/create", r#"{"name":"from R é/ü"}"#).await;
    post("experiments/set-experiment-tag", r#"{"experiment_id":"1","key":"k","value":"v"}"#).await;
    post("runs/create", r#"{"experiment_id":"1","user_id":"u","start_time":"1795966455897"}"#)
        .await;
    // Numbers are texts in all that it sends.
    post("runs/log-metric", r#"{"run_id":"r","key":"nan","value":"NaN","step":"0"}"#).await;
    post("runs/log-parameter", r#"{"run_uuid":"r","run_id":"r","key":"p","value":"1"}"#).await;
    post("runs/log-batch", r#"{"run_id":"r","metrics":[{"key":"a","value":"0.5"}]}"#).await;
    post("runs/set-tag", r#"{"run_uuid":"r","run_id":"r","key":"k","value":"v"}"#).await;
    post("runs/delete-tag", r#"{"run_id":"r","key":"gone"}"#).await;
    post("runs/update", r#"{"run_id":"r","status":"FINISHED","end_time":"1795966489321"}"#).await;
    post("runs/search", r#"{"experiment_ids":["1"],"order_by":["metrics.loss ASC"]}"#).await;
    post("experiments/search", r#"{"view_type":"ACTIVE_ONLY","max_results":"1000"}"#).await;
    post("experiments/update", r#"{"experiment_id":"1","new_name":"n"}"#).await;
}

#[tokio::test]
async fn what_the_java_client_asks_passes() {
    let get = async |path: &str| passes(&JAVA, "GET", &format!("/api/2.0/mlflow/{path}"), "").await;
    get("experiments/get-by-name?experiment_name=from+Java+%C3%A9%2F%C3%BC").await;
    get("experiments/get?experiment_id=4").await;
    get(&format!("runs/get?run_uuid={RUN}&run_id={RUN}")).await;
    get(&format!("metrics/get-history?run_id={RUN}&metric_key=loss&max_results=25000")).await;
    get("model-versions/search?max_results=1000").await;
    let post = async |path: &str, body: &str| {
        passes(&JAVA, "POST", &format!("/api/2.0/mlflow/{path}"), body).await;
    };
    post("experiments/create", "{\n  \"name\": \"from Java é/ü\"\n}").await;
    post("runs/create", "{\n  \"experiment_id\": \"4\",\n  \"start_time\": \"1\"\n}").await;
    post("runs/log-metric", "{\n  \"run_uuid\": \"r\",\n  \"value\": \"Infinity\"\n}").await;
    post("runs/log-batch", "{\n  \"run_id\": \"r\"\n}").await;
    post("runs/search", "{\n  \"filter\": \"tags.kind \\u003d \\u0027test\\u0027\"\n}").await;
}

#[tokio::test]
async fn a_client_that_offers_another_protocol_is_answered_in_this_one() {
    passes(&JDK, "POST", "/api/2.0/mlflow/experiments/search", r#"{"max_results":1}"#).await;
}
