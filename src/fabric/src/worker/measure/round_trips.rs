//! Round trips as a state machine without I/O: one under way at a time, so
//! that none waits behind another.

use nixl_cluster::link::{Latency, Mode};
use std::time::{Duration, Instant};

/// One not answered for this long is lost.
const TIMEOUT: Duration = Duration::from_secs(1);
/// Losses in a row that end a measurement: the peer is gone.
const MAX_LOST_IN_A_ROW: u32 = 3;
/// Most round trips of one measurement: their sequences fit into 16 bits of
/// immediate data, their samples into a frame.
pub(super) const MAX_COUNT: u32 = 10_000;

/// What to do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Send with this sequence, then call [`RoundTrips::sent`].
    Send { sequence: u32 },
    /// Nothing until the answer or the time-out.
    Wait,
    /// Finished.
    Done,
}

#[derive(Debug)]
pub(super) struct RoundTrips {
    count: u32,
    sequence: u32,
    /// When this one was first tried, for the time-out.
    tried: Option<Instant>,
    /// When libfabric took it, for the measurement.
    sent: Option<Instant>,
    /// The first carries connection set-up and does not count.
    warm: bool,
    samples: Vec<u64>,
    lost: u32,
    lost_in_a_row: u32,
}

impl RoundTrips {
    pub(super) fn new(count: u32) -> Self {
        let count = count.min(MAX_COUNT);
        Self {
            count,
            sequence: 0,
            tried: None,
            sent: None,
            warm: false,
            samples: Vec::with_capacity(count as usize),
            lost: 0,
            lost_in_a_row: 0,
        }
    }

    pub(super) fn step(&mut self, now: Instant) -> Step {
        // `now` may be a little older than the try.
        let waited = self.tried.map(|tried| now.saturating_duration_since(tried));
        if waited.is_some_and(|waited| waited >= TIMEOUT) {
            self.lost += 1;
            self.lost_in_a_row += 1;
            self.advance();
        }
        let finished = self.samples.len() + self.lost as usize >= self.count as usize;
        if finished || self.lost_in_a_row >= MAX_LOST_IN_A_ROW {
            Step::Done
        } else if self.sent.is_some() {
            Step::Wait
        } else {
            self.tried.get_or_insert(now);
            Step::Send { sequence: self.sequence }
        }
    }

    /// libfabric took it; `at` is just before it did.
    pub(super) fn sent(&mut self, at: Instant) {
        self.sent = Some(at);
    }

    /// An answer came; one that is late fits no other round trip.
    pub(super) fn answered(&mut self, sequence: u32, now: Instant) {
        let Some(sent) = self.sent.filter(|_| sequence == self.sequence) else {
            return;
        };
        if self.warm {
            let nanos = now.saturating_duration_since(sent).as_nanos();
            self.samples.push(u64::try_from(nanos).unwrap_or(u64::MAX));
        }
        self.warm = true;
        self.lost_in_a_row = 0;
        self.advance();
    }

    fn advance(&mut self) {
        self.sequence += 1;
        self.tried = None;
        self.sent = None;
    }

    /// Summary and sorted samples; all zero where nothing came back.
    pub(super) fn report(mut self, rail: u16, mode: Mode, size_bytes: u32) -> (Latency, Vec<u64>) {
        self.samples.sort_unstable();
        let at = |percent| percentile(&self.samples, percent);
        let summary = Latency {
            rail,
            mode,
            size_bytes,
            answered: u32::try_from(self.samples.len()).unwrap_or(u32::MAX),
            lost: self.lost,
            min_nanos: at(0),
            p50_nanos: at(50),
            p99_nanos: at(99),
            max_nanos: at(100),
        };
        (summary, self.samples)
    }
}

/// Nearest-rank percentile of sorted samples.
fn percentile(sorted: &[u64], percent: usize) -> u64 {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUND_TRIP: Duration = Duration::from_micros(10);

    fn report(trips: RoundTrips) -> Latency {
        trips.report(0, Mode::TwoSided, 64).0
    }

    #[test]
    fn the_first_round_trip_does_not_count() {
        let mut now = Instant::now();
        let mut trips = RoundTrips::new(3);
        for sequence in 0..4 {
            assert_eq!(trips.step(now), Step::Send { sequence });
            trips.sent(now);
            assert_eq!(trips.step(now), Step::Wait);
            now += if sequence == 0 { Duration::from_millis(50) } else { ROUND_TRIP };
            trips.answered(sequence, now);
        }
        assert_eq!(trips.step(now), Step::Done);
        let told = report(trips);
        assert_eq!((told.answered, told.lost), (3, 0));
        assert_eq!((told.min_nanos, told.max_nanos), (10_000, 10_000));
    }

    #[test]
    fn a_late_answer_is_lost_and_fits_no_other() {
        let mut now = Instant::now();
        let mut trips = RoundTrips::new(1);
        trips.step(now);
        trips.sent(now);
        trips.answered(0, now);
        trips.step(now);
        trips.sent(now);
        now += TIMEOUT;
        assert_eq!(trips.step(now), Step::Done);
        trips.answered(1, now);
        let told = report(trips);
        assert_eq!((told.answered, told.lost, told.max_nanos), (0, 1, 0));
    }

    #[test]
    fn a_peer_that_is_gone_ends_it_after_three() {
        let mut now = Instant::now();
        let mut trips = RoundTrips::new(1000);
        let mut rounds = 0;
        while trips.step(now) != Step::Done {
            rounds += 1;
            // Not even taken by libfabric: the time-out runs all the same.
            now += TIMEOUT;
        }
        assert_eq!(rounds, 3);
    }

    #[test]
    fn percentiles_are_samples() {
        let samples: Vec<u64> = (1..=200).collect();
        assert_eq!(percentile(&samples, 0), 1);
        assert_eq!(percentile(&samples, 50), 100);
        assert_eq!(percentile(&samples, 99), 198);
        assert_eq!(percentile(&samples, 100), 200);
        assert_eq!(percentile(&[], 50), 0);
    }
}
