//! Round-trip measurement as a state machine without I/O: one ping under way
//! at a time, so a round trip never waits behind another.

use crate::protocol::Event;
use std::time::{Duration, Instant};

/// A ping not answered for this long is lost.
const TIMEOUT: Duration = Duration::from_secs(1);
/// Losses in a row that end a measurement: the peer is gone.
const MAX_LOST_IN_A_ROW: u32 = 3;
/// Most round trips of one measurement; bounds the memory for samples.
pub(crate) const MAX_COUNT: u32 = 100_000;

/// What to do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Send a ping with this sequence, then call [`Measurement::sent`].
    Send { sequence: u64 },
    /// Nothing until a pong or the time-out.
    Wait,
    /// Finished.
    Done,
}

/// One [`crate::protocol::Command::Probe`] under way.
#[derive(Debug)]
pub(crate) struct Measurement {
    pub peer: u32,
    pub size_bytes: u32,
    count: u32,
    /// Never used twice in a worker's life, so a late pong fits no later ping.
    sequence: u64,
    /// When this round trip's ping was first tried, for the time-out.
    tried: Option<Instant>,
    /// When libfabric took it, for the measurement.
    sent: Option<Instant>,
    /// The first round trip carries connection set-up and does not count.
    warm: bool,
    samples: Vec<u64>,
    lost: u32,
    lost_in_a_row: u32,
}

impl Measurement {
    pub(crate) fn new(peer: u32, size_bytes: u32, count: u32, first_sequence: u64) -> Self {
        Self {
            peer,
            size_bytes,
            count: count.min(MAX_COUNT),
            sequence: first_sequence,
            tried: None,
            sent: None,
            warm: false,
            samples: Vec::new(),
            lost: 0,
            lost_in_a_row: 0,
        }
    }

    /// First sequence the next measurement may use.
    pub(crate) fn next_sequence(&self) -> u64 {
        self.sequence + 1
    }

    pub(crate) fn step(&mut self, now: Instant) -> Step {
        if self.tried.is_some_and(|tried| now.duration_since(tried) >= TIMEOUT) {
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

    /// libfabric took the ping; `at` is just before it did.
    pub(crate) fn sent(&mut self, at: Instant) {
        self.sent = Some(at);
    }

    pub(crate) fn pong(&mut self, sequence: u64, now: Instant) {
        let Some(sent) = self.sent.filter(|_| sequence == self.sequence) else {
            return;
        };
        if self.warm {
            let nanos = now.duration_since(sent).as_nanos();
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

    /// The report; all zero where nothing came back.
    pub(crate) fn report(mut self) -> Event {
        self.samples.sort_unstable();
        Event::ProbeDone {
            peer: self.peer,
            size_bytes: self.size_bytes,
            answered: u32::try_from(self.samples.len()).unwrap_or(u32::MAX),
            lost: self.lost,
            min_nanos: percentile(&self.samples, 0),
            p50_nanos: percentile(&self.samples, 50),
            p99_nanos: percentile(&self.samples, 99),
            max_nanos: percentile(&self.samples, 100),
        }
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

    #[test]
    fn the_first_round_trip_does_not_count() {
        let mut now = Instant::now();
        let mut probe = Measurement::new(1, 256, 3, 40);
        for round in 0..4u64 {
            assert_eq!(probe.step(now), Step::Send { sequence: 40 + round });
            probe.sent(now);
            assert_eq!(probe.step(now), Step::Wait);
            now += if round == 0 { Duration::from_millis(50) } else { ROUND_TRIP };
            probe.pong(40 + round, now);
        }
        assert_eq!(probe.step(now), Step::Done);
        assert_eq!(probe.next_sequence(), 45);
        let Event::ProbeDone { answered: 3, lost: 0, min_nanos, max_nanos, .. } = probe.report()
        else {
            panic!("three answers")
        };
        assert_eq!((min_nanos, max_nanos), (10_000, 10_000));
    }

    #[test]
    fn a_late_pong_is_lost_and_fits_no_other_ping() {
        let mut now = Instant::now();
        let mut probe = Measurement::new(1, 64, 1, 0);
        probe.step(now);
        probe.sent(now);
        probe.pong(0, now);
        probe.step(now);
        probe.sent(now);
        now += TIMEOUT;
        assert_eq!(probe.step(now), Step::Done);
        probe.pong(1, now);
        let Event::ProbeDone { answered: 0, lost: 1, max_nanos: 0, .. } = probe.report() else {
            panic!("one loss")
        };
    }

    #[test]
    fn a_peer_that_is_gone_ends_it_after_three() {
        let mut now = Instant::now();
        let mut probe = Measurement::new(1, 64, 1000, 0);
        let mut rounds = 0;
        while probe.step(now) != Step::Done {
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
