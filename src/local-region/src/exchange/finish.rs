//! The end of a call: it is noted, and answered as far as a fault lets it be.

use super::broken;
use crate::faults::spec::{Effect, HoldWhen};
use crate::faults::{Fired, Seen};
use crate::recorder::{Answered, Asked, Exchange};
use crate::server::Inner;
use crate::state::calls::CallRecord;
use axum::response::Response;
use http::HeaderMap;
use std::time::Instant;

/// A call that was carried out, or not, and is to be answered.
pub struct Done {
    pub started: Instant,
    pub call: CallRecord,
    /// What is recorded, if the region records.
    pub sides: Option<(Asked, Option<Answered>)>,
    pub response: Response,
    pub fired: Option<Fired>,
}

/// A call that begins now, of nobody known.
pub fn begun(headers: &HeaderMap) -> CallRecord {
    let agent = headers.get(http::header::USER_AGENT).map(|value| value.as_bytes());
    CallRecord {
        time: jiff::Timestamp::now().to_string(),
        caller: "-".to_owned(),
        user_agent: String::from_utf8_lossy(agent.unwrap_or_default()).into_owned(),
        ..CallRecord::default()
    }
}

/// Answers, at once or when a fault lets it.
pub async fn finish(region: &Inner, done: Done) -> Response {
    region.faults.held(done.fired.as_ref(), HoldWhen::After).await;
    if let Some(fired) = done.fired.as_ref().filter(|fired| fired.delay.is_positive()) {
        region.clock.sleep(fired.delay).await;
    }
    done.answer(region)
}

impl Done {
    fn answer(self, region: &Inner) -> Response {
        let Self { started, mut call, sides, response, fired } = self;
        call.fault = fired.as_ref().map(Seen::from);
        if let Some(next) = fired.as_ref().filter(|fired| fired.hold == Some(HoldWhen::Next)) {
            region.faults.shut(&next.id, &call.caller);
        }
        note(region, started, call, sides);
        match fired.map(|fired| fired.effect) {
            Some(Effect::DropBefore | Effect::DropAfter) => broken::closed(),
            Some(Effect::Truncate) => broken::truncated(response),
            _ => response,
        }
    }
}

/// Notes a call in the log, and both sides of it where they are recorded.
fn note(
    region: &Inner,
    started: Instant,
    call: CallRecord,
    sides: Option<(Asked, Option<Answered>)>,
) {
    let CallRecord { service, operation, outcome, caller, .. } = &call;
    tracing::debug!(service, operation, outcome, caller, "call");
    let (Some(recorder), Some((request, answer))) = (&region.recorder, sides) else {
        region.state().calls.push(started, call);
        return;
    };
    let sequence = region.state().calls.push(started, call.clone());
    recorder.write(&Exchange {
        sequence,
        time: &call.time,
        service: &call.service,
        operation: &call.operation,
        caller: &call.caller,
        fault: call.fault.as_ref().map(|fault| fault.id.as_str()),
        request,
        answer,
    });
}
