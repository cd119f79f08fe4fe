//! HTTP on loopback:
//!
//! | path | answer |
//! |---|---|
//! | `/` | a page for people; for a terminal what there is |
//! | `/health` | `application/health+json`; 200 for pass and warn, 503 for fail |
//! | `/health/CHECK` | one check of it |
//! | `/livez` | 200 while the daemon's loops go round; `?verbose`, `?exclude=`, `/livez/CHECK` |
//! | `/readyz` | 200 while every peer is paired and no device has failed; as `/livez` |
//! | `/metrics` | OpenMetrics, or Prometheus' older text by `Accept` |
//! | `/events` | what happened: `?since=SEQ&limit=N&wait=SECS`; text by `Accept`; 429 where too many wait |
//! | `/link` | what is known of the links: `nixl_cluster::link::LinkDocument` |
//! | `POST /link/run` | 202 and a full report begins, of `?peer=` or of all; 409 while one is being measured |
//! | `POST /ack` | a person has seen the reason `?code=` (about `&id=`), with an optional `{"note": …}`; `DELETE` takes it back |
//! | `/peer/health` | how a paired peer is, asked over the fabric: `nixl_cluster::PeerHealth`; `?peer=` names one of several |
//! | `/mlflow` | 302 to an unspent presigned URL, for administrators of the node; 403 for others |

mod ack;
mod cache;
mod connection;
mod endpoint;
mod ends;
mod events;
mod guard;
mod headers;
mod health;
mod index;
mod link;
mod listener;
mod metrics;
mod mlflow;
mod page;
mod peer;
mod probes;

pub use endpoint::passing;
pub use ends::Ends;
pub use listener::Listening;

use crate::administrators::Administrators;
use crate::beat::Beats;
use crate::board::Board;
use crate::history::History;
use crate::link::Monitor;
use crate::mlflow::Slot;
use crate::peers::Peers;
use crate::{efa, gpu, system};
use axum::extract::connect_info::IntoMakeServiceWithConnectInfo;
use axum::extract::{DefaultBodyLimit, FromRef};
use axum::http::header::{CACHE_CONTROL, HeaderName};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router, middleware};
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::Semaphore;

const NO_STORE: (HeaderName, HeaderValue) = (CACHE_CONTROL, HeaderValue::from_static("no-store"));

/// What the handlers read.
#[derive(Clone)]
pub struct Shared {
    /// What every part says.
    pub board: Board,
    /// Who makes progress.
    pub beats: Beats,
    /// The links.
    pub link: Monitor,
    /// How the peers are.
    pub peers: Peers,
    /// Presigned URLs.
    pub mlflow: Slot,
    /// Who may have one.
    pub administrators: Administrators,
    /// What happened.
    pub history: History,
    /// The GPUs.
    pub gpu: gpu::State,
    /// The EFA devices.
    pub efa: efa::State,
    /// The node around the daemon.
    pub system: system::State,
}

/// The same, with answers that were made already.
#[derive(Clone)]
struct App {
    shared: Shared,
    documents: Arc<health::Documents>,
    texts: Arc<metrics::Texts>,
    begun: Instant,
    /// Places for those that wait for `/events`.
    waiting: Arc<Semaphore>,
}

impl FromRef<App> for Shared {
    fn from_ref(app: &App) -> Self {
        app.shared.clone()
    }
}

/// The routes behind the host check.
pub fn router(shared: Shared) -> IntoMakeServiceWithConnectInfo<Router, Ends> {
    let app = App {
        shared,
        documents: Arc::default(),
        texts: Arc::default(),
        begun: Instant::now(),
        waiting: Arc::new(Semaphore::new(events::MOST_WAITING)),
    };
    Router::new()
        .route("/", get(index::index))
        .route("/health", get(health::whole))
        .route("/health/{check}", get(health::of_one))
        .route("/livez", get(probes::livez))
        .route("/livez/{check}", get(probes::livez_one))
        .route("/readyz", get(probes::readyz))
        .route("/readyz/{check}", get(probes::readyz_one))
        .route("/metrics", get(metrics::metrics))
        .route("/events", get(events::events))
        .route("/link", get(link::document))
        .route("/link/run", post(link::run).layer(middleware::from_fn(guard::no_page)))
        .route(
            "/ack",
            post(ack::acknowledge)
                .delete(ack::take_back)
                .layer(DefaultBodyLimit::max(ack::MAX_BODY_BYTES))
                .layer(middleware::from_fn(guard::no_page)),
        )
        .route("/mlflow", get(mlflow::redirect))
        .route("/peer/health", get(peer::health))
        .fallback(not_found)
        .method_not_allowed_fallback(not_allowed)
        .layer(middleware::from_fn(guard::local_host))
        .layer(middleware::from_fn(headers::secure))
        .with_state(app)
        .into_make_service_with_connect_info()
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
