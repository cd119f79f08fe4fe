//! `GET /link`: what a node knows of its links, and `POST /link/run`.
//!
//! Units are in the names; times of day are RFC 3339 in UTC or Unix seconds.

use super::{Bandwidth, Latency, Rail};
use serde::{Deserialize, Serialize};

/// Everything this node knows of its links.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct LinkDocument {
    /// Who measures.
    pub node: LinkNode,
    /// Rails of this node; empty while no endpoint is open.
    pub rails: Vec<Rail>,
    /// Full reports: what is under way and what was done.
    pub runs: Runs,
    /// What continuous measuring may cost.
    pub budget: Budget,
    /// What others move over the rails.
    pub traffic: Traffic,
    /// A link each, by rank.
    pub peers: Vec<PeerLink>,
}

/// Who measures.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct LinkNode {
    /// `i-…`
    pub instance_id: String,
    /// Launch index.
    pub rank: u32,
    /// EC2 instance type.
    pub instance_type: String,
    /// libfabric in use, version and path.
    pub library: Option<String>,
}

/// Full reports since the daemon started.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Runs {
    /// Number of the run asked for by `POST /link/run` that goes on.
    pub under_way: Option<u64>,
    /// Number of the last such run that ended.
    pub done: u64,
    /// Peers that run did not measure, by instance id: their pair was lost.
    #[serde(default)]
    pub cut_off: Vec<String>,
    /// The report being measured, asked for or at pairing.
    pub measuring: Option<Measuring>,
}

/// A report being measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measuring {
    /// Instance id of the peer.
    pub peer: String,
    /// Measurements done.
    pub done: usize,
    /// Measurements in all, at most.
    pub of: usize,
}

/// What continuous measuring may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Budget {
    /// Allowed on average.
    pub bytes_per_sec: u64,
    /// Moved since the endpoint was opened, full reports not counted.
    pub spent_bytes: u64,
}

/// What others than this daemon move over the rails, by the devices' counters.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Traffic {
    /// Devices whose counters are read; empty where the provider has none.
    pub devices: Vec<String>,
    /// The busiest device when last looked at, in its busier direction.
    pub bytes_per_sec: Option<u64>,
    /// Why measuring waits, if it does.
    pub busy: Option<String>,
}

/// One link.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PeerLink {
    /// Peer's instance id.
    pub instance_id: String,
    /// Peer's rank.
    pub rank: u32,
    /// Whether it is paired now; what follows may be older.
    pub paired: bool,
    /// Last full report.
    pub report: Option<Report>,
    /// Last round trips measured on each rail.
    pub probes: Vec<Probe>,
    /// Last transfer measured within the budget.
    pub sample: Option<Sample>,
    /// Round trips of 64 bytes since the history begins, a rail each.
    pub histograms: Vec<HistogramSummary>,
    /// The last hours on rail 0, a minute each, oldest first.
    pub history: Vec<Minute>,
    /// What is expected, and from where.
    pub baselines: Vec<Baseline>,
    /// Each expectation held against what was seen.
    pub judgements: Vec<Judgement>,
    /// Measurements not made, and why.
    pub skipped: Skipped,
}

/// A full report.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Report {
    /// When it began, RFC 3339.
    pub at: String,
    /// How long it took.
    pub took_millis: u64,
    /// What others moved over the rails when it began, if too much to be fair.
    pub other_traffic: Option<String>,
    /// Round trips, in the order measured.
    pub latencies: Vec<Latency>,
    /// Transfers, in the order measured.
    pub bandwidths: Vec<Bandwidth>,
    /// What was not measured, with the reason.
    pub not_measured: Vec<String>,
}

/// Round trips measured in passing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Probe {
    /// When, RFC 3339.
    pub at: String,
    /// What.
    pub latency: Latency,
}

/// A transfer measured in passing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// When, RFC 3339.
    pub at: String,
    /// What.
    pub bandwidth: Bandwidth,
}

/// Percentiles of a histogram; each is at most 3.2 % above the true one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistogramSummary {
    /// Rail of this node.
    pub rail: u16,
    /// Round trips counted.
    pub count: u64,
    /// Median.
    pub p50_nanos: u64,
    /// 90th percentile.
    pub p90_nanos: u64,
    /// 99th percentile.
    pub p99_nanos: u64,
    /// 99.9th percentile.
    pub p999_nanos: u64,
    /// Longest.
    pub max_nanos: u64,
}

/// One minute of round trips of 64 bytes and transfers on rail 0.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Minute {
    /// Begin of the minute, Unix time.
    pub at_secs: i64,
    /// Round trips that came back; 0 makes those below 0.
    pub answered: u32,
    /// Round trips that did not.
    pub lost: u32,
    /// Shortest.
    pub min_nanos: u64,
    /// Median.
    pub p50_nanos: u64,
    /// 99th percentile.
    pub p99_nanos: u64,
    /// Longest.
    pub max_nanos: u64,
    /// Best transfer of the minute, if one was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gbps: Option<f64>,
}

/// Where an expectation comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// What EFA should reach on this instance type.
    InstanceType,
    /// What this very pair did when it was new.
    OwnHistory,
}

/// What is expected of rail 0.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    /// From where.
    pub source: Source,
    /// Median round trip of 64 bytes, once known.
    pub round_trip_micros: Option<f64>,
    /// Rate of operations of 1 MiB or the largest below that the link takes, once known.
    pub gbps: Option<f64>,
}

/// What is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Measure {
    /// Median round trip of 64 bytes, in microseconds.
    Latency,
    /// Rate of a transfer, in 10^9 bits a second.
    Bandwidth,
    /// Round trips that did not come back.
    Losses,
}

/// An expectation held against what was seen.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// What is judged.
    pub measure: Measure,
    /// What it is compared with; none for losses, which are never expected.
    pub source: Option<Source>,
    /// Whether the link counts as degraded: after 3 bad ones in a row, until 5
    /// good ones in a row.
    pub degraded: bool,
    /// Last value, in the unit of the measure.
    pub seen: f64,
    /// Value expected.
    pub expected: f64,
    /// Beyond it, a value is bad.
    pub limit: f64,
    /// Bad ones in a row, up to the last.
    pub bad_in_a_row: u32,
    /// Good ones in a row, up to the last.
    pub good_in_a_row: u32,
}

/// Measurements not made since the endpoint was opened.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Skipped {
    /// Transfers left out because others moved traffic.
    pub other_traffic: u64,
    /// Times one of both sides was measuring something else; asked again.
    pub busy: u64,
    /// Measurements that failed.
    pub failed: u64,
    /// Why the last one was not made.
    pub last: Option<String>,
}

/// Answer to `POST /link/run`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunAccepted {
    /// It has ended when [`Runs::done`] says this number.
    pub run: u64,
    /// Where to look.
    pub look_at: String,
}
