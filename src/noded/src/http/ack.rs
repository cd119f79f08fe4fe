//! Acknowledging a reason, and taking that back.

use super::{NO_STORE, Shared, error};
use crate::board::AckError;
use crate::events;
use crate::explain;
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use nixl_cluster::Note;
use nixl_cluster::health::Acknowledged;
use serde::Deserialize;

/// Far above any note in JSON.
pub(super) const MAX_BODY_BYTES: usize = 8192;

/// What is meant.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    code: String,
    /// Without it every check that has the reason.
    id: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    note: Option<Note>,
}

pub(super) async fn acknowledge(
    State(shared): State<Shared>,
    Query(wanted): Query<Wanted>,
    body: Bytes,
) -> Response {
    let note = match parse(&body) {
        Ok(Body { note }) => note,
        Err(fault) => return error(StatusCode::BAD_REQUEST, "ack.note", &fault.to_string()),
    };
    carry_out(wanted, move |Wanted { code, id }| {
        let checks = shared.board.acknowledge(code, id.as_deref(), note.as_deref())?;
        events::acknowledged(shared.board.stage(), code, &checks, note.as_deref());
        Ok(checks)
    })
    .await
}

pub(super) async fn take_back(
    State(shared): State<Shared>,
    Query(wanted): Query<Wanted>,
) -> Response {
    carry_out(wanted, move |Wanted { code, id }| {
        let checks = shared.board.take_back(code, id.as_deref())?;
        events::taken_back(shared.board.stage(), code, &checks);
        Ok(checks)
    })
    .await
}

fn parse(body: &[u8]) -> serde_json::Result<Body> {
    if body.is_empty() { Ok(Body::default()) } else { serde_json::from_slice(body) }
}

/// Off the runtime's threads: what is acknowledged goes to the disk at once.
async fn carry_out(
    wanted: Wanted,
    act: impl FnOnce(&Wanted) -> Result<Vec<String>, AckError> + Send + 'static,
) -> Response {
    if let Err(unknown) = explain::known(&wanted.code) {
        return error(StatusCode::BAD_REQUEST, "ack.unknown_code", &unknown.to_string());
    }
    let done =
        tokio::task::spawn_blocking(move || act(&wanted).map(|checks| (wanted.code, checks)));
    let fault = match done.await {
        Ok(Ok((code, checks))) => {
            return ([NO_STORE], Json(Acknowledged { code, checks })).into_response();
        }
        Ok(Err(fault)) => fault,
        Err(ended) => {
            return error(StatusCode::INTERNAL_SERVER_ERROR, "internal", &ended.to_string());
        }
    };
    let (status, code) = match &fault {
        AckError::NotHeld { .. } => (StatusCode::NOT_FOUND, "ack.not_held"),
        AckError::NotAcknowledged { .. } => (StatusCode::NOT_FOUND, "ack.not_acknowledged"),
        AckError::NotKept(_) => (StatusCode::INTERNAL_SERVER_ERROR, "ack.not_kept"),
    };
    error(status, code, &fault.to_string())
}
