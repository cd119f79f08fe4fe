//! The log of calls, for `GET /_region/calls` and for tests.

use serde::Serialize;
use std::collections::VecDeque;
use std::time::Instant;

/// Calls kept; older ones are dropped, sequence numbers go on.
const KEPT: usize = 10_000;

/// One call.
#[derive(Debug, Clone, Serialize)]
pub struct CallRecord {
    /// Place in the sequence, from 1.
    pub sequence: u64,
    /// RFC 3339.
    pub time: String,
    /// ARN, or `-` if not authentic.
    pub caller: String,
    /// `ec2`, `s3`, …
    pub service: String,
    /// Operation, e.g. `RunInstances`; for S3 method and path.
    pub operation: String,
    /// `OK` or the error's code.
    pub outcome: String,
    /// Id of the rule that refused it.
    pub rule: Option<&'static str>,
    /// Time to the answer.
    pub latency_micros: u64,
}

impl CallRecord {
    /// A call that is answered now.
    #[must_use]
    pub fn new(
        (started, time): (Instant, jiff::Timestamp),
        caller: String,
        service: &str,
        operation: String,
        outcome: String,
        rule: Option<&'static str>,
    ) -> Self {
        Self {
            sequence: 0,
            time: time.to_string(),
            caller,
            service: service.to_owned(),
            operation,
            outcome,
            rule,
            latency_micros: u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX),
        }
    }
}

/// The last calls.
#[derive(Debug, Default)]
pub struct CallLog {
    count: u64,
    records: VecDeque<CallRecord>,
}

impl CallLog {
    /// Adds a call and gives it its sequence number.
    pub fn push(&mut self, mut record: CallRecord) -> u64 {
        self.count += 1;
        record.sequence = self.count;
        if self.records.len() == KEPT {
            self.records.pop_front();
        }
        self.records.push_back(record);
        self.count
    }

    /// All kept calls, oldest first.
    #[must_use]
    pub fn all(&self) -> Vec<CallRecord> {
        self.records.iter().cloned().collect()
    }
}
