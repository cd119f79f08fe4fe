//! One function a path.

use super::{Shared, error};
use crate::board::name;
use axum::extract::{RawQuery, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use nixl_cluster::health::{HealthDocument, MEDIA_TYPE, Status};
use std::fmt::Write as _;
use std::time::Duration;

/// A loop that has not gone round for so long is dead.
const DEAD: Duration = Duration::from_secs(10);
pub(super) const NO_STORE: (axum::http::HeaderName, HeaderValue) =
    (CACHE_CONTROL, HeaderValue::from_static("no-store"));

const INDEX: &str = "nixl-noded

/health   what every part of this node says (application/health+json)
/livez    200 while the daemon works
/readyz   200 while every peer is paired; /readyz?verbose says what is missing
/link     what was measured of every link (JSON); POST /link/run measures now
/ack      POST ?code=CODE[&id=ID] acknowledges a reason, DELETE takes that back
/mlflow   opens the MLflow UI by a single-use link
";

pub(super) async fn index() -> &'static str {
    INDEX
}

pub(super) async fn health(State(shared): State<Shared>) -> Response {
    let document = shared.board.document();
    let status =
        StatusCode::from_u16(document.status.http()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    match serde_json::to_vec_pretty(&document) {
        Ok(body) => {
            let media_type = (CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
            (status, [media_type, NO_STORE], body).into_response()
        }
        Err(fault) => error(StatusCode::INTERNAL_SERVER_ERROR, "internal", &fault.to_string()),
    }
}

pub(super) async fn livez(State(shared): State<Shared>) -> Response {
    let stuck = shared.beats.silent_for(DEAD);
    if stuck.is_empty() {
        ([NO_STORE], "ok\n").into_response()
    } else {
        let text = format!("no progress for {} s: {}\n", DEAD.as_secs(), stuck.join(", "));
        (StatusCode::SERVICE_UNAVAILABLE, [NO_STORE], text).into_response()
    }
}

pub(super) async fn readyz(State(shared): State<Shared>, RawQuery(query): RawQuery) -> Response {
    let ready = shared.board.ready();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let verbose = query.is_some_and(|query| {
        query.split('&').any(|key| key == "verbose" || key.starts_with("verbose="))
    });
    let mut text = if verbose { latches(&shared.board.document(), ready) } else { String::new() };
    text.push_str(if ready { "ok\n" } else { "not ready\n" });
    (status, [NO_STORE], text).into_response()
}

/// What has to hold before a node is paired, in the order of the boot.
fn latches(document: &HealthDocument, ready: bool) -> String {
    let mut text = String::new();
    for name in [name::SETTINGS, name::IMDS, name::ENDPOINT, name::REGISTRATION] {
        let checks = document.checks.get(name).map(Vec::as_slice).unwrap_or_default();
        let bad = checks.iter().find(|check| check.status != Status::Pass);
        let reason = bad.and_then(|check| check.reason.as_ref());
        // Writing to a String cannot fail.
        let _ = match (checks.is_empty(), bad, reason) {
            (true, ..) => writeln!(text, "[-]{name} not reached yet"),
            (_, None, _) => writeln!(text, "[+]{name} ok"),
            (_, _, Some(reason)) => {
                writeln!(text, "[-]{name} {}: {}", reason.code, reason.evidence)
            }
            (_, Some(_), None) => writeln!(text, "[-]{name} failed"),
        };
    }
    let peers = document.checks.get(name::PEERS).and_then(|checks| checks.first());
    let told = peers.and_then(|check| check.reason.as_ref());
    let _ = match told {
        Some(reason) if !ready => {
            writeln!(text, "[-]{} {}: {}", name::PEERS, reason.code, reason.evidence)
        }
        _ => writeln!(text, "[{}]{}", if ready { '+' } else { '-' }, name::PEERS),
    };
    text
}

pub(super) async fn mlflow(State(shared): State<Shared>) -> Response {
    let unavailable = StatusCode::SERVICE_UNAVAILABLE;
    let keeper = match shared.mlflow.get() {
        None => return error(unavailable, "node.initializing", "the settings are not read yet"),
        Some(None) => {
            let message =
                "this cluster has no MLflow: no mlflow_tracking_arn is set in /etc/nixl/node.toml";
            return error(StatusCode::NOT_FOUND, "mlflow.not_configured", message);
        }
        Some(Some(keeper)) => keeper,
    };
    match keeper.take().await {
        Ok(url) => match HeaderValue::from_str(&url.reveal()) {
            Ok(mut location) => {
                location.set_sensitive(true);
                (StatusCode::FOUND, [(LOCATION, location), NO_STORE]).into_response()
            }
            Err(_) => {
                error(unavailable, "mlflow.unreachable", "SageMaker answered with no usable URL")
            }
        },
        Err(fault) => {
            let code = if fault.denied { "mlflow.denied" } else { "mlflow.unreachable" };
            error(unavailable, code, &fault.message)
        }
    }
}
