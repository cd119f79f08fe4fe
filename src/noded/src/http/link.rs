//! What is known of the links, and measuring one now.

use super::{NO_STORE, Shared, error};
use crate::link::RunRefused;
use axum::Json;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use nixl_cluster::link::RunAccepted;
use serde::Deserialize;

pub(super) async fn document(State(shared): State<Shared>) -> Response {
    ([NO_STORE], Json(shared.link.document())).into_response()
}

/// What a run is asked for with.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// Instance id or rank; without it every link is measured.
    peer: Option<String>,
}

/// It does not wait: a report takes seconds, and over a slow link a minute.
pub(super) async fn run(State(shared): State<Shared>, wanted: Query<Wanted>) -> Response {
    match shared.link.run(wanted.peer.as_deref()) {
        Ok(run) => {
            let accepted = RunAccepted { run, look_at: "/link".to_owned() };
            (StatusCode::ACCEPTED, [NO_STORE], Json(accepted)).into_response()
        }
        Err(refused) => {
            let (status, code) = match refused {
                RunRefused::NotPaired | RunRefused::NotPairedWith { .. } => {
                    (StatusCode::SERVICE_UNAVAILABLE, "link.not_paired")
                }
                RunRefused::UnderWay { .. } => (StatusCode::CONFLICT, "link.under_way"),
            };
            error(status, code, &refused.to_string())
        }
    }
}
