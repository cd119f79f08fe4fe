//! The links in numbers, for `/metrics`: as little as that needs, so that
//! nobody waits for the lock.

use nixl_cluster::link::{Bandwidth, Baseline, Budget, Judgement, Latency, Rail, Skipped};

/// Every link.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LinkFigures {
    /// Rails of this node.
    pub rails: Vec<Rail>,
    /// What measuring in passing costs, while an endpoint is open.
    pub budget: Option<Budget>,
    /// A link each, by rank.
    pub peers: Vec<PeerFigures>,
}

/// One link.
#[derive(Debug, Clone, PartialEq)]
pub struct PeerFigures {
    /// Peer's instance id.
    pub instance_id: String,
    /// Peer's rank.
    pub rank: u32,
    /// Round trips of 64 bytes by rail, since the history begins.
    pub histograms: Vec<(u16, Counts)>,
    /// Whether there is a pair now; without one, nothing that was seen last is told.
    pub paired: bool,
    /// The last round trips on each rail.
    pub probes: Vec<Latency>,
    /// Round trips lost by rail, since the daemon started.
    pub lost: Vec<(u16, u64)>,
    /// The last transfer that is compared with what is expected.
    pub rate: Option<Bandwidth>,
    /// Transfers of the last full report.
    pub report: Vec<Bandwidth>,
    /// What is expected.
    pub baselines: Vec<Baseline>,
    /// And how it was met.
    pub judgements: Vec<Judgement>,
    /// Measurements not made.
    pub skipped: Skipped,
}

/// A histogram with few limits.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Counts {
    /// How many were shorter than so many nanoseconds, and not shorter than the
    /// limit before.
    pub below: Vec<(u64, u64)>,
    /// How many were longer than all limits.
    pub above: u64,
    /// All of them, each as the middle of its bucket: 1.6 % off at most.
    pub sum_nanos: f64,
}
