//! A call of S3. Its operation and its caller are known only behind the s3s
//! crate's own door, [`AtGate`] carries them out of there.

use super::broken;
use super::finish::{Done, begun, finish};
use crate::faults::Fired;
use crate::faults::spec::Effect;
use crate::recorder::object::{KEPT_BYTES, keeps_answer, keeps_request};
use crate::recorder::{Answered, Asked};
use crate::server::Inner;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::response::Response;
use http::Method;
use http::header::TRANSFER_ENCODING;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// What S3's access check found, for who waits outside.
#[derive(Debug, Clone, Default)]
pub struct AtGate(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    operation: Option<String>,
    caller: Option<String>,
    fired: Option<Fired>,
}

impl AtGate {
    /// Notes an authentic call, and what a fault does to it.
    pub fn pass(&self, operation: &str, caller: &str, fired: Option<Fired>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *known =
            Known { operation: Some(operation.to_owned()), caller: Some(caller.to_owned()), fired };
    }

    fn take(&self) -> Known {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

pub(super) async fn serve(region: &Arc<Inner>, mut request: Request) -> Response {
    let started = Instant::now();
    let mut call = begun(request.headers());
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let gate = AtGate::default();
    request.extensions_mut().insert(gate.clone());
    let mut asked = None;
    if region.recorder.is_some() {
        let Ok((kept, whole)) = ask(request).await else { return broken::closed() };
        (asked, request) = (Some(kept), whole);
    }
    let mut response = region.s3.serve(request).await;
    let known = gate.take();
    let mut sides = None;
    if let Some(asked) = asked {
        let read = answer(&method, known.operation.as_deref(), response).await;
        let Ok((kept, whole)) = read else { return broken::closed() };
        let done = !known.fired.as_ref().is_some_and(|fired| fired.effect == Effect::DropBefore);
        (sides, response) = (Some((asked, done.then_some(kept))), whole);
    }
    let status = response.status();
    call.service = "s3".to_owned();
    call.operation = known.operation.unwrap_or_else(|| method.to_string());
    call.caller = known.caller.unwrap_or(call.caller);
    call.outcome =
        if status.as_u16() < 400 { "OK".to_owned() } else { status.as_u16().to_string() };
    call.path = Some(path);
    finish(region, Done { started, call, sides, response, fired: known.fired }).await
}

/// What is recorded of a request, and the request as it was.
async fn ask(request: Request) -> Result<(Asked, Request), axum::Error> {
    let (parts, body) = request.into_parts();
    if !keeps_request(&parts) {
        return Ok((Asked::object(&parts, None), Request::from_parts(parts, body)));
    }
    let body = to_bytes(body, KEPT_BYTES).await?;
    Ok((Asked::object(&parts, Some(&body)), Request::from_parts(parts, Body::from(body))))
}

/// What is recorded of an answer, and the answer as it was.
async fn answer(
    method: &Method,
    operation: Option<&str>,
    response: Response,
) -> Result<(Answered, Response), axum::Error> {
    let (mut parts, body) = response.into_parts();
    let status = parts.status.as_u16();
    if !keeps_answer(method, operation, &parts) {
        let kept = Answered::object(status, &parts.headers, None);
        return Ok((kept, Response::from_parts(parts, body)));
    }
    // It is the region's own, and S3 tells no more than a page at once.
    let body = to_bytes(body, usize::MAX).await?;
    let kept = Answered::object(status, &parts.headers, Some(&body));
    // It may have been meant to come in pieces; now it is one.
    parts.headers.remove(TRANSFER_ENCODING);
    Ok((kept, Response::from_parts(parts, Body::from(body))))
}
