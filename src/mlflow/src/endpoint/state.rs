//! How the endpoint's work goes, as `/health` tells it.

use nixl_cluster::reason::{self, Reason};
use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A refused action is told for so long, unless it is allowed meanwhile: what else was
/// allowed says nothing about it.
const DENIED_STANDS: Duration = Duration::from_secs(300);
/// More than this off the server's clock is worth a word.
const SKEW_SECS: i64 = 60;
const EVIDENCE_CHARS: usize = 400;

/// What is told at [`STATUS_PATH`](super::STATUS_PATH).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointStatus {
    /// Code in `nixl_cluster::reason`, if something is wrong.
    pub reason: Option<String>,
    /// What was seen of it.
    pub evidence: Option<String>,
    /// Attempts that were sent.
    pub requests: u64,
    /// Attempts after the first of a request.
    pub retries: u64,
    /// Large bodies that were sent on while they came.
    pub streamed: u64,
    /// Seconds since the server's last good answer.
    pub last_ok_secs: Option<u64>,
    /// Seconds that the server's clock is ahead of the node's, where signatures have to follow it.
    pub clock_offset_secs: i64,
}

#[derive(Debug)]
struct Fault {
    reason: &'static Reason,
    evidence: String,
    at: Instant,
    /// The call that was refused, where each has a permission of its own.
    call: Option<String>,
}

/// The state.
#[derive(Debug)]
pub(super) struct State {
    fault: Mutex<Option<Fault>>,
    begun: Instant,
    /// Milliseconds after `begun`, and one more; 0 for never.
    last_ok: AtomicU64,
    requests: AtomicU64,
    retries: AtomicU64,
    streamed: AtomicU64,
    offset_secs: AtomicI64,
}

impl Default for State {
    fn default() -> Self {
        Self {
            fault: Mutex::default(),
            begun: Instant::now(),
            last_ok: AtomicU64::new(0),
            requests: AtomicU64::new(0),
            retries: AtomicU64::new(0),
            streamed: AtomicU64::new(0),
            offset_secs: AtomicI64::new(0),
        }
    }
}

impl State {
    pub fn sent(&self, again: bool) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.retries.fetch_add(u64::from(again), Ordering::Relaxed);
    }

    pub fn streamed(&self) {
        self.streamed.fetch_add(1, Ordering::Relaxed);
    }

    /// The server has answered this call as it should.
    pub fn good(&self, call: &str) {
        let millis = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX - 1);
        self.last_ok.store(millis + 1, Ordering::Relaxed);
        let mut fault = self.lock();
        if fault.as_ref().is_some_and(|fault| !fault.stands(call)) {
            *fault = None;
        }
    }

    /// It has not, or nobody could be asked.
    pub fn fault(&self, reason: &'static Reason, evidence: &str) {
        self.set(reason, evidence, None);
    }

    /// This call is not permitted; one permission may be for all (`None`).
    pub fn denied(&self, call: Option<String>, evidence: &str) {
        self.set(&reason::MLFLOW_ACCESS_DENIED, evidence, call);
    }

    fn set(&self, reason: &'static Reason, evidence: &str, call: Option<String>) {
        let evidence: String = evidence.chars().take(EVIDENCE_CHARS).collect();
        let mut fault = self.lock();
        if fault.as_ref().is_none_or(|it| it.reason != reason) {
            tracing::warn!(reason = reason.code, "MLflow: {evidence}");
        }
        *fault = Some(Fault { reason, evidence, at: Instant::now(), call });
    }

    /// The server's clock is so far ahead of this computer's.
    pub fn set_offset_secs(&self, secs: i64) {
        self.offset_secs.store(secs, Ordering::Relaxed);
    }

    pub fn offset_secs(&self) -> i64 {
        self.offset_secs.load(Ordering::Relaxed)
    }

    /// Since the last good answer.
    pub fn silent_for(&self) -> Duration {
        self.last_ok().unwrap_or(Duration::MAX)
    }

    fn last_ok(&self) -> Option<Duration> {
        let millis = self.last_ok.load(Ordering::Relaxed).checked_sub(1)?;
        Some(self.begun.elapsed().saturating_sub(Duration::from_millis(millis)))
    }

    pub fn status(&self) -> EndpointStatus {
        let offset = self.offset_secs();
        let fault = self.lock();
        let told = fault.as_ref().map(|it| (it.reason, it.evidence.clone())).or_else(|| {
            (offset.abs() > SKEW_SECS).then(|| {
                let way = if offset > 0 { "behind" } else { "ahead of" };
                let evidence = format!(
                    "the node's clock is {} s {way} the server's; requests are signed with the server's time",
                    offset.abs()
                );
                (&reason::MLFLOW_CLOCK_SKEW, evidence)
            })
        });
        let (reason, evidence) = told.unzip();
        EndpointStatus {
            reason: reason.map(|reason| reason.code.to_owned()),
            evidence,
            requests: self.requests.load(Ordering::Relaxed),
            retries: self.retries.load(Ordering::Relaxed),
            streamed: self.streamed.load(Ordering::Relaxed),
            last_ok_secs: self.last_ok().map(|age| age.as_secs()),
            clock_offset_secs: offset,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Fault>> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Fault {
    /// Whether it is told although this call has worked.
    fn stands(&self, call: &str) -> bool {
        let another = self.call.as_ref().is_some_and(|refused| refused != call);
        another && self.at.elapsed() < DENIED_STANDS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_leaves_with_the_next_good_answer_and_a_refusal_with_that_of_its_call() {
        let state = State::default();
        assert_eq!(state.status(), EndpointStatus::default());
        state.fault(&reason::MLFLOW_SERVER_ERROR, &"x".repeat(1000));
        let told = state.status();
        assert_eq!(told.reason.as_deref(), Some("mlflow.server_error"));
        assert_eq!(told.evidence.unwrap().len(), EVIDENCE_CHARS);
        state.good("GET /a");
        assert_eq!((state.status().reason, state.status().last_ok_secs), (None, Some(0)));
        let denied = Some("mlflow.access_denied");
        state.denied(Some("GET /b".to_owned()), "no");
        state.good("GET /a");
        assert_eq!(state.status().reason.as_deref(), denied);
        state.good("GET /b");
        assert_eq!(state.status().reason, None);
        state.denied(None, "no");
        assert_eq!(state.status().reason.as_deref(), denied);
        state.good("GET /a");
        assert_eq!(state.status().reason, None);
    }

    #[test]
    fn a_clock_that_is_off_is_told() {
        let state = State::default();
        state.set_offset_secs(-600);
        let told = state.status();
        assert_eq!(told.reason.as_deref(), Some("mlflow.clock_skew"));
        assert!(told.evidence.unwrap().contains("600 s ahead of the server's"));
    }
}
