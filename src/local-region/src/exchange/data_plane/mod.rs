//! A call of MLflow's own API on a tracking server or an MLflow App: signed with
//! SigV4, routed by a header with its ARN, carried out by the `mlflow server`
//! behind. Bodies are streamed both ways.

mod actions;
mod payload;
mod target;

use super::finish::{Done, begun, finish};
use crate::api::policy::{self, Asked as Wish};
use crate::api::{ApiError, Caller};
use crate::faults::Fired;
use crate::faults::spec::{Effect, HoldWhen};
use crate::rules::mlflow_api as rules;
use crate::server::{Inner, secret_of};
use crate::sigv4::{Authorization, CONTENT_SHA256, SignatureError, SignedRequest};
use crate::state::ids;
use actions::Asked;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use http::{HeaderValue, StatusCode, header, request::Parts};
use payload::{Forged, Payload, held_against, read};
use serde_json::json;
use std::sync::Arc;
use std::time::Instant;
use target::{Kind, Target, routed};

/// Name in the call log and for faults, for both kinds.
const SERVICE: &str = "sagemaker-mlflow";
/// What S3 alone takes for the hash of a body.
const UNSIGNED: &str = "UNSIGNED-PAYLOAD";

/// Whether a request is for MLflow's API: it is routed or signed so, or has a
/// path of it and is not signed for S3.
pub fn is(request: &Request) -> bool {
    let headers = request.headers();
    let scope = Authorization::parse(headers).ok().map(|auth| auth.service);
    let path = request.uri().path();
    match scope.as_deref() {
        _ if routed(headers).is_some() => true,
        Some(SERVICE) => true,
        Some("s3") => false,
        _ => ["/api/2.0/mlflow", "/api/3.0/mlflow"].iter().any(|prefix| path.starts_with(prefix)),
    }
}

/// Answers a call.
pub async fn serve(region: &Arc<Inner>, request: Request) -> Response {
    let started = Instant::now();
    let (parts, body) = request.into_parts();
    let mut call = begun(&parts.headers);
    let asked = actions::asked(&parts.method, parts.uri.path());
    call.service = SERVICE.to_owned();
    call.operation = asked.name().to_owned();
    call.path = Some(parts.uri.path().to_owned());
    let mut fired = None;
    let answer = match authenticate(region, &parts, body).await {
        Err(error) => Err(error),
        Ok(Authentic { caller, kind, arn, payload, signed }) => {
            call.caller = caller.arn(&region.config.account_id);
            fired = region.faults.at_call(SERVICE, asked.name(), &call.caller);
            region.faults.held(fired.as_ref(), HoldWhen::Before).await;
            match fault(fired.as_ref()) {
                Some(instead) => instead,
                None => match permit(region, &caller, kind, &arn, asked) {
                    Ok(port) => pass(region, parts, payload, signed, port).await,
                    Err(error) => Err(error),
                },
            }
        }
    };
    call.outcome = match &answer {
        Ok(response) if response.status().as_u16() < 400 => "OK".to_owned(),
        Ok(response) => response.status().as_u16().to_string(),
        Err(error) => error.code.clone(),
    };
    call.rule = answer.as_ref().err().and_then(|error| error.rule);
    if matches!(fired.as_ref().map(|fired| &fired.effect), Some(Effect::DropBefore)) {
        call.outcome = "-".to_owned();
    }
    let response = answer.unwrap_or_else(|error| refusal(&error));
    finish(region, Done { started, call, sides: None, response, fired }).await
}

/// An authentic call.
struct Authentic {
    caller: Caller,
    kind: Kind,
    arn: String,
    payload: Payload,
    /// Hash that a streamed body must have.
    signed: Option<String>,
}

async fn authenticate(
    region: &Arc<Inner>,
    parts: &Parts,
    body: Body,
) -> Result<Authentic, ApiError> {
    let Some((kind, arn)) = routed(&parts.headers) else { return Err(not_routed(region)) };
    let auth = Authorization::parse(&parts.headers).map_err(|error| forged(&error))?;
    region.rules.check(&rules::SIGNING_NAME, auth.service == kind.signing_name(), || {
        let name = kind.signing_name();
        let told = format!("Credential should be scoped to correct service: '{name}'.");
        forged(&SignatureError::Scope(told))
    })?;
    region.rules.check(&rules::ROUTE_SIGNED, auth.signs(kind.header()), || {
        let told =
            format!("'{}' must be a 'SignedHeader' in the AWS Authorization.", kind.header());
        forged(&SignatureError::Incomplete(told))
    })?;
    let declared = parts.headers.get(CONTENT_SHA256).and_then(|value| value.to_str().ok());
    let unsigned = declared == Some(UNSIGNED);
    region
        .rules
        .check(&rules::UNSIGNED_PAYLOAD, !unsigned, || forged(&SignatureError::Mismatch))?;
    let payload = read(&parts.headers, body, declared.is_some()).await.map_err(|_| {
        ApiError::new(
            "RequestEntityTooLarge",
            "The request is too large, or was not sent to its end.",
        )
        .status(StatusCode::PAYLOAD_TOO_LARGE)
    })?;
    let hash = match (&payload, declared) {
        (_, Some(declared)) => declared,
        (Payload::Whole(_, hash), None) => hash,
        // It has a hash, or it would have been read.
        (Payload::Streamed(_), None) => return Err(forged(&SignatureError::Mismatch)),
    };
    let request = SignedRequest {
        method: &parts.method,
        path: parts.uri.path(),
        query: parts.uri.query().unwrap_or_default(),
        headers: &parts.headers,
        body: &[],
    };
    let now = jiff::Timestamp::now();
    let (secret, caller) = secret_of(region, &auth).map_err(|error| forged(&error))?;
    auth.verify_hashed(&request, hash, &region.config.region, &secret, now)
        .map_err(|error| forged(&error))?;
    if let Payload::Whole(_, found) = &payload {
        region.rules.check(&rules::PAYLOAD, unsigned || hash == found, || {
            forged(&SignatureError::Mismatch)
        })?;
    }
    let checked = !unsigned && region.rules.on(&rules::PAYLOAD);
    let signed = checked.then(|| hash.to_owned());
    Ok(Authentic { caller, kind, arn, payload, signed })
}

/// What a fault does instead of the call; the finish does the rest.
fn fault(fired: Option<&Fired>) -> Option<Result<Response, ApiError>> {
    match &fired?.effect {
        Effect::DropBefore => Some(Ok(Response::new(Body::empty()))),
        Effect::Error { code, message, status } => {
            Some(Err(ApiError::new(code, message.as_str()).status(*status)))
        }
        _ => None,
    }
}

/// The port behind, if the caller may do this there now.
fn permit(
    region: &Arc<Inner>,
    caller: &Caller,
    kind: Kind,
    arn: &str,
    asked: Asked,
) -> Result<u16, ApiError> {
    let action = match (kind, asked) {
        (Kind::App, _) => Some("sagemaker:CallMlflowAppApi".to_owned()),
        (Kind::Server, Asked::Action(action)) => Some(format!("{SERVICE}:{action}")),
        (Kind::Server, Asked::Open(_)) => None,
        (Kind::Server, Asked::Unknown) => {
            let told = "A tracking server has no such operation.";
            return Err(
                ApiError::new("UnknownOperationException", told).status(StatusCode::NOT_FOUND)
            );
        }
    };
    if let Some(action) = action {
        let rule = match kind {
            Kind::Server => &rules::ACTION,
            Kind::App => &rules::APP_ACTION,
        };
        let denied = policy::authorize(region, caller, &Wish::new(&action, arn)).err();
        region.rules.check(rule, denied.is_none(), || {
            let told = match (kind, denied) {
                (Kind::Server, Some(denial)) => denial.to_string(),
                _ => "Request is not authorized".to_owned(),
            };
            ApiError::new("AccessDeniedException", told).status(StatusCode::FORBIDDEN)
        })?;
    }
    let target = Target::find(region, kind, arn)?;
    let size = target.size.as_deref();
    region.throttle.take_of_mlflow(&region.rules, (arn, size), region.clock.now())?;
    region.rules.check(&rules::ACTIVE, target.active, || target.inactive())?;
    target.port.ok_or_else(|| not_answering(StatusCode::BAD_GATEWAY))
}

/// Hands the call to the server behind.
async fn pass(
    region: &Arc<Inner>,
    mut parts: Parts,
    payload: Payload,
    signed: Option<String>,
    port: u16,
) -> Result<Response, ApiError> {
    let path = parts.uri.path().to_owned();
    // Who calls was settled here, and how.
    let ours = |name: &str| name.starts_with("x-amz-") || name == header::AUTHORIZATION;
    let routing = [Kind::Server, Kind::App].map(Kind::header);
    let names: Vec<_> = parts.headers.keys().cloned().collect();
    for name in names.iter().filter(|name| ours(name.as_str()) || routing.contains(&name.as_str()))
    {
        parts.headers.remove(name);
    }
    let watch = Forged::default();
    let body = match (payload, signed) {
        (Payload::Whole(bytes, _), _) => Body::from(bytes),
        (Payload::Streamed(body), Some(signed)) => held_against(body, signed, watch.clone()),
        (Payload::Streamed(body), None) => body,
    };
    let answer = region.forward.to(Request::from_parts(parts, body), &path, port).await;
    if watch.is() {
        return Err(forged(&SignatureError::Mismatch).by(&rules::PAYLOAD));
    }
    let mut response = answer.map_err(|error| {
        tracing::warn!(port, %error, "mlflow server was not reached");
        not_answering(error.status())
    })?;
    stamp(&mut response);
    Ok(response)
}

fn not_answering(status: StatusCode) -> ApiError {
    ApiError::new("InternalFailure", "The MLflow server does not answer.").status(status)
}

/// There is nothing to say which server is meant.
fn not_routed(region: &Arc<Inner>) -> ApiError {
    if region.rules.on(&rules::ROUTED) {
        return ApiError::new("InternalFailure", "Internal Server Error")
            .status(StatusCode::INTERNAL_SERVER_ERROR)
            .by(&rules::ROUTED);
    }
    ApiError::new("ResourceNotFound", "No ARN is given.").status(StatusCode::NOT_FOUND)
}

/// A call that is not authentic: always 403, as of AWS's gateways.
fn forged(error: &SignatureError) -> ApiError {
    ApiError::from_signature(SERVICE, error).status(StatusCode::FORBIDDEN)
}

fn refusal(error: &ApiError) -> Response {
    let mut response = Response::new(Body::from(json!({"message": error.message}).to_string()));
    *response.status_mut() = error.status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Ok(code) = HeaderValue::from_str(&error.code) {
        headers.insert("x-amzn-errortype", code);
    }
    stamp(&mut response);
    response
}

fn stamp(response: &mut Response) {
    if let Ok(id) = HeaderValue::from_str(&ids::request()) {
        response.headers_mut().insert("x-amzn-requestid", id);
    }
}
