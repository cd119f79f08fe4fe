//! The instance metadata service, version 2, of one machine (EC2 user guide,
//! "Use the Instance Metadata Service to access instance metadata").

mod token;
mod tree;

use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use http::{HeaderMap, Method, Response, StatusCode, header};

use crate::backend::Directory;
use token::Tokens;

/// The directory, which exists only after the machines it is made with.
pub type LateDirectory = Arc<OnceLock<Arc<dyn Directory>>>;

const TTL_HEADER: &str = "x-aws-ec2-metadata-token-ttl-seconds";
const TOKEN_HEADER: &str = "x-aws-ec2-metadata-token";

struct Service {
    directory: LateDirectory,
    instance_id: String,
    tokens: Tokens,
}

/// The service as one instance sees it.
pub fn router(directory: LateDirectory, instance_id: &str) -> Router {
    let service =
        Service { directory, instance_id: instance_id.to_owned(), tokens: Tokens::default() };
    Router::new().fallback(answer).with_state(Arc::new(service))
}

async fn answer(State(service): State<Arc<Service>>, request: Request) -> Response<Body> {
    let (path, headers) = (request.uri().path(), request.headers());
    match *request.method() {
        Method::PUT => put(&service, path, headers),
        Method::GET | Method::HEAD => get(&service, path, headers),
        _ => refuse(StatusCode::METHOD_NOT_ALLOWED),
    }
}

fn put(service: &Service, path: &str, headers: &HeaderMap) -> Response<Body> {
    if path != "/latest/api/token" {
        return refuse(StatusCode::METHOD_NOT_ALLOWED);
    }
    // A request that passed a proxy did not start on the instance.
    if headers.contains_key("x-forwarded-for") {
        return refuse(StatusCode::FORBIDDEN);
    }
    let ttl = headers.get(TTL_HEADER).and_then(|v| v.to_str().ok()).and_then(|v| v.parse().ok());
    let Some(ttl_secs @ 1..=21600) = ttl else { return refuse(StatusCode::BAD_REQUEST) };
    let mut response = text(service.tokens.issue(ttl_secs).into_bytes());
    response.headers_mut().insert(TTL_HEADER, ttl_secs.into());
    response
}

fn get(service: &Service, path: &str, headers: &HeaderMap) -> Response<Body> {
    let Some(directory) = service.directory.get() else {
        return refuse(StatusCode::SERVICE_UNAVAILABLE);
    };
    let Some(view) = directory.instance(&service.instance_id) else {
        return refuse(StatusCode::NOT_FOUND);
    };
    let allowed = match headers.get(TOKEN_HEADER) {
        Some(token) => token.to_str().is_ok_and(|token| service.tokens.valid(token)),
        None => !view.tokens_required,
    };
    if !allowed {
        return refuse(StatusCode::UNAUTHORIZED);
    }
    let path = percent_encoding::percent_decode_str(path).decode_utf8_lossy();
    match tree::read(&view, &|| directory.credentials(&service.instance_id), &path) {
        Some(body) => text(body),
        None => refuse(StatusCode::NOT_FOUND),
    }
}

fn text(body: Vec<u8>) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, header::HeaderValue::from_static("text/plain"));
    response.headers_mut().insert(header::SERVER, header::HeaderValue::from_static("EC2ws"));
    response
}

fn refuse(status: StatusCode) -> Response<Body> {
    let reason = status.canonical_reason().unwrap_or("Error");
    let mut response = text(format!("{} - {reason}\n", status.as_u16()).into_bytes());
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests;
