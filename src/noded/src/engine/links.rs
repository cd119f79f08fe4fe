//! When to measure which link, and what came of it.
//!
//! A measurement is 200 round trips of 64 bytes: enough for a 99th percentile
//! that means something, and about a millisecond of traffic on EFA.

use super::Timings;
use nixl_cluster::link::Mode;
use nixl_cluster::reason::{self, Action, Reason};
use nixl_fabric::protocol::{Command, Measurement, Outcome};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

const PROBE_SIZE_BYTES: u32 = 64;
const PROBE_COUNT: u32 = 200;
/// Most time until a peer that measures is asked again.
const BUSY_WAIT: Duration = Duration::from_millis(250);
/// A measurement not reported by then is lost with its worker's patience.
const GIVE_UP: Duration = Duration::from_secs(60);

/// Result of one measurement.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Measured {
    pub p50_micros: f64,
    pub p99_micros: f64,
    pub lost: u32,
}

/// Why the last send to a peer failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SendError {
    reason: &'static Reason,
    pub text: String,
}

impl SendError {
    /// With the worker's reason code.
    pub fn new(code: &str, text: String) -> Self {
        Self { reason: reason::find(code).unwrap_or(&reason::FABRIC_ERROR), text }
    }

    /// A cause that a setting can mend; it says more than the peer's silence.
    pub fn cause(&self) -> Option<&'static Reason> {
        (self.reason.action == Action::FixSetting).then_some(self.reason)
    }
}

/// All links by rank.
pub(super) struct Links {
    timings: Timings,
    next: BTreeMap<u32, Instant>,
    measured: BTreeMap<u32, Measured>,
    send_errors: BTreeMap<u32, SendError>,
}

impl Links {
    pub fn new(timings: Timings) -> Self {
        Self {
            timings,
            next: BTreeMap::new(),
            measured: BTreeMap::new(),
            send_errors: BTreeMap::new(),
        }
    }

    pub fn paired(&mut self, rank: u32, now: Instant) {
        self.next.insert(rank, now + self.timings.probe_delay);
        self.send_errors.remove(&rank);
    }

    /// What was measured says nothing about a link that is gone.
    pub fn unpaired(&mut self, rank: u32) {
        self.next.remove(&rank);
        self.measured.remove(&rank);
    }

    pub fn send_failed(&mut self, rank: u32, error: SendError) {
        self.send_errors.insert(rank, error);
    }

    pub fn due(&self) -> Option<Instant> {
        self.next.values().min().copied()
    }

    /// Commands for every measurement that is due.
    pub fn start_due(&mut self, now: Instant) -> Vec<Command> {
        let mut commands = Vec::new();
        for (rank, due) in &mut self.next {
            if *due <= now {
                *due = now + GIVE_UP;
                let (size_bytes, count) = (PROBE_SIZE_BYTES, PROBE_COUNT);
                let what =
                    Measurement::Latency { rail: 0, mode: Mode::TwoSided, size_bytes, count };
                // One link, one measurement: the rank is id enough.
                commands.push(Command::Measure { id: *rank, peer: *rank, what });
            }
        }
        commands
    }

    /// Takes what came of a measurement.
    pub fn done(&mut self, rank: u32, outcome: &Outcome) {
        // A report that comes after the peer was lost belongs to no link.
        let Some(next) = self.next.get_mut(&rank) else { return };
        let wait = match outcome {
            // The peer measures; a random wait ends two that chase each other.
            Outcome::Busy => BUSY_WAIT.mul_f64(rand::random_range(0.2..1.0)),
            _ => self.timings.probe_interval,
        };
        *next = Instant::now() + wait;
        match outcome {
            Outcome::Latency { summary, .. } if summary.answered > 0 => {
                let measured = Measured {
                    p50_micros: micros(summary.p50_nanos),
                    p99_micros: micros(summary.p99_nanos),
                    lost: summary.lost,
                };
                self.measured.insert(rank, measured);
            }
            Outcome::Failed { code, message } => {
                tracing::warn!(rank, %code, "the link was not measured: {message}");
            }
            Outcome::Latency { .. } | Outcome::Bandwidth(_) | Outcome::Busy => {}
        }
    }

    pub fn measured(&self, rank: u32) -> Option<Measured> {
        self.measured.get(&rank).copied()
    }

    pub fn send_error(&self, rank: u32) -> Option<&SendError> {
        self.send_errors.get(&rank)
    }
}

/// With two decimals; more would be noise.
#[expect(clippy::cast_precision_loss, reason = "a round trip is far below 2^53 ns")]
fn micros(nanos: u64) -> f64 {
    ((nanos as f64) / 10.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use nixl_cluster::link::Latency;

    fn done(answered: u32) -> Outcome {
        let summary = Latency {
            rail: 0,
            mode: Mode::TwoSided,
            size_bytes: 64,
            answered,
            lost: 1,
            min_nanos: 1,
            p50_nanos: 15_678,
            p99_nanos: 20_000,
            max_nanos: 1,
        };
        Outcome::Latency { summary, samples_nanos: Vec::new() }
    }

    #[test]
    fn a_pair_is_measured_soon_and_then_again() {
        let mut links = Links::new(Timings::default());
        let now = Instant::now();
        links.paired(1, now);
        assert!(links.start_due(now).is_empty());
        let later = now + Duration::from_millis(200);
        assert_eq!(links.start_due(later).len(), 1);
        assert!(links.start_due(later).is_empty(), "one at a time");
        links.done(1, &done(199));
        let expected = Measured { p50_micros: 15.68, p99_micros: 20.0, lost: 1 };
        assert_eq!(links.measured(1), Some(expected));
        assert!(links.due().unwrap() > now + Duration::from_secs(9));
    }

    #[test]
    fn a_busy_peer_is_asked_again_soon() {
        let mut links = Links::new(Timings::default());
        let now = Instant::now();
        links.paired(1, now);
        links.start_due(now + Duration::from_millis(200));
        links.done(1, &Outcome::Busy);
        assert!(links.due().unwrap() < Instant::now() + BUSY_WAIT);
        assert_eq!(links.measured(1), None);
    }

    #[test]
    fn a_lost_link_has_no_measurement() {
        let mut links = Links::new(Timings::default());
        links.paired(1, Instant::now());
        links.done(1, &done(200));
        links.unpaired(1);
        links.done(1, &done(200));
        assert_eq!((links.measured(1), links.due()), (None, None));
    }
}
