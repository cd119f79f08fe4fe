//! `/health`, whole or one check of it.

use super::cache::Cache;
use super::{App, NO_STORE, Shared, error};
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use nixl_cluster::health::{Check, HealthDocument, MEDIA_TYPE, Status};

/// The document as sent, for a version of the board and a second: times in it
/// are told in seconds.
pub(super) type Documents = Cache<(u64, i64), Result<(StatusCode, Bytes), String>>;

pub(super) async fn whole(State(app): State<App>) -> Response {
    let board = &app.shared.board;
    // The version first: what is told meanwhile makes the next one anew.
    let key = (board.version(), Timestamp::now().as_second());
    answer(app.documents.get(key, || text(&board.document())))
}

pub(super) async fn of_one(State(shared): State<Shared>, Path(name): Path<String>) -> Response {
    let mut document = shared.board.document();
    document.checks.retain(|check, _| *check == name);
    let Some(checks) = document.checks.get(&name) else {
        let message = "no such check now; GET /health lists those there are";
        return error(StatusCode::NOT_FOUND, "not_found", message);
    };
    document.status = checks.iter().map(Check::counts).max().unwrap_or(Status::Pass);
    answer(text(&document))
}

fn text(document: &HealthDocument) -> Result<(StatusCode, Bytes), String> {
    let status =
        StatusCode::from_u16(document.status.http()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = serde_json::to_vec_pretty(document).map_err(|fault| fault.to_string())?;
    Ok((status, body.into()))
}

fn answer(text: Result<(StatusCode, Bytes), String>) -> Response {
    match text {
        Ok((status, body)) => {
            let media_type = (CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
            (status, [media_type, NO_STORE], body).into_response()
        }
        Err(fault) => error(StatusCode::INTERNAL_SERVER_ERROR, "internal", &fault),
    }
}
