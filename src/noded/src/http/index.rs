//! `/`: the page for browsers, for others what there is.

use super::{NO_STORE, Shared, page};
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::http::header::{ACCEPT, VARY};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

const INDEX: &str = "nixl-noded

/         in a browser: how this node and its link are, and what to do
/health   what every part of this node says (application/health+json); /health/CHECK
/livez    200 while the daemon works; ?verbose
/readyz   200 while this node can be used; ?verbose says what is missing, ?exclude=CHECK
/metrics  numbers for Prometheus (OpenMetrics)
/events   what happened lately (JSON; ?since=SEQ&limit=N&wait=SECS)
/link     what was measured of every link (JSON); POST /link/run measures now
/peer/health  how the peer is, asked over the fabric (JSON); ?peer= names one of several
/ack      POST ?code=CODE[&id=ID] acknowledges a reason, DELETE takes that back
/mlflow   opens the MLflow UI by a single-use link, for administrators of the node
";

#[derive(Deserialize)]
pub(super) struct Wanted {
    /// `main`: what stands in the page.
    part: Option<String>,
}

pub(super) async fn index(
    State(shared): State<Shared>,
    headers: HeaderMap,
    Query(wanted): Query<Wanted>,
) -> Response {
    let mut accept = headers.get_all(ACCEPT).iter().filter_map(|accept| accept.to_str().ok());
    let mut response = if accept.any(|accept| accept.contains("text/html")) {
        page::page(&shared, wanted.part.as_deref() == Some("main")).await
    } else {
        ([NO_STORE], INDEX).into_response()
    };
    response.headers_mut().insert(VARY, axum::http::HeaderValue::from_static("accept"));
    response
}
