//! What is known of one link, and what it means.

use super::baseline;
use super::judge::{Held, Judge};
use super::plan;
use super::store::Record;
use crate::board::Reading;
use crate::events;
use jiff::Timestamp;
use nixl_cluster::link::{
    Bandwidth, Baseline, Judgement, Latency, Measure, PeerLink, Probe, Report, Sample, Skipped,
    Source,
};
use nixl_cluster::reason::{self, Reason};
use std::collections::BTreeMap;

/// Minutes of history in the document: a screen's width.
const MINUTES_TOLD: usize = 120;

/// After so many failed rounds in a row nothing is known of a link any more.
const BLIND: u32 = 3;

/// One link. What was measured since it was paired is apart from what its
/// record remembers.
pub(super) struct Known {
    pub instance_id: String,
    pub rank: u32,
    pub paired: bool,
    pub record: Record,
    of_type: Option<Baseline>,
    probes: BTreeMap<u16, Probe>,
    sample: Option<Sample>,
    reported: bool,
    /// Rounds in a row whose first measurement failed, and why the last did.
    failed: (u32, String),
    judges: BTreeMap<(Measure, Option<Source>), Judge>,
    /// Minute of the clock in which the record was last written.
    written_minute: i64,
}

/// What `/health` says of a link.
pub(super) struct Readings {
    pub p50: Option<Reading>,
    pub p99: Option<Reading>,
    pub lost: Option<Reading>,
    pub bandwidth: Option<Reading>,
}

impl Known {
    pub fn new(instance_id: &str, rank: u32, record: Record, of_type: Option<Baseline>) -> Self {
        Self {
            instance_id: instance_id.to_owned(),
            rank,
            paired: false,
            record,
            of_type,
            probes: BTreeMap::new(),
            sample: None,
            reported: false,
            failed: (0, String::new()),
            judges: BTreeMap::new(),
            written_minute: minute(Timestamp::now()),
        }
    }

    /// A new pairing: what was measured before says nothing about it.
    pub fn paired(&mut self, rank: u32) {
        (self.rank, self.paired, self.reported) = (rank, true, false);
        self.probes.clear();
        self.sample = None;
        self.failed.0 = 0;
    }

    /// 64-byte round trips on a rail; under others' traffic they are kept, but
    /// nothing is learned or judged by them.
    pub fn probed(&mut self, latency: Latency, nanos: &[u64], fair: bool, now: Timestamp) {
        let histogram = self.record.histograms.entry(latency.rail).or_default();
        nanos.iter().for_each(|nanos| histogram.add(*nanos));
        self.probes.insert(latency.rail, Probe { at: rfc3339(now), latency });
        if latency.rail != 0 {
            return;
        }
        self.failed.0 = 0;
        self.record.history.round_trips(now.as_second(), nanos, latency.lost);
        let lost = Held { seen: f64::from(latency.lost), expected: 0.0, limit: 0.0 };
        self.judge(Measure::Losses, None, lost);
        if fair && latency.answered > 0 {
            let seen = micros(latency.p50_nanos);
            self.record.own.latency(seen);
            for baseline in self.baselines() {
                if let Some(held) = baseline::latency(&baseline, seen) {
                    self.judge(Measure::Latency, Some(baseline.source), held);
                }
            }
        }
    }

    /// Round trips that could not be measured.
    pub fn not_probed(&mut self, rail: u16, why: String) {
        if rail == 0 {
            self.failed = (self.failed.0.saturating_add(1), why);
        }
    }

    /// A transfer on rail 0 while nobody else moved much.
    pub fn sampled(&mut self, bandwidth: Bandwidth, now: Timestamp) {
        let seen = gbps(&bandwidth);
        self.sample = Some(Sample { at: rfc3339(now), bandwidth });
        self.record.history.transfer(now.as_second(), seen);
        self.record.own.bandwidth(seen);
        for baseline in self.baselines() {
            if let Some(held) = baseline::bandwidth(&baseline, seen) {
                self.judge(Measure::Bandwidth, Some(baseline.source), held);
            }
        }
    }

    pub fn reported(&mut self, report: Report) {
        self.record.report = Some(report);
        self.reported = true;
    }

    fn judge(&mut self, measure: Measure, source: Option<Source>, held: Held) {
        let judge =
            self.judges.entry((measure, source)).or_insert_with(|| Judge::new(measure, source));
        if !judge.take(held) {
            return;
        }
        match judge.reason() {
            Some((reason, evidence)) => {
                events::reason(reason, &format!("{}: {evidence}", self.instance_id));
            }
            None => tracing::info!(
                peer_id = %self.instance_id,
                "{measure:?} of the link to {} is as expected again", self.instance_id
            ),
        }
    }

    fn baselines(&self) -> Vec<Baseline> {
        baseline::all(self.of_type, &self.record.own)
    }

    fn reason(&self, measure: Measure) -> Option<(&'static Reason, String)> {
        let judges = self.judges.iter().filter(|((of, _), _)| *of == measure);
        judges.filter_map(|(_, judge)| judge.reason()).next()
    }

    pub fn readings(&self) -> Readings {
        let (failed, why) = &self.failed;
        if *failed >= BLIND {
            // What was seen before is too old to stand for what is.
            let evidence = format!("{failed} times in a row, last: {why}");
            let blind = Reading::bad(&reason::LINK_NOT_MEASURED, evidence);
            let lost = Some(blind.about(self.instance_id.as_str()));
            return Readings { p50: None, p99: None, lost, bandwidth: None };
        }
        let reading = |value: serde_json::Value, unit, reason| Reading {
            reason,
            ..Reading::good(value).unit(unit).about(self.instance_id.as_str())
        };
        let probe = self.probes.get(&0).map(|probe| probe.latency);
        let answered = probe.filter(|latency| latency.answered > 0);
        let rate = match &self.sample {
            Some(sample) => Some(sample.bandwidth),
            None => self.record.report.as_ref().filter(|_| self.reported).and_then(plan::sampled),
        };
        Readings {
            p50: answered.map(|latency| {
                reading(micros(latency.p50_nanos).into(), "us", self.reason(Measure::Latency))
            }),
            p99: answered.map(|latency| reading(micros(latency.p99_nanos).into(), "us", None)),
            lost: probe.map(|latency| {
                reading(latency.lost.into(), "probes", self.reason(Measure::Losses))
            }),
            bandwidth: rate
                .map(|rate| reading(gbps(&rate).into(), "Gb/s", self.reason(Measure::Bandwidth))),
        }
    }

    pub fn document(&self, skipped: Skipped) -> PeerLink {
        let histograms = self.record.histograms.iter();
        PeerLink {
            instance_id: self.instance_id.clone(),
            rank: self.rank,
            paired: self.paired,
            report: self.record.report.clone(),
            probes: self.probes.values().cloned().collect(),
            sample: self.sample.clone(),
            histograms: histograms.map(|(rail, counts)| counts.summary(*rail)).collect(),
            history: self.record.history.last(MINUTES_TOLD),
            baselines: self.baselines(),
            judgements: self.judges.values().map(Judge::state).collect::<Vec<Judgement>>(),
            skipped,
        }
    }

    /// Whether the record is to be written: once a minute.
    pub fn due_to_write(&mut self, now: Timestamp) -> bool {
        std::mem::replace(&mut self.written_minute, minute(now)) != minute(now)
    }
}

fn minute(now: Timestamp) -> i64 {
    now.as_second().div_euclid(60)
}

pub(super) fn rfc3339(at: Timestamp) -> String {
    format!("{at:.3}")
}

/// With two decimals; more would be noise.
fn micros(nanos: u64) -> f64 {
    (nanos as f64 / 10.0).round() / 100.0
}

/// With four decimals, for links of some megabits.
fn gbps(bandwidth: &Bandwidth) -> f64 {
    (bandwidth.gbps() * 1e4).round() / 1e4
}
