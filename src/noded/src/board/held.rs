//! A reading as the board keeps it: since when, and not at the first sign.

use jiff::Timestamp;
use nixl_cluster::Reading;
use nixl_cluster::reason::{INITIALIZING, NOT_INITIALIZED, Reason, Severity};
use std::borrow::Cow;
use std::time::{Duration, Instant};

/// A part that says it is initializing for longer has failed to start: an
/// `initializing` without an end helps nobody.
pub(super) const INITIALIZING_DEADLINE: Duration = Duration::from_secs(120);

/// How many readings in a row it takes until a check changes, against flapping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settle {
    /// From good to bad.
    pub bad_after: u32,
    /// From bad to good.
    pub good_after: u32,
}

impl Settle {
    /// Every reading counts at once.
    pub const AT_ONCE: Self = Self { bad_after: 1, good_after: 1 };
}

#[derive(Debug, Clone)]
pub(super) struct Held {
    pub reading: Reading,
    pub seen: Timestamp,
    /// Since when the reason, or its absence, holds.
    pub since: Timestamp,
    held_since: Instant,
    /// Readings in a row that were otherwise.
    otherwise: u32,
}

/// What a new reading did.
#[derive(Debug, PartialEq)]
pub(super) enum Change {
    /// The same reason, or none as before.
    Same,
    /// It has another reason, or has got one or lost it.
    Changed {
        /// The reason before.
        from: Option<&'static Reason>,
    },
}

impl Held {
    pub fn first(reading: Reading, now: Timestamp) -> Self {
        let seen = reading.at.unwrap_or(now);
        Self { reading, seen, since: now, held_since: Instant::now(), otherwise: 0 }
    }

    /// What is held once `reading` has come in.
    pub fn next(mut self, reading: Reading, now: Timestamp, settle: Settle) -> (Self, Change) {
        let seen = reading.at.unwrap_or(now);
        if self.reading.code() == reading.code() {
            return (Self { reading, seen, otherwise: 0, ..self }, Change::Same);
        }
        let needed = match (&self.reading.reason, &reading.reason) {
            (None, _) => settle.bad_after,
            // Starting is no fault that could flap.
            (Some((reason, _)), None) if reason.severity != Severity::Info => settle.good_after,
            _ => 1,
        };
        self.otherwise += 1;
        if self.otherwise < needed {
            return (self, Change::Same);
        }
        let from = self.reading.reason.as_ref().map(|(reason, _)| *reason);
        (Self { seen, ..Self::first(reading, now) }, Change::Changed { from })
    }

    /// Its reason with the evidence, which an initializing that has gone on for
    /// too long is not any more.
    pub fn reason(&self) -> Option<(&'static Reason, Cow<'_, str>)> {
        let (reason, evidence) = self.reading.reason.as_ref()?;
        let waited = self.held_since.elapsed();
        if reason.code == INITIALIZING.code && waited > INITIALIZING_DEADLINE {
            let told = format!("{evidence} (for {} s)", waited.as_secs());
            return Some((&NOT_INITIALIZED, told.into()));
        }
        Some((reason, evidence.as_str().into()))
    }

    #[cfg(test)]
    pub fn age(&mut self, by: Duration) {
        self.held_since = self.held_since.checked_sub(by).unwrap();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nixl_cluster::reason::{EC2_UNREACHABLE, IMDS_UNREACHABLE};

    const SETTLE: Settle = Settle { bad_after: 2, good_after: 3 };

    fn bad() -> Reading {
        Reading::bad(&IMDS_UNREACHABLE, "no answer")
    }

    /// The codes held after each of the readings.
    fn held(readings: &[Reading]) -> Vec<Option<&'static str>> {
        let now = Timestamp::now();
        let mut held = Held::first(readings[0].clone(), now);
        let mut seen = vec![held.reading.code()];
        for reading in &readings[1..] {
            held = held.next(reading.clone(), now, SETTLE).0;
            seen.push(held.reading.code());
        }
        seen
    }

    #[test]
    fn it_takes_several_readings_in_a_row_to_change() {
        let good = || Reading::good(1);
        let (no, yes) = (None, Some("node.imds_unreachable"));
        assert_eq!(held(&[good(), bad(), good(), bad(), bad()]), [no, no, no, no, yes]);
        assert_eq!(
            held(&[bad(), good(), good(), bad(), good(), good(), good()]),
            [yes, yes, yes, yes, yes, yes, no]
        );
    }

    #[test]
    fn another_reason_and_the_end_of_starting_count_at_once() {
        let other = Reading::bad(&EC2_UNREACHABLE, "x");
        assert_eq!(held(&[bad(), other])[1], Some("node.ec2_unreachable"));
        let starting = Reading::bad(&INITIALIZING, "x");
        assert_eq!(held(&[starting.clone(), Reading::good(1)])[1], None);
        assert_eq!(held(&[starting, bad()])[1], Some("node.imds_unreachable"));
    }

    #[test]
    fn a_change_tells_what_was_before_and_since_when() {
        let (early, late) =
            (Timestamp::from_second(1).unwrap(), Timestamp::from_second(9).unwrap());
        let (held, change) = Held::first(bad(), early).next(bad(), late, SETTLE);
        assert_eq!((held.since, held.seen, change), (early, late, Change::Same));
        let other = Reading::bad(&EC2_UNREACHABLE, "x");
        let (held, change) = held.next(other, late, SETTLE);
        assert_eq!(change, Change::Changed { from: Some(&IMDS_UNREACHABLE) });
        assert_eq!(held.since, late);
    }

    #[test]
    fn initializing_has_a_deadline() {
        let mut held = Held::first(Reading::bad(&INITIALIZING, "no GPU yet"), Timestamp::now());
        assert_eq!(held.reason().unwrap().0.code, "node.initializing");
        held.age(INITIALIZING_DEADLINE + Duration::from_secs(1));
        let (reason, evidence) = held.reason().unwrap();
        assert_eq!(reason.code, "node.not_initialized");
        assert_eq!(evidence, "no GPU yet (for 121 s)");
    }
}
