//! The log of calls, for `nixl-region calls` and for tests.

pub mod depth;

use crate::faults::Seen;
use serde::Serialize;
use std::collections::VecDeque;
use std::time::Instant;

/// Calls kept; older ones are dropped, sequence numbers go on.
const KEPT: usize = 10_000;

/// One call.
#[derive(Debug, Clone, Default, Serialize)]
pub struct CallRecord {
    /// Place in the sequence of answers, from 1.
    pub sequence: u64,
    /// RFC 3339, when the request came; the computer's clock.
    pub time: String,
    /// The same in time since the region came up, which no clock can set back.
    pub started_micros: u64,
    /// Time to the answer.
    pub latency_micros: u64,
    /// ARN, or `-` if not authentic.
    pub caller: String,
    /// `User-Agent` of the request.
    pub user_agent: String,
    /// `ec2`, `s3`, …
    pub service: String,
    /// Operation, e.g. `RunInstances`.
    pub operation: String,
    /// Path of the object or bucket, for S3.
    pub path: Option<String>,
    /// `OK`, the error's code, or `-` if nothing was done.
    pub outcome: String,
    /// Id of the rule that refused it.
    pub rule: Option<&'static str>,
    /// The fault that was at work.
    pub fault: Option<Seen>,
}

impl CallRecord {
    /// Whether the caller got something else than a good answer.
    #[must_use]
    pub fn failed(&self) -> bool {
        self.outcome != "OK" || self.fault.as_ref().is_some_and(|fault| fault.answer_lost)
    }
}

/// The last calls.
#[derive(Debug)]
pub struct CallLog {
    up_since: Instant,
    count: u64,
    records: VecDeque<CallRecord>,
}

impl Default for CallLog {
    fn default() -> Self {
        Self { up_since: Instant::now(), count: 0, records: VecDeque::new() }
    }
}

impl CallLog {
    /// Adds a call that is answered now; sets its sequence number, which is
    /// returned, and its times.
    pub fn push(&mut self, started: Instant, mut record: CallRecord) -> u64 {
        self.count += 1;
        record.sequence = self.count;
        record.started_micros = micros(started.saturating_duration_since(self.up_since));
        record.latency_micros = micros(started.elapsed());
        if self.records.len() == KEPT {
            self.records.pop_front();
        }
        self.records.push_back(record);
        self.count
    }

    /// Calls kept, in the order of their answers.
    pub fn iter(&self) -> impl Iterator<Item = &CallRecord> {
        self.records.iter()
    }
}

fn micros(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
