//! A call of S3. Its operation and its caller are known only behind the s3s
//! crate's own door, [`AtGate`] carries them out of there.

use super::finish::{Done, begun, finish};
use crate::faults::Fired;
use crate::recorder::{Answered, Asked};
use crate::server::Inner;
use axum::extract::Request;
use axum::response::Response;
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
    let response = region.s3.serve(request).await;
    let known = gate.take();
    let status = response.status();
    call.service = "s3".to_owned();
    call.operation = known.operation.unwrap_or_else(|| method.to_string());
    call.caller = known.caller.unwrap_or(call.caller);
    call.outcome =
        if status.as_u16() < 400 { "OK".to_owned() } else { status.as_u16().to_string() };
    let sides = region.recorder.is_some();
    let sides = sides.then(|| (Asked::line(&method, &path), Some(Answered::status(status))));
    call.path = Some(path);
    finish(region, Done { started, call, sides, response, fired: known.fired }).await
}
