//! `/events`: what an operator should know, as it happens.
//!
//! `?since=SEQ` tells what came after, `limit=N` at most so many, `wait=SECS`
//! waits for something to tell. Whoever goes on with `next` misses nothing, or
//! is told that something was lost.

use super::{App, NO_STORE, error};
use crate::history::{KEPT, Page};
use crate::terminal::plain;
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::header::{ACCEPT, RETRY_AFTER};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use std::fmt::Write as _;
use std::time::Duration;

/// So many may wait at once: each holds one of the few connections.
pub(super) const MOST_WAITING: usize = 16;
/// Longest wait.
const MOST_WAIT_SECS: u64 = 30;

/// What is asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    since: Option<u64>,
    #[serde(default = "everything")]
    limit: usize,
    #[serde(default)]
    wait: u64,
}

fn everything() -> usize {
    KEPT
}

pub(super) async fn events(
    State(App { shared, waiting, .. }): State<App>,
    headers: HeaderMap,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Response {
    let Query(wanted) = match wanted {
        Ok(wanted) => wanted,
        Err(fault) => return error(StatusCode::BAD_REQUEST, "bad_query", &fault.body_text()),
    };
    let mut page = shared.history.after(wanted.since, wanted.limit);
    if page.events.is_empty() && wanted.limit > 0 && wanted.wait > 0 {
        let Ok(_place) = waiting.try_acquire() else {
            let told = format!("{MOST_WAITING} wait already; ask again, or without wait=");
            let refused = error(StatusCode::TOO_MANY_REQUESTS, "too_many_waiting", &told);
            return ([(RETRY_AFTER, "5")], refused).into_response();
        };
        let wait = Duration::from_secs(wanted.wait.min(MOST_WAIT_SECS));
        if tokio::time::timeout(wait, shared.history.changed(page.next)).await.is_ok() {
            page = shared.history.after(Some(page.next), wanted.limit);
        }
    }
    let accept = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    if accept.starts_with("text/plain") {
        return ([NO_STORE], text(&page)).into_response();
    }
    ([NO_STORE], Json(page)).into_response()
}

/// A line each, as a terminal may show it.
fn text(page: &Page) -> String {
    let mut text = String::new();
    if page.lost {
        text.push_str("(earlier entries are not kept any more)\n");
    }
    for entry in &page.events {
        let message = plain(&entry.message);
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{} {} {:<7} {message}", entry.seq, entry.time, entry.level);
    }
    text
}
