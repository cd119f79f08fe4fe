//! Proofs of the rules of MLflow's own API, and of what it passes on.

use super::iam::{allow, everywhere, role};
use super::mlflow_apps::app;
use super::sts::assume;
use super::tracking_servers::{call, server};
use super::{Case, Found, case, same};
use crate::backend::SessionCredentials;
use crate::faults::Kind;
use crate::rules::{mlflow_api as rules, throttling};
use crate::sigv4::{CONTENT_SHA256, payload_hash};
use crate::testing::Bench;
use axum::Router;
use axum::body::Bytes;
use axum::extract::Request;
use http::{Method, StatusCode};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const SERVER: &str = "arn:aws:sagemaker:us-east-1:111122223333:mlflow-tracking-server/t";
const SEARCH: &str = "/api/2.0/mlflow/runs/search";
const ROUTE: &str = "x-mlflow-sm-tracking-server-arn";
const APP_ROUTE: &str = "x-sm-mlflow-app-arn";

/// A stand-in of the `mlflow server` behind, that tells what it was asked;
/// counts the requests that it got to their end.
async fn behind(bench: &Bench, arn: &str) -> Arc<AtomicUsize> {
    let whole = Arc::new(AtomicUsize::new(0));
    let counted = whole.clone();
    let app = Router::new().fallback(move |request: Request| async move {
        let (parts, body) = request.into_parts();
        let names: Vec<_> = parts.headers.keys().map(ToString::to_string).collect();
        let body: Bytes = axum::body::to_bytes(body, usize::MAX).await.map_err(|_| "cut off")?;
        counted.fetch_add(1, Ordering::Relaxed);
        let told = format!("{} {} {} {}", parts.method, parts.uri, body.len(), names.join(","));
        Ok::<_, &str>(told)
    });
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(axum::serve(listener, app).into_future());
    let mut state = bench.region.inner.state();
    state.sagemaker.find_mut(|served| served.arn == arn).unwrap().port = Some(port);
    drop(state);
    whole
}

/// A tracking server with something behind it.
async fn ready(bench: &Bench) -> Result<Arc<AtomicUsize>, String> {
    server(bench).await?;
    Ok(behind(bench, SERVER).await)
}

async fn post(
    bench: &Bench,
    who: Option<&SessionCredentials>,
    more: &[(&'static str, &str)],
    body: &str,
) -> (u16, String) {
    let headers = [&[(ROUTE, SERVER)], more].concat();
    let sent = bench.send("sagemaker-mlflow", who, &headers, Method::POST, SEARCH, body).await;
    (sent.0.as_u16(), sent.1)
}

async fn get_of_app(bench: &Bench, who: Option<&SessionCredentials>, arn: &str) -> (u16, String) {
    let target = "/api/2.0/mlflow/experiments/get?experiment_id=0";
    let sent = bench.send("sagemaker", who, &[(APP_ROUTE, arn)], Method::GET, target, "").await;
    (sent.0.as_u16(), sent.1)
}

/// A session of a role that may do this.
async fn session(bench: &Bench, action: &str) -> Result<SessionCredentials, String> {
    role(bench, "r", json!({"AWS": "111122223333"})).await;
    allow(bench, "r", everywhere(action)).await;
    assume(bench, None, "r", "").await
}

fn says((status, text): &(u16, String), code: u16, words: &str) -> Found {
    same(*status, code)?;
    if text.contains(words) { Ok(()) } else { Err(format!("{text} instead of {words}")) }
}

/// Of both kinds of bodies, those read at once and those that are streamed.
fn bodies() -> [String; 2] {
    ["{}".to_owned(), "x".repeat(3 << 20)]
}

pub fn cases() -> Vec<Case> {
    vec![
        case(&rules::ROUTED, async |bench: Bench| {
            ready(&bench).await?;
            let sent = bench.send("sagemaker-mlflow", None, &[], Method::GET, SEARCH, "").await;
            same(sent.0, StatusCode::INTERNAL_SERVER_ERROR)
        }),
        case(&rules::ROUTE_SIGNED, async |bench: Bench| {
            ready(&bench).await?;
            let mut request =
                Bench::signed("sagemaker-mlflow", None, &[], Method::POST, SEARCH, "{}");
            request.headers_mut().insert(ROUTE, SERVER.parse().map_err(|_| "ARN")?);
            let (status, text) = bench.raw(request).await;
            says(&(status.as_u16(), text), 403, "must be a 'SignedHeader'")
        }),
        case(&rules::SIGNING_NAME, async |bench: Bench| {
            ready(&bench).await?;
            same(post(&bench, None, &[], "{}").await.0, 200)?;
            let headers = [(ROUTE, SERVER)];
            let (status, text) =
                bench.send("sagemaker", None, &headers, Method::POST, SEARCH, "{}").await;
            says(&(status.as_u16(), text), 403, "correct service: 'sagemaker-mlflow'")
        }),
        case(&rules::PAYLOAD, async |bench: Bench| {
            let whole = ready(&bench).await?;
            for body in bodies() {
                let before = whole.load(Ordering::Relaxed);
                let signed = |hash: &str| [(CONTENT_SHA256, hash.to_owned())];
                for (hash, status) in
                    [(payload_hash(body.as_bytes()), 200), (payload_hash(b"other"), 403)]
                {
                    let headers = signed(&hash);
                    let headers: Vec<_> = headers.iter().map(|(n, v)| (*n, v.as_str())).collect();
                    same(post(&bench, None, &headers, &body).await.0, status)?;
                }
                // Of the forged one nothing was carried out.
                same(whole.load(Ordering::Relaxed) - before, 1)?;
            }
            Ok(())
        }),
        case(&rules::UNSIGNED_PAYLOAD, async |bench: Bench| {
            ready(&bench).await?;
            for body in bodies() {
                let headers = [(CONTENT_SHA256, "UNSIGNED-PAYLOAD")];
                same(post(&bench, None, &headers, &body).await.0, 403)?;
            }
            Ok(())
        }),
        case(&rules::ACTION, async |bench: Bench| {
            ready(&bench).await?;
            let may = session(&bench, "sagemaker-mlflow:SearchRuns").await?;
            same(post(&bench, Some(&may), &[], "{}").await.0, 200)?;
            allow(&bench, "r", everywhere("sagemaker:*")).await;
            let told = post(&bench, Some(&may), &[], "{}").await;
            says(&told, 403, "not authorized to perform: sagemaker-mlflow:SearchRuns on resource")
        }),
        case(&rules::APP_ACTION, async |bench: Bench| {
            let arn = app(&bench).await?;
            behind(&bench, &arn).await;
            let may = session(&bench, "sagemaker:CallMlflowAppApi").await?;
            says(&get_of_app(&bench, Some(&may), &arn).await, 200, "experiment_id=0")?;
            allow(&bench, "r", everywhere("sagemaker-mlflow:*")).await;
            says(&get_of_app(&bench, Some(&may), &arn).await, 403, "Request is not authorized")
        }),
        case(&rules::ACTIVE, async |bench: Bench| {
            ready(&bench).await?;
            call(&bench, "StopMlflowTrackingServer", json!({"TrackingServerName": "t"})).await;
            says(&post(&bench, None, &[], "{}").await, 503, "in status STOPP")
        }),
        case(&throttling::MLFLOW, async |bench: Bench| {
            ready(&bench).await?;
            // A bucket of one, refilled every four seconds.
            bench.region.inner.throttle.scale("0.01".parse()?);
            for passed in 0..40 {
                if post(&bench, None, &[], "{}").await.0 == 429 {
                    return same(passed >= 1, true);
                }
            }
            Err("never refused".to_owned())
        }),
    ]
}

#[tokio::test]
async fn what_is_behind_sees_the_call_and_not_who_made_it() {
    let bench = Bench::new();
    ready(&bench).await.unwrap();
    let may = session(&bench, "sagemaker-mlflow:*").await.unwrap();
    let (status, told) = post(&bench, Some(&may), &[("x-mlflow-client-version", "3")], "{}").await;
    assert_eq!(status, 200, "{told}");
    assert!(told.starts_with(&format!("POST {SEARCH} 2 ")), "{told}");
    for secret in ["authorization", "x-amz", "sm-"] {
        assert!(!told.contains(secret), "{told}");
    }
    assert!(told.contains("x-mlflow-client-version"), "{told}");
    let state = bench.region.inner.state();
    let last = state.calls.iter().last().unwrap();
    assert_eq!((last.operation.as_str(), last.outcome.as_str()), ("SearchRuns", "OK"));
    assert!(last.caller.contains("assumed-role/r/"), "{}", last.caller);
}

#[tokio::test]
async fn faults_reach_it() {
    let bench = Bench::new();
    let whole = ready(&bench).await.unwrap();
    let fault = "call = 'sagemaker-mlflow:Search*'\nerror = 'Boom'\nstatus = 502\ntimes = 1";
    bench.region.inner.faults.add(vec![Kind::Fault(toml::from_str(fault).unwrap())]);
    assert_eq!(post(&bench, None, &[], "{}").await.0, 502);
    assert_eq!(whole.load(Ordering::Relaxed), 0);
    assert_eq!(post(&bench, None, &[], "{}").await.0, 200);
}

#[tokio::test]
async fn a_path_without_an_action_is_not_there_and_nobody_unknown_comes_in() {
    let bench = Bench::new();
    ready(&bench).await.unwrap();
    let headers = [(ROUTE, SERVER)];
    let ask = async |target: &str| {
        bench.send("sagemaker-mlflow", None, &headers, Method::GET, target, "").await.0.as_u16()
    };
    assert_eq!(ask("/api/3.0/mlflow/server-info").await, 404);
    assert_eq!(ask("/version").await, 200);
    let unsigned = http::Request::get(SEARCH).header(ROUTE, SERVER).body(axum::body::Body::empty());
    let (status, text) = bench.raw(unsigned.unwrap()).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert!(text.contains("missing Authentication Token"), "{text}");
}
