//! What is known of one link, and what it means.

use super::baseline;
use super::figures::PeerFigures;
use super::judge::{Held, Judge};
use super::plan;
use super::store::Record;
use crate::board::Reading;
use crate::events::{self, Peer};
use jiff::Timestamp;
use nixl_cluster::link::{
    Bandwidth, Baseline, Judgement, Latency, Measure, PeerLink, Probe, Report, Sample, Skipped,
    Source,
};
use nixl_cluster::reason::{self, Reason};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Minutes of history in the document: a screen's width.
const MINUTES_TOLD: usize = 120;

/// After so many failed rounds in a row nothing is known of a link any more.
const BLIND: u32 = 3;
/// Nor after so many rounds' time without round trips, a minute at least.
const BLIND_ROUNDS: u32 = 6;
const LEAST_BLIND: Duration = Duration::from_secs(60);
/// A rate older than this is no reading any more.
const OLD_RATE: Duration = Duration::from_secs(15 * 60);

/// Between two writes of a record.
const WRITE_INTERVAL: Duration = Duration::from_secs(60);

/// When something was seen, by the clock that is never set and by the wall's.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    pub clock: Instant,
    pub wall: Timestamp,
}

impl Moment {
    fn age(self, now: Instant) -> Duration {
        now.saturating_duration_since(self.clock)
    }
}

/// One link. What was measured since it was paired is apart from what its
/// record remembers.
pub(super) struct Known {
    pub instance_id: String,
    pub rank: u32,
    pub paired: bool,
    /// Once it was paired.
    pub pair_id: Option<String>,
    pub record: Record,
    of_type: Option<Baseline>,
    probes: BTreeMap<u16, (Moment, Latency)>,
    /// Round trips that did not come back, by rail.
    lost: BTreeMap<u16, u64>,
    /// The last transfer within the budget.
    sample: Option<(Moment, Bandwidth)>,
    /// The last transfer like that, a report's included.
    rate: Option<(Moment, Bandwidth)>,
    /// When it was paired.
    since: Instant,
    /// Rounds in a row whose first measurement failed, and why the last did.
    failed: (u32, String),
    /// Whether the journal was told that nothing is known.
    blind_told: bool,
    /// With the time of the last value judged.
    judges: BTreeMap<(Measure, Option<Source>), (Judge, Timestamp)>,
    /// Whether the record has news since it was written, and when it may be.
    changed: bool,
    write_due: Instant,
}

/// What `/health` says of a link.
pub(super) struct Readings {
    pub p50: Option<Reading>,
    pub p99: Option<Reading>,
    pub lost: Option<Reading>,
    pub bandwidth: Option<Reading>,
}

impl Known {
    pub fn new(
        instance_id: &str,
        rank: u32,
        record: Record,
        of_type: Option<Baseline>,
        now: Instant,
    ) -> Self {
        Self {
            instance_id: instance_id.to_owned(),
            rank,
            paired: false,
            pair_id: None,
            record,
            of_type,
            probes: BTreeMap::new(),
            lost: BTreeMap::new(),
            sample: None,
            rate: None,
            since: now,
            failed: (0, String::new()),
            blind_told: false,
            judges: BTreeMap::new(),
            changed: false,
            // Not all of many links in the same second.
            write_due: now + WRITE_INTERVAL + Duration::from_secs(u64::from(rank % 60)),
        }
    }

    /// A new pairing: what was measured before says nothing about it.
    pub fn paired(&mut self, rank: u32, pair_id: Option<String>, now: Instant) {
        (self.rank, self.paired, self.since) = (rank, true, now);
        self.pair_id = pair_id;
        self.probes.clear();
        self.judges.clear();
        (self.sample, self.rate) = (None, None);
        self.failed.0 = 0;
        self.blind_told = false;
    }

    /// 64-byte round trips on a rail; under others' traffic they are kept, but
    /// nothing is learned or judged by them.
    pub fn probed(&mut self, latency: Latency, nanos: &[u64], fair: bool, now: Moment) {
        let histogram = self.record.histograms.entry(latency.rail).or_default();
        nanos.iter().for_each(|nanos| histogram.add(*nanos));
        self.probes.insert(latency.rail, (now, latency));
        *self.lost.entry(latency.rail).or_default() += u64::from(latency.lost);
        self.changed = true;
        if latency.rail != 0 {
            return;
        }
        self.failed.0 = 0;
        self.record.history.round_trips(now.wall.as_second(), nanos, latency.lost);
        let lost = Held { seen: f64::from(latency.lost), expected: 0.0, limit: 0.0 };
        self.judge(Measure::Losses, None, lost, now.wall);
        if fair && latency.answered > 0 {
            let seen = micros(latency.p50_nanos);
            self.record.own.latency(seen);
            for baseline in self.baselines() {
                if let Some(held) = baseline::latency(&baseline, seen) {
                    self.judge(Measure::Latency, Some(baseline.source), held, now.wall);
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
    pub fn sampled(&mut self, bandwidth: Bandwidth, now: Moment) {
        let seen = gbps(&bandwidth);
        self.sample = Some((now, bandwidth));
        self.rate = self.sample;
        self.changed = true;
        self.record.history.transfer(now.wall.as_second(), seen);
        self.record.own.bandwidth(seen);
        for baseline in self.baselines() {
            if let Some(held) = baseline::bandwidth(&baseline, seen) {
                self.judge(Measure::Bandwidth, Some(baseline.source), held, now.wall);
            }
        }
    }

    pub fn reported(&mut self, report: Report, now: Moment) {
        self.rate = plan::sampled(&report).map(|rate| (now, rate)).or(self.rate);
        self.record.report = Some(report);
        self.changed = true;
    }

    fn judge(&mut self, measure: Measure, source: Option<Source>, held: Held, at: Timestamp) {
        let new = || (Judge::new(measure, source), at);
        let (judge, judged) = self.judges.entry((measure, source)).or_insert_with(new);
        *judged = at;
        let peer = as_peer(&self.instance_id, self.rank, self.pair_id.as_deref());
        if !judge.take(held) {
            return;
        }
        match judge.reason() {
            Some((reason, evidence)) => events::link_bad(peer, reason, &evidence),
            None => events::link_good(peer, judge.about()),
        }
    }

    fn baselines(&self) -> Vec<Baseline> {
        baseline::all(self.of_type, &self.record.own)
    }

    /// Why this value, seen at this time, is not good.
    fn reason(&self, measure: Measure, at: Timestamp) -> Option<(&'static Reason, String)> {
        let judges = self.judges.iter().filter(|((of, _), _)| *of == measure);
        let told = |(judge, judged): &(Judge, Timestamp)| {
            let (reason, evidence) = judge.reason()?;
            // A value that is not judged, for others' traffic, changes nothing.
            let judged = match *judged == at {
                true => String::new(),
                false => format!("; last judged at {}", rfc3339(*judged)),
            };
            Some((reason, format!("{evidence}{judged}")))
        };
        judges.filter_map(|(_, judge)| told(judge)).next()
    }

    /// Why nothing is known of this link now, if nothing is.
    fn blind(&self, now: Instant, probe_interval: Duration) -> Option<String> {
        let (failed, why) = &self.failed;
        if *failed >= BLIND {
            return Some(format!("{failed} times in a row, last: {why}"));
        }
        let probe = self.probes.get(&0);
        let age = probe.map_or(now.saturating_duration_since(self.since), |(at, _)| at.age(now));
        let seen = probe.map_or("paired", |_| "the last round trips");
        (age > (probe_interval * BLIND_ROUNDS).max(LEAST_BLIND))
            .then(|| format!("{} s since {seen}", age.as_secs()))
    }

    /// Tells the journal when nothing is known of this link any more, and when
    /// something is again.
    pub fn tell_blind(&mut self, now: Instant, probe_interval: Duration) {
        let news = self.blind_news(now, probe_interval);
        let peer = as_peer(&self.instance_id, self.rank, self.pair_id.as_deref());
        match news {
            Some(Some(evidence)) => events::link_bad(peer, &reason::LINK_NOT_MEASURED, &evidence),
            Some(None) => events::link_good(peer, &reason::LINK_NOT_MEASURED),
            None => {}
        }
    }

    /// Why nothing is known, or that something is, if it is otherwise than when
    /// last asked.
    pub fn blind_news(&mut self, now: Instant, probe_interval: Duration) -> Option<Option<String>> {
        let blind = self.blind(now, probe_interval);
        let news = blind.is_some() != self.blind_told;
        self.blind_told = blind.is_some();
        news.then_some(blind)
    }

    /// What is known now, if a round begins so often.
    pub fn readings(&self, now: Instant, probe_interval: Duration) -> Readings {
        if let Some(evidence) = self.blind(now, probe_interval) {
            // What was seen before is too old to stand for what is.
            let blind = Reading::bad(&reason::LINK_NOT_MEASURED, evidence);
            let lost = Some(blind.about(self.instance_id.as_str()));
            return Readings { p50: None, p99: None, lost, bandwidth: None };
        }
        let reading = |value: serde_json::Value, unit, at: Moment, measure: Option<Measure>| {
            let reason = measure.and_then(|measure| self.reason(measure, at.wall));
            let seen = Reading::good(value).unit(unit).at(at.wall);
            Reading { reason, ..seen.about(self.instance_id.as_str()) }
        };
        let probe = self.probes.get(&0);
        let answered = probe.filter(|(_, latency)| latency.answered > 0);
        let rate = self.rate.filter(|(at, _)| at.age(now) <= OLD_RATE);
        Readings {
            p50: answered.map(|(at, latency)| {
                reading(micros(latency.p50_nanos).into(), "us", *at, Some(Measure::Latency))
            }),
            p99: answered
                .map(|(at, latency)| reading(micros(latency.p99_nanos).into(), "us", *at, None)),
            lost: probe.map(|(at, latency)| {
                reading(latency.lost.into(), "probes", *at, Some(Measure::Losses))
            }),
            bandwidth: rate.map(|(at, rate)| {
                reading(gbps(&rate).into(), "Gb/s", at, Some(Measure::Bandwidth))
            }),
        }
    }

    pub fn document(&self, skipped: Skipped) -> PeerLink {
        let histograms = self.record.histograms.iter();
        let probes = self.probes.values();
        let probe =
            |(at, latency): &(Moment, Latency)| Probe { at: rfc3339(at.wall), latency: *latency };
        let sample =
            |(at, bandwidth): (Moment, Bandwidth)| Sample { at: rfc3339(at.wall), bandwidth };
        let judges = self.judges.values();
        PeerLink {
            instance_id: self.instance_id.clone(),
            rank: self.rank,
            paired: self.paired,
            report: self.record.report.clone(),
            probes: probes.map(probe).collect(),
            sample: self.sample.map(sample),
            histograms: histograms.map(|(rail, counts)| counts.summary(*rail)).collect(),
            history: self.record.history.last(MINUTES_TOLD),
            baselines: self.baselines(),
            judgements: judges.map(|(judge, _)| judge.state()).collect::<Vec<Judgement>>(),
            skipped,
        }
    }

    /// The same in numbers, if a round begins so often. What was seen last is told
    /// as long as [`Known::readings`] tells it.
    pub fn figures(&self, skipped: Skipped, now: Instant, probe_interval: Duration) -> PeerFigures {
        let known = self.paired && self.blind(now, probe_interval).is_none();
        // Beside rail 0, each rail is probed in turn.
        let rounds = BLIND_ROUNDS.saturating_mul(self.probes.len().try_into().unwrap_or(u32::MAX));
        let old = probe_interval.saturating_mul(rounds).max(LEAST_BLIND);
        let probes = self.probes.values().filter(|(at, _)| known && at.age(now) <= old);
        let rate = self.rate.filter(|(at, _)| known && at.age(now) <= OLD_RATE);
        let judges = self.judges.values().filter(|_| known);
        let histograms = self.record.histograms.iter();
        let report = self.record.report.as_ref();
        PeerFigures {
            instance_id: self.instance_id.clone(),
            rank: self.rank,
            histograms: histograms.map(|(rail, counts)| (*rail, counts.counts())).collect(),
            paired: self.paired,
            probes: probes.map(|(_, latency)| *latency).collect(),
            lost: self.lost.iter().map(|(rail, count)| (*rail, *count)).collect(),
            rate: rate.map(|(_, rate)| rate),
            report: report.map(|report| report.bandwidths.clone()).unwrap_or_default(),
            baselines: self.baselines(),
            judgements: judges.map(|(judge, _)| judge.state()).collect(),
            skipped,
        }
    }

    /// Whether the record is to be written: once a minute, if there is news.
    pub fn due_to_write(&mut self, now: Instant) -> bool {
        let due = self.changed && now >= self.write_due;
        if due {
            (self.changed, self.write_due) = (false, now + WRITE_INTERVAL);
        }
        due
    }
}

fn as_peer<'a>(id: &'a str, rank: u32, pair_id: Option<&'a str>) -> Peer<'a> {
    Peer { id: Some(id), rank, pair_id }
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
