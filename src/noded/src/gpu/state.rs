//! What the monitor knows, for whoever wants to tell it: metrics, page, checks.

use jiff::Timestamp;
use nixl_gpu::Snapshot;
use nixl_gpu::xid::{Count, Counters};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What was seen, and when.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// When NVML answered.
    pub at: Timestamp,
    /// What it said.
    pub snapshot: Snapshot,
}

#[derive(Debug, Default)]
struct Inner {
    expected: Option<u32>,
    seen: Option<Arc<Seen>>,
    /// When NVML answered last.
    seen_at: Option<Timestamp>,
    /// There was nothing to see once.
    absent: bool,
    xids: Counters,
    deaths: u64,
}

/// The last of everything; clones share it.
#[derive(Debug, Clone, Default)]
pub struct State(Arc<Mutex<Inner>>);

impl State {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// GPUs this instance type has; `None` before it is known, or of a type
    /// that the table does not have.
    #[must_use]
    pub fn expected(&self) -> Option<u32> {
        self.lock().expected
    }

    /// The last snapshot; `None` before the first one, and when the driver is
    /// gone or has not answered for long.
    #[must_use]
    pub fn snapshot(&self) -> Option<Arc<Seen>> {
        self.lock().seen.clone()
    }

    /// When the driver answered last, also where it does not any more.
    #[must_use]
    pub fn seen_at(&self) -> Option<Timestamp> {
        self.lock().seen_at
    }

    /// GPUs that answer; `None` before the first look.
    #[must_use]
    pub fn present(&self) -> Option<usize> {
        let inner = self.lock();
        let seen = inner.seen.as_ref().map(|seen| seen.snapshot.gpus.len());
        seen.or(inner.absent.then_some(0))
    }

    /// Xids and `SXids` of this boot, by device and number.
    #[must_use]
    pub fn xids(&self) -> Vec<Count> {
        self.lock().xids.iter().cloned().collect()
    }

    /// How often the process that asks NVML ended by itself or had to be
    /// killed, since the daemon started.
    #[must_use]
    pub fn worker_deaths(&self) -> u64 {
        self.lock().deaths
    }

    /// What the instance type has.
    pub fn expect(&self, gpus: Option<u32>) {
        self.lock().expected = gpus;
    }

    /// NVML has answered.
    pub fn saw(&self, snapshot: Snapshot) {
        let at = Timestamp::now();
        let mut inner = self.lock();
        inner.seen_at = Some(at);
        inner.seen = Some(Arc::new(Seen { at, snapshot }));
    }

    /// NVML does not answer, or what it said is too old to be true.
    pub fn saw_none(&self) {
        let mut inner = self.lock();
        inner.seen = None;
        inner.absent = true;
    }

    /// The counters as they are now.
    pub fn count(&self, xids: Counters) {
        self.lock().xids = xids;
    }

    /// The process that asks NVML has died once more.
    pub fn worker_died(&self) {
        self.lock().deaths += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_share_what_is_known() {
        let state = State::default();
        let reader = state.clone();
        assert!(reader.snapshot().is_none() && reader.xids().is_empty());
        state.expect(Some(8));
        state.saw(Snapshot { driver_version: Some("580.1".to_owned()), ..Snapshot::default() });
        state.worker_died();
        let seen = reader.snapshot().unwrap();
        assert_eq!(seen.snapshot.driver_version.as_deref(), Some("580.1"));
        assert_eq!((reader.expected(), reader.worker_deaths()), (Some(8), 1));
    }

    #[test]
    fn what_is_gone_is_not_told_any_more() {
        let state = State::default();
        assert_eq!(state.present(), None);
        state.saw(Snapshot { gpus: vec![nixl_gpu::Gpu::default()], ..Snapshot::default() });
        assert_eq!(state.present(), Some(1));
        state.saw_none();
        assert!(state.snapshot().is_none() && state.seen_at().is_some());
        assert_eq!(state.present(), Some(0));
    }
}
