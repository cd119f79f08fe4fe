//! HTTP on loopback:
//!
//! | path | answer |
//! |---|---|
//! | `/` | what there is |
//! | `/health` | `application/health+json`; 200 for pass and warn, 503 for fail |
//! | `/livez` | 200 while the daemon's loops go round |
//! | `/readyz` | 200 while every peer is paired; `?verbose` lists what is missing |
//! | `/link` | what is known of the links: `nixl_cluster::link::LinkDocument` |
//! | `POST /link/run` | 202 and a full report begins, of `?peer=` or of all; 409 while one is being measured |
//! | `POST /ack` | a person has seen the reason `?code=` (about `&id=`), with an optional `{"note": …}`; `DELETE` takes it back |
//! | `/mlflow` | 302 to an unspent presigned URL |

mod ack;
mod guard;
mod link;
mod listener;
mod routes;

pub use listener::Listening;

use crate::beat::Beats;
use crate::board::Board;
use crate::link::Monitor;
use crate::mlflow::Slot;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router, middleware};

/// What the handlers read.
#[derive(Clone)]
pub struct Shared {
    /// What every part says.
    pub board: Board,
    /// Who makes progress.
    pub beats: Beats,
    /// The links.
    pub link: Monitor,
    /// Presigned URLs.
    pub mlflow: Slot,
}

/// The routes behind the host check.
pub fn router(shared: Shared) -> Router {
    Router::new()
        .route("/", get(routes::index))
        .route("/health", get(routes::health))
        .route("/livez", get(routes::livez))
        .route("/readyz", get(routes::readyz))
        .route("/link", get(link::document))
        .route("/link/run", post(link::run).layer(middleware::from_fn(guard::no_page)))
        .route(
            "/ack",
            post(ack::acknowledge)
                .delete(ack::take_back)
                .layer(DefaultBodyLimit::max(ack::MAX_BODY_BYTES))
                .layer(middleware::from_fn(guard::no_page)),
        )
        .route("/mlflow", get(routes::mlflow))
        .fallback(not_found)
        .method_not_allowed_fallback(not_allowed)
        .layer(middleware::from_fn(guard::local_host))
        .with_state(shared)
}

fn error(status: StatusCode, code: &str, message: &str) -> Response {
    (status, Json(serde_json::json!({ "error": code, "message": message }))).into_response()
}

async fn not_found() -> Response {
    error(StatusCode::NOT_FOUND, "not_found", "no such path; GET / lists what there is")
}

async fn not_allowed() -> Response {
    error(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        "GET and HEAD are served, POST by /link/run and /ack, DELETE by /ack",
    )
}

#[cfg(test)]
mod tests;
