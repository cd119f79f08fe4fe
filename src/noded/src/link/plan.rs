//! What a full report measures, step by step.
//!
//! Small sizes come first, so a link is known before it is loaded, and no
//! operation is begun that would stand in the way of heartbeats for long.

use nixl_cluster::link::{Bandwidth, Mode, OneSided, Rail, Report};
use nixl_fabric::protocol::{Measurement, Outcome};
use std::collections::{BTreeMap, VecDeque};

const KIB: u32 = 1 << 10;
const MIB: u32 = 1 << 20;
/// What continuous measuring repeats.
const PROBE_BYTES: u32 = 64;
/// Enough for a 99th percentile that means something.
const PROBE_COUNT: u32 = 200;
/// Longest transfer, from its first operation to its last.
const MAX_MILLIS: u32 = 50;
/// One transfer within the budget: over a millisecond at 100 Gb/s.
pub(super) const SAMPLE_BYTES: u64 = 16 << 20;

const LATENCY_BYTES: [u32; 6] = [PROBE_BYTES, 256, KIB, 4 * KIB, 16 * KIB, 64 * KIB];
const BANDWIDTH_BYTES: [u32; 6] = [64 * KIB, 256 * KIB, MIB, 4 * MIB, 16 * MIB, 64 * MIB];

/// A transfer of one rail ends after so many bytes, if its time is not over.
const MAX_RAIL_BYTES: u64 = 1 << 30;
/// A heartbeat may have to wait behind one operation, and a peer that is not
/// heard for a second is lost.
const MAX_OPERATION_MILLIS: f64 = 100.0;
/// Several operations are under way at a time and all of them must get there;
/// this many milliseconds of a link's rate are begun at most.
const MAX_TRANSFER_MILLIS: f64 = 250.0;
/// Round trips of one size may take so long; a slow link gets fewer of them.
const MAX_LATENCY_SECS: f64 = 2.0;
const LEAST_COUNT: u32 = 20;

/// What a step is about; one that failed does not fail again in another size.
type Path = (Option<u16>, Mode);

/// A report on its way.
#[derive(Debug)]
pub(super) struct Ladder {
    steps: VecDeque<Measurement>,
    of: usize,
    /// Nanoseconds of the last round trip, by path.
    p50_nanos: BTreeMap<Path, f64>,
    /// Bytes a nanosecond of the last transfer, by path.
    rates: BTreeMap<Path, f64>,
    failed: Vec<(Path, String)>,
    not_measured: Vec<String>,
    report: Report,
}

fn path(step: &Measurement) -> Path {
    match *step {
        Measurement::Latency { rail, mode, .. } => (Some(rail), mode),
        Measurement::Bandwidth { rail, mode, .. } => (rail, mode),
    }
}

/// As in the tables: `rail 0, two-sided, 64 KiB`.
fn named(step: &Measurement) -> String {
    let (rail, mode) = path(step);
    let (Measurement::Latency { size_bytes, .. } | Measurement::Bandwidth { size_bytes, .. }) =
        step;
    let size = super::words::size(*size_bytes);
    match rail {
        Some(rail) => format!("rail {rail}, {mode}, {size}"),
        None => format!("all rails, {mode}, {size}"),
    }
}

impl Ladder {
    /// For rails that both sides have, `rails` of them.
    pub fn new(rails: &[Rail]) -> Self {
        let mut steps = VecDeque::new();
        for rail in rails {
            let index = rail.index;
            for mode in modes(rail) {
                steps.extend(LATENCY_BYTES.map(|size| round_trips(index, mode, size)));
            }
            for mode in modes(rail) {
                steps.extend(BANDWIDTH_BYTES.map(|size| transfer(Some(index), mode, size, 1)));
            }
        }
        if let [first, _, ..] = rails {
            for mode in modes(first) {
                let rails = rails.len() as u64;
                steps.extend(BANDWIDTH_BYTES.map(|size| transfer(None, mode, size, rails)));
            }
        }
        Self {
            of: steps.len(),
            steps,
            p50_nanos: BTreeMap::new(),
            rates: BTreeMap::new(),
            failed: Vec::new(),
            not_measured: Vec::new(),
            report: Report::default(),
        }
    }

    /// Steps done and steps in all.
    pub fn progress(&self) -> (usize, usize) {
        (self.of - self.steps.len(), self.of)
    }

    /// The next step that makes sense, `None` at the end. It stays the next
    /// until [`Ladder::take`].
    pub fn next(&mut self) -> Option<Measurement> {
        while let Some(step) = self.steps.front() {
            let Some(why) = self.why_not(step) else { return Some(self.sized(*step)) };
            let told = format!("{}: {why}", named(step));
            self.steps.pop_front();
            self.not_measured.push(told);
        }
        None
    }

    fn why_not(&self, step: &Measurement) -> Option<String> {
        let path = path(step);
        if let Some((_, why)) = self.failed.iter().find(|(failed, _)| *failed == path) {
            return Some(why.clone());
        }
        let Measurement::Bandwidth { size_bytes, .. } = step else { return None };
        let millis = f64::from(*size_bytes) / self.rate(path)?.max(f64::MIN_POSITIVE) / 1e6;
        (millis > MAX_OPERATION_MILLIS)
            .then(|| format!("one operation would take {millis:.0} ms, heartbeats would wait"))
    }

    /// Bytes a nanosecond, as far as it is known.
    fn rate(&self, (rail, mode): Path) -> Option<f64> {
        // All rails together are no slower than the first.
        let first = (rail.or(Some(0)), mode);
        // Before the first transfer: 64 KiB there and back again.
        let by_round_trip =
            || self.p50_nanos.get(&first).map(|nanos| 2.0 * f64::from(64 * KIB) / nanos.max(1.0));
        let known = self.rates.get(&(rail, mode)).or_else(|| self.rates.get(&first));
        known.copied().or_else(by_round_trip)
    }

    /// Fewer round trips and bytes where they are slow.
    fn sized(&self, step: Measurement) -> Measurement {
        let path = path(&step);
        match step {
            Measurement::Latency { rail, mode, size_bytes, count } => {
                let count = self.p50_nanos.get(&path).map_or(count, |nanos| fit(*nanos));
                Measurement::Latency { rail, mode, size_bytes, count }
            }
            Measurement::Bandwidth { rail, mode, size_bytes, max_bytes, max_millis } => {
                let most = self.rate(path).map_or(u64::MAX, drained);
                let max_bytes = max_bytes.min(most);
                Measurement::Bandwidth { rail, mode, size_bytes, max_bytes, max_millis }
            }
        }
    }

    /// What came of the step; not for [`Outcome::Busy`].
    pub fn take(&mut self, outcome: &Outcome) {
        let Some(step) = self.steps.pop_front() else { return };
        let path = path(&step);
        match outcome {
            Outcome::Latency { summary, .. } => {
                self.report.latencies.push(*summary);
                if summary.answered == 0 {
                    let why = format!("none of {} round trips came back", summary.lost);
                    self.failed.push((path, why));
                } else {
                    self.p50_nanos.insert(path, summary.p50_nanos as f64);
                }
            }
            Outcome::Bandwidth(bandwidth) => {
                self.report.bandwidths.push(*bandwidth);
                self.rates.insert(path, bandwidth.gbps() / 8.0);
            }
            Outcome::Failed { code, message } => {
                let why = format!("{code}: {message}");
                self.not_measured.push(format!("{}: {why}", named(&step)));
                self.failed.push((path, why));
            }
            Outcome::Busy => self.steps.push_front(step),
        }
    }

    /// Everything measured; time and traffic are the caller's to fill in.
    pub fn finish(mut self) -> Report {
        self.report.not_measured = self.not_measured;
        self.report
    }
}

fn modes(rail: &Rail) -> impl Iterator<Item = Mode> + use<> {
    let one_sided = (rail.one_sided != OneSided::None).then_some(Mode::OneSided);
    [Mode::TwoSided].into_iter().chain(one_sided)
}

fn round_trips(rail: u16, mode: Mode, size_bytes: u32) -> Measurement {
    Measurement::Latency { rail, mode, size_bytes, count: PROBE_COUNT }
}

/// Bytes that are gone in time, at so many a nanosecond.
fn drained(rate: f64) -> u64 {
    (rate * MAX_TRANSFER_MILLIS * 1e6) as u64
}

/// How many round trips fit, by the length of the last ones.
fn fit(p50_nanos: f64) -> u32 {
    let fits = (MAX_LATENCY_SECS * 1e9 / p50_nanos.max(1.0)) as u32;
    fits.clamp(LEAST_COUNT, PROBE_COUNT)
}

/// What continuous measuring repeats, by the last median on the rail.
pub(super) fn probe(rail: u16, p50_nanos: Option<u64>) -> Measurement {
    let count = p50_nanos.map_or(PROBE_COUNT, |nanos| fit(nanos as f64));
    Measurement::Latency { rail, mode: Mode::TwoSided, size_bytes: PROBE_BYTES, count }
}

/// A transfer within the budget, like the last one.
pub(super) fn sample(last: &Bandwidth) -> Measurement {
    Measurement::Bandwidth {
        rail: Some(0),
        mode: Mode::TwoSided,
        size_bytes: last.size_bytes,
        max_bytes: SAMPLE_BYTES.min(drained(last.gbps() / 8.0)),
        max_millis: MAX_MILLIS,
    }
}

fn transfer(rail: Option<u16>, mode: Mode, size_bytes: u32, rails: u64) -> Measurement {
    let max_bytes = MAX_RAIL_BYTES * rails;
    Measurement::Bandwidth { rail, mode, size_bytes, max_bytes, max_millis: MAX_MILLIS }
}

/// What continuous measuring samples: two-sided operations of 1 MiB on rail 0,
/// or the largest below that the report reached.
pub(super) fn sampled(report: &Report) -> Option<Bandwidth> {
    let two_sided = report.bandwidths.iter().filter(|b| b.mode == Mode::TwoSided);
    let fit = two_sided.filter(|b| b.rail == Some(0) && b.size_bytes <= MIB);
    fit.max_by_key(|b| b.size_bytes).copied()
}

/// What a transfer may move at most; the first operation always goes.
pub(super) fn most_bytes(what: &Measurement) -> u64 {
    match *what {
        Measurement::Latency { .. } => 0,
        Measurement::Bandwidth { size_bytes, max_bytes, .. } => max_bytes.max(size_bytes.into()),
    }
}

/// Bytes a measurement moved: rail (`None` for all), sent, received.
pub(super) fn moved_bytes(outcome: &Outcome) -> (Option<u16>, u64, u64) {
    match outcome {
        Outcome::Latency { summary, .. } => {
            let count = u64::from(summary.answered.saturating_add(summary.lost));
            let bytes = u64::from(summary.size_bytes) * count;
            (Some(summary.rail), bytes, bytes)
        }
        Outcome::Bandwidth(bandwidth) => (bandwidth.rail, bandwidth.bytes, 0),
        Outcome::Busy | Outcome::Failed { .. } => (None, 0, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::super::fake::{self, Wire};
    use super::*;

    fn walk(mut ladder: Ladder, wire: &Wire) -> (Vec<Measurement>, Report) {
        let mut steps = Vec::new();
        while let Some(step) = ladder.next() {
            steps.push(step);
            ladder.take(&wire.measure(&step));
        }
        (steps, ladder.finish())
    }

    #[test]
    fn one_rail_is_measured_in_full() {
        let (steps, report) = walk(Ladder::new(&fake::rails(1, OneSided::Device)), &Wire::fast());
        assert_eq!((report.latencies.len(), report.bandwidths.len()), (12, 12));
        assert_eq!(steps[0], round_trips(0, Mode::TwoSided, 64), "the first reading of a link");
        assert!(report.not_measured.is_empty(), "{:?}", report.not_measured);
        assert_eq!(sampled(&report).unwrap().size_bytes, MIB);
        let sided = walk(Ladder::new(&fake::rails(1, OneSided::None)), &Wire::fast()).1;
        assert!(sided.bandwidths.iter().all(|b| b.mode == Mode::TwoSided));
    }

    #[test]
    fn each_rail_is_measured_in_full_and_then_all_together() {
        let (steps, report) = walk(Ladder::new(&fake::rails(3, OneSided::None)), &Wire::fast());
        for rail in 0..3 {
            assert_eq!(report.latencies.iter().filter(|l| l.rail == rail).count(), 6);
            assert_eq!(report.bandwidths.iter().filter(|b| b.rail == Some(rail)).count(), 6);
        }
        assert_eq!(report.bandwidths.iter().filter(|b| b.rail.is_none()).count(), 6);
        let Some(Measurement::Bandwidth { rail: None, max_bytes, .. }) = steps.last() else {
            panic!("{steps:?}")
        };
        assert_eq!(*max_bytes, 2_500_000_000, "what the link takes in 250 ms");
    }

    #[test]
    fn a_slow_link_is_not_climbed() {
        // 10 Mbit/s: 64 KiB take 52 ms, 256 KiB 210 ms; 250 ms are 312,500 bytes.
        let wire = Wire { bytes_per_nano: 0.00125, ..Wire::fast() };
        let (steps, report) = walk(Ladder::new(&fake::rails(1, OneSided::None)), &wire);
        assert_eq!(report.bandwidths.len(), 1);
        let begun = |step: &Measurement| match *step {
            Measurement::Bandwidth { max_bytes, .. } => Some(max_bytes),
            Measurement::Latency { .. } => None,
        };
        let begun = steps.iter().find_map(begun).unwrap();
        assert!((300_000..=312_500).contains(&begun), "{begun}");
        assert_eq!(report.not_measured.len(), 5);
        let expected =
            "rail 0, two-sided, 256 KiB: one operation would take 210 ms, heartbeats would wait";
        assert_eq!(report.not_measured[0], expected);
        assert_eq!(sampled(&report).unwrap().size_bytes, 64 * KIB);
        // 16 KiB there and back take 26 ms.
        let last = steps.iter().rfind(|step| matches!(step, Measurement::Latency { .. }));
        assert!(matches!(last, Some(Measurement::Latency { count: 75..=77, .. })), "{last:?}");
        // Not even the first one where the round trips say so.
        let wire = Wire { bytes_per_nano: 0.0001, ..Wire::fast() };
        let (_, report) = walk(Ladder::new(&fake::rails(1, OneSided::None)), &wire);
        assert!(report.bandwidths.is_empty() && sampled(&report).is_none());
    }

    #[test]
    fn what_failed_once_is_not_tried_in_every_size() {
        let wire = Wire { fails: Some(Mode::OneSided), ..Wire::fast() };
        let (steps, report) = walk(Ladder::new(&fake::rails(1, OneSided::Emulated)), &wire);
        assert_eq!(steps.len(), 13);
        assert_eq!((report.latencies.len(), report.bandwidths.len()), (6, 6));
        assert_eq!(report.not_measured.len(), 12);
        assert!(report.not_measured[0].contains("fabric.error: told so"), "{report:?}");
        let wire = Wire { lost: true, ..Wire::fast() };
        let (steps, report) = walk(Ladder::new(&fake::rails(1, OneSided::None)), &wire);
        assert_eq!((steps.len(), report.latencies[0].lost), (1, 3));
    }

    #[test]
    fn busy_changes_nothing() {
        let mut ladder = Ladder::new(&fake::rails(1, OneSided::None));
        let first = ladder.next();
        ladder.take(&Outcome::Busy);
        assert_eq!((ladder.next(), ladder.progress()), (first, (0, 12)));
    }
}
