//! One call, from the request to the answer.
//!
//! The service of the credential scope routes it; S3 goes to the s3s crate, MLflow's own API to
//! the server it is for.
//! On the way a fault may take it, and a bucket may be empty.

mod broken;
mod data_plane;
mod finish;
mod object;

use crate::api::protocol::{self, Service};
use crate::api::{Answer, ApiError, Caller};
use crate::elsewhere;
use crate::faults::Fired;
use crate::faults::spec::{Effect, HoldWhen};
use crate::recorder::{Answered, Asked};
use crate::server::{Inner, secret_of};
use crate::sigv4::{Authorization, SignatureError, SignedRequest};
use crate::state::ids;
use axum::body::Body;
use axum::extract::{Request, State as Shared};
use axum::response::Response;
use std::sync::Arc;
use std::time::Instant;

use finish::{Done, begun, finish};
pub use object::AtGate;

/// Largest body of a call that is not S3; AWS takes 1 MiB of JSON at most.
const MAX_BODY_BYTES: usize = 1 << 20;

/// Answers a call. It is a task of its own: whoever gives up waiting takes
/// nothing back, what was begun is carried out and noted.
pub async fn serve(Shared(region): Shared<Arc<Inner>>, request: Request) -> Response {
    let runtime = region.runtime.clone();
    let answered = runtime.spawn(async move {
        if data_plane::is(&request) {
            data_plane::serve(&region, request).await
        } else if is_s3(&request) {
            object::serve(&region, request).await
        } else {
            api(&region, request).await
        }
    });
    answered.await.unwrap_or_else(|_| broken::closed())
}

async fn api(region: &Arc<Inner>, request: Request) -> Response {
    let started = Instant::now();
    let request_id = ids::request();
    let (parts, body) = request.into_parts();
    let mut call = begun(&parts.headers);
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
    call.service = service.name().to_owned();
    call.operation = service.operation(&signed);
    let mut fired = None;
    let signed_for = parsed.as_ref().map_or("", |auth| auth.region.as_str());
    let place = elsewhere::of_call(region, service.name(), signed_for);
    let answer = match parsed.and_then(|auth| authenticate(region, &place, &auth, &signed)) {
        Err(error) => Some(Err(ApiError::from_signature(service.name(), &error))),
        Ok(caller) => {
            call.caller = caller.arn(&region.config.account_id);
            fired = region.faults.at_call(service.name(), &call.operation, &call.caller);
            region.faults.held(fired.as_ref(), HoldWhen::Before).await;
            let at = At { region, place: &place };
            answer(&at, &caller, service, &call.operation, &signed, fired.as_ref())
        }
    };
    if service.name() == "ec2" {
        region.firewall.follow_call(region, &call.operation).await;
    }
    let response = answer
        .as_ref()
        .map(|answer| protocol::respond(service, &call.operation, &request_id, answer));
    (call.outcome, call.rule) = match answer {
        None => ("-".to_owned(), None),
        Some(Ok(_)) => ("OK".to_owned(), None),
        Some(Err(error)) => (error.code, error.rule),
    };
    let sides = region.recorder.is_some().then(|| {
        let asked =
            Asked::whole(signed.method, signed.path, signed.query, signed.headers, signed.body);
        (asked, response.as_ref().map(Answered::whole))
    });
    let response = response.unwrap_or_default().map(Body::from);
    finish(region, Done { started, call, sides, response, fired }).await
}

/// The region that is called, and the one that carries it out.
struct At<'a> {
    region: &'a Arc<Inner>,
    place: &'a Arc<Inner>,
}

/// What the region answers, unless it closes the connection before that.
fn answer(
    At { region, place }: &At<'_>,
    caller: &Caller,
    service: &Service,
    operation: &str,
    signed: &SignedRequest<'_>,
    fired: Option<&Fired>,
) -> Option<Answer> {
    match fired.map(|fired| &fired.effect) {
        Some(Effect::DropBefore) => None,
        Some(Effect::Error { code, message, status }) => {
            Some(Err(ApiError::new(code, message.as_str()).status(*status)))
        }
        _ => {
            let call = (service.name(), operation, region.config.account_id.as_str());
            let token = region.throttle.take(&region.rules, call, signed.body, region.clock.now());
            let there = || {
                if !elsewhere::carries_out(place, service.name(), operation) {
                    return Err(ApiError::unknown_operation(service.name(), operation));
                }
                protocol::perform(place, caller, service, operation, signed)
            };
            Some(token.and_then(|()| there()))
        }
    }
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
    place: &Inner,
    auth: &Authorization,
    request: &SignedRequest<'_>,
) -> Result<Caller, SignatureError> {
    let (secret, caller) = secret_of(region, auth)?;
    auth.verify(request, &place.config.region, &secret, jiff::Timestamp::now())?;
    Ok(caller)
}
