//! `/_mlflow/<server key>/…`: spends the token of a presigned URL for a
//! session cookie, and passes everything else to the server behind.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use http::{HeaderValue, Response, StatusCode, header};

use super::sessions::Sessions;
use crate::clock::Clock;
use crate::forward::Forward;
use crate::imds::LateDirectory;

/// First part of every path here.
pub const PREFIX: &str = "/_mlflow";

struct Front {
    directory: LateDirectory,
    sessions: Sessions,
    forward: Forward,
}

/// The front of all servers of a region.
pub fn router(directory: LateDirectory, clock: Clock) -> Router {
    let front = Front { directory, sessions: Sessions::new(clock), forward: Forward::default() };
    Router::new()
        .route(&format!("{PREFIX}/{{key}}"), axum::routing::any(handle))
        .route(&format!("{PREFIX}/{{key}}/"), axum::routing::any(handle))
        .route(&format!("{PREFIX}/{{key}}/{{*rest}}"), axum::routing::any(handle))
        .with_state(Arc::new(front))
}

async fn handle(State(front): State<Arc<Front>>, request: Request) -> Response<Body> {
    let path = request.uri().path().to_owned();
    let Some((key, rest)) = split(&path) else {
        return say(StatusCode::NOT_FOUND, "There is no such tracking server.");
    };
    if rest == "/auth" {
        return authenticate(&front, key, request.uri().query().unwrap_or_default());
    }
    if !front.sessions.allows(key, request.headers()) {
        return say(
            StatusCode::FORBIDDEN,
            "No session, or it has ended: ask for a new presigned URL and open it.",
        );
    }
    if rest.is_empty() {
        return redirect(&format!("{PREFIX}/{key}/"));
    }
    let Some(port) = front.directory.get().and_then(|directory| directory.mlflow_port(key)) else {
        return say(StatusCode::NOT_FOUND, "The tracking server is not active.");
    };
    let rest = rest.to_owned();
    pass(&front, request, &rest, port).await
}

/// Server key and the rest of the path, which starts with `/` or is empty.
fn split(path: &str) -> Option<(&str, &str)> {
    let path = path.strip_prefix(PREFIX)?.strip_prefix('/')?;
    let end = path.find('/').unwrap_or(path.len());
    (end > 0).then(|| path.split_at(end))
}

fn authenticate(front: &Front, key: &str, query: &str) -> Response<Body> {
    let token = query.split('&').find_map(|pair| pair.strip_prefix("authToken="));
    let token = token.map(|text| percent_encoding::percent_decode_str(text).decode_utf8_lossy());
    let spent = token.and_then(|token| front.directory.get()?.spend_mlflow_token(key, &token));
    let Some(session_secs) = spent else {
        return say(
            StatusCode::FORBIDDEN,
            "This presigned URL was already opened, has expired or was never issued: ask for a new one.",
        );
    };
    let home = format!("{PREFIX}/{key}/");
    let cookie = front.sessions.open(key, &format!("{PREFIX}/{key}"), session_secs);
    let mut response = redirect(&home);
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

async fn pass(front: &Front, request: Request, rest: &str, port: u16) -> Response<Body> {
    front.forward.to(request, rest, port).await.unwrap_or_else(|error| {
        tracing::warn!(port, %error, "mlflow server was not reached");
        say(error.status(), "The MLflow server does not answer.")
    })
}

fn redirect(to: &str) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::FOUND;
    if let Ok(to) = HeaderValue::from_str(to) {
        response.headers_mut().insert(header::LOCATION, to);
    }
    // The address of this answer was a credential.
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.headers_mut().insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

fn say(status: StatusCode, sentence: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from(format!("{sentence}\n")));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

#[cfg(test)]
mod tests;
