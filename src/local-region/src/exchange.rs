//! One call, from the request to the answer.
//!
//! The service of the credential scope routes it; S3 goes to the s3s crate.

use crate::api::protocol::{self, Service};
use crate::api::{ApiError, Caller};
use crate::recorder::{Answered, Asked, Exchange};
use crate::server::{Inner, secret_of};
use crate::sigv4::{Authorization, SignatureError, SignedRequest};
use crate::state::{calls::CallRecord, ids};
use axum::body::Body;
use axum::extract::{Request, State as Shared};
use axum::response::Response;
use std::sync::Arc;
use std::time::Instant;

/// Largest body of a call that is not S3; AWS takes 1 MiB of JSON at most.
const MAX_BODY_BYTES: usize = 1 << 20;

/// Answers a call.
pub async fn serve(Shared(region): Shared<Arc<Inner>>, request: Request) -> Response {
    let started = (Instant::now(), jiff::Timestamp::now());
    if is_s3(&request) {
        s3(&region, request, started).await
    } else {
        api(&region, request, started).await
    }
}

type Started = (Instant, jiff::Timestamp);

async fn s3(region: &Arc<Inner>, request: Request, started: Started) -> Response {
    let caller = Authorization::parse(request.headers())
        .ok()
        .and_then(|auth| secret_of(region, &auth).ok())
        .map_or_else(|| "-".to_owned(), |(_, caller)| caller.arn(&region.config.account_id));
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let response = region.s3.serve(request).await;
    let status = response.status();
    let outcome = if status.as_u16() < 400 { "OK".to_owned() } else { status.as_u16().to_string() };
    let call = CallRecord::new(started, caller, "s3", format!("{method} {path}"), outcome, None);
    let sides = || (Asked::line(&method, &path), Answered::status(status));
    record(region, call, sides);
    response
}

async fn api(region: &Arc<Inner>, request: Request, started: Started) -> Response {
    let request_id = ids::request();
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, MAX_BODY_BYTES).await else {
        let answer = Err(ApiError::new("RequestEntityTooLarge", "The request is too large."));
        return protocol::respond(&protocol::EC2, "", &request_id, &answer).map(Body::from);
    };
    let signed = SignedRequest {
        method: &parts.method,
        path: parts.uri.path(),
        query: parts.uri.query().unwrap_or_default(),
        headers: &parts.headers,
        body: &body,
    };
    let parsed = Authorization::parse(&parts.headers);
    let scope = parsed.as_ref().ok().map(|auth| auth.service.as_str());
    let service = match scope {
        Some(scope) => Service::from_scope(scope),
        None => Service::guess(signed.method, signed.path, signed.headers, signed.body),
    };
    let Some(service) = service else {
        let answer = Err(ApiError::unknown_operation(scope.unwrap_or("-"), signed.path));
        return protocol::respond(&protocol::IMAGE_BUILDER, "", &request_id, &answer)
            .map(Body::from);
    };
    let operation = service.operation(&signed);
    let caller = parsed.and_then(|auth| authenticate(region, &auth, &signed));
    let (name, answer) = match caller {
        Err(error) => ("-".to_owned(), Err(ApiError::from_signature(service.name(), &error))),
        Ok(caller) => (
            caller.arn(&region.config.account_id),
            protocol::perform(region, &caller, service, &operation, &signed),
        ),
    };
    if service.name() == "ec2" {
        region.firewall.follow_call(region, &operation).await;
    }
    let (outcome, rule) = answer
        .as_ref()
        .err()
        .map_or_else(|| ("OK".to_owned(), None), |error| (error.code.clone(), error.rule));
    let response = protocol::respond(service, &operation, &request_id, &answer);
    let call = CallRecord::new(started, name, service.name(), operation, outcome, rule);
    let sides = || {
        let asked =
            Asked::whole(signed.method, signed.path, signed.query, signed.headers, signed.body);
        (asked, Answered::whole(&response))
    };
    record(region, call, sides);
    response.map(Body::from)
}

/// S3 is what is signed for it, what is presigned, and what is neither signed
/// nor shaped like a call of another service.
fn is_s3(request: &Request<Body>) -> bool {
    match Authorization::parse(request.headers()) {
        Ok(auth) => auth.service == "s3",
        Err(_) => {
            let root = request.uri().path() == "/";
            let other = request.headers().contains_key("x-amz-target")
                || (root && request.method() == http::Method::POST)
                || protocol::is_rest_path(request.uri().path());
            !other && !request.headers().contains_key("authorization")
        }
    }
}

fn authenticate(
    region: &Inner,
    auth: &Authorization,
    request: &SignedRequest<'_>,
) -> Result<Caller, SignatureError> {
    let (secret, caller) = secret_of(region, auth)?;
    auth.verify(request, &region.config.region, &secret, jiff::Timestamp::now())?;
    Ok(caller)
}

/// Notes a call in the log, and both sides of it where they are recorded.
fn record(region: &Inner, call: CallRecord, sides: impl FnOnce() -> (Asked, Answered)) {
    let CallRecord { service, operation, outcome, caller, latency_micros, .. } = &call;
    tracing::debug!(service, operation, outcome, caller, latency_micros, "call");
    let Some(recorder) = &region.recorder else {
        region.state().calls.push(call);
        return;
    };
    let sequence = region.state().calls.push(call.clone());
    let (request, answer) = sides();
    recorder.write(&Exchange {
        sequence,
        time: &call.time,
        service: &call.service,
        operation: &call.operation,
        caller: &call.caller,
        fault: None,
        request,
        answer: Some(answer),
    });
}
