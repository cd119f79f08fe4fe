//! The endpoint before a server that fails in every way it can.

#![allow(clippy::unwrap_used)]

mod bodies;
mod clients;
mod faults;
mod full_disk;
mod passing;
mod streaming;
mod upstream;

use aws_credential_types::Credentials;
use aws_credential_types::provider::{
    ProvideCredentials, SharedCredentialsProvider, error::CredentialsError, future,
};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use nixl_mlflow::endpoint::{Allow, AnswerBody, Endpoint, Limits, Parts, Peer, Upstream};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

const ARN: &str = "arn:aws:sagemaker:us-east-1:111122223333:mlflow-tracking-server/a";
const TOKEN: &str = "the-token";
const PEER: Peer = Peer { uid: Some(1000), trusted: false };

/// Credentials with a number that grows each time; none at all from `none` on.
#[derive(Debug, Default)]
struct Role {
    fetched: AtomicU32,
    none: bool,
}

impl ProvideCredentials for Role {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        let number = self.fetched.fetch_add(1, Ordering::Relaxed) + 1;
        future::ProvideCredentials::ready(if self.none {
            Err(CredentialsError::not_loaded("no role is attached"))
        } else {
            Ok(Credentials::new(format!("AKID{number}"), "secret", None, None, "test"))
        })
    }
}

/// Short enough for tests; none of them waits for one that it does not mean.
fn limits() -> Limits {
    Limits {
        attempt: Duration::from_millis(300),
        total: Duration::from_secs(5),
        total_large: Duration::from_secs(5),
        stall: Duration::from_millis(300),
        backoff: Duration::from_millis(1),
    }
}

fn parts(address: SocketAddr) -> Parts {
    Parts {
        resource: ARN.parse().unwrap(),
        upstream: Upstream::new(&format!("http://{address}")).unwrap(),
        credentials: SharedCredentialsProvider::new(Role::default()),
        token: TOKEN.to_owned(),
        allow: Allow::default(),
        requests_per_sec: None,
        body_folder: std::env::temp_dir(),
        body_disk_bytes: 64 << 20,
        limits: limits(),
    }
}

fn endpoint(address: SocketAddr) -> Arc<Endpoint> {
    Arc::new(Endpoint::new(parts(address)))
}

fn request(method: &str, path: &str) -> http::request::Builder {
    Request::builder().method(method).uri(path).header("authorization", format!("Bearer {TOKEN}"))
}

async fn ask(endpoint: &Endpoint, method: &str, path: &str, body: &str) -> (u16, String) {
    let body = Full::new(Bytes::copy_from_slice(body.as_bytes()));
    read(endpoint.answer(request(method, path).body(body).unwrap(), PEER).await).await
}

async fn read(answer: Response<AnswerBody>) -> (u16, String) {
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8_lossy(&body).into_owned())
}

fn reason(endpoint: &Endpoint) -> Option<String> {
    endpoint.status().reason
}
