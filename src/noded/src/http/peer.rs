//! How a peer is, as it says itself over the fabric.

use super::{NO_STORE, Shared, error};
use crate::peers::NoHealth;
use axum::Json;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

/// Whose.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// Instance id or rank; without it the only peer.
    peer: Option<String>,
}

/// 200 with what it said, whatever that is; 503 where it could not be asked.
pub(super) async fn health(State(shared): State<Shared>, wanted: Query<Wanted>) -> Response {
    match shared.peers.health(wanted.0.peer).await {
        Ok(health) => ([NO_STORE], Json(health)).into_response(),
        Err(why) => {
            let status = match why {
                NoHealth::Unknown { .. } => StatusCode::NOT_FOUND,
                NoHealth::Which { .. } => StatusCode::BAD_REQUEST,
                NoHealth::Silent { .. } => StatusCode::GATEWAY_TIMEOUT,
                NoHealth::NotPaired { .. } | NoHealth::Closed | NoHealth::Busy => {
                    StatusCode::SERVICE_UNAVAILABLE
                }
            };
            error(status, why.code(), &why.to_string())
        }
    }
}
