//! What every part of the daemon says about itself, in one place.
//!
//! Parts put readings under `component:measurement`; a reading holds a value
//! and, when it is not good, a reason of the table with its evidence. The
//! health document, the readiness answer, the worst reason of the state tag
//! and the status line are all read from here, so they cannot disagree.

mod document;

use jiff::Timestamp;
use nixl_cluster::Phase;
use nixl_cluster::health::{HealthDocument, NodeSummary};
use nixl_cluster::reason::{self, Reason, Severity};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A node that is not paired for longer than this is not healthy, whatever
/// the reason: an `initializing` without an end helps nobody.
pub const UNPAIRED_DEADLINE: Duration = Duration::from_secs(120);

/// Names of readings.
pub mod name {
    /// The settings file.
    pub const SETTINGS: &str = "settings:file";
    /// The instance metadata service.
    pub const IMDS: &str = "imds:metadata";
    /// This node's tags.
    pub const REGISTRATION: &str = "registration:tags";
    /// Looking for the other members.
    pub const LOOK_UP: &str = "registration:members";
    /// The libfabric endpoint.
    pub const ENDPOINT: &str = "fabric:endpoint";
    /// EFA that is there and not used.
    pub const EFA: &str = "fabric:efa";
    /// Errors of the fabric that belong to no operation.
    pub const FAULTS: &str = "fabric:faults";
    /// The process that owns the fabric.
    pub const WORKER: &str = "worker:restarts";
    /// Its sandbox: `complete`, or what this kernel or the surroundings cannot enforce.
    pub const SANDBOX: &str = "worker:sandbox";
    /// Number of peers paired.
    pub const PEERS: &str = "pairing:peers";
    /// State of each peer.
    pub const PEER: &str = "peer:state";
    /// What a paired peer has otherwise than this node, where it has.
    pub const PEER_SKEW: &str = "peer:skew";
    /// Median round trip to each peer.
    pub const LINK_P50: &str = "link:roundTripP50";
    /// 99th percentile of the round trip to each peer.
    pub const LINK_P99: &str = "link:roundTripP99";
    /// Probes without answer in the last measurement.
    pub const LINK_LOST: &str = "link:probesLost";
    /// Rate of two-sided operations of 1 MiB, or the largest below that the
    /// link takes, to each peer on rail 0.
    pub const LINK_BANDWIDTH: &str = "link:bandwidth";
    /// The unspent presigned URL.
    pub const MLFLOW: &str = "mlflow:url";
    /// Files that carry `MLFLOW_TRACKING_ARN`.
    pub const ENVIRONMENT: &str = "environment:files";
}

/// One thing seen.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Reading {
    /// What was looked at, e.g. a peer's instance id.
    pub id: Option<String>,
    /// Value seen.
    pub value: Option<Value>,
    /// Unit of the value.
    pub unit: Option<&'static str>,
    /// Why it is not good, with the evidence.
    pub reason: Option<(&'static Reason, String)>,
    /// When it was seen, if not when it is told.
    pub at: Option<Timestamp>,
}

impl Reading {
    /// A good reading.
    pub fn good(value: impl Into<Value>) -> Self {
        Self { value: Some(value.into()), ..Self::default() }
    }

    /// A reading that is not good.
    pub fn bad(reason: &'static Reason, evidence: impl Into<String>) -> Self {
        Self { reason: Some((reason, evidence.into())), ..Self::default() }
    }

    /// About this one.
    #[must_use]
    pub fn about(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// With this value.
    #[must_use]
    pub fn value(mut self, value: impl Into<Value>) -> Self {
        self.value = Some(value.into());
        self
    }

    /// With this unit.
    #[must_use]
    pub fn unit(mut self, unit: &'static str) -> Self {
        self.unit = Some(unit);
        self
    }

    /// Seen at this time.
    #[must_use]
    pub fn at(mut self, at: Timestamp) -> Self {
        self.at = Some(at);
        self
    }
}

#[derive(Debug, Clone)]
struct Held {
    reading: Reading,
    seen: Timestamp,
    /// Since when the reason, or its absence, holds.
    since: Timestamp,
}

#[derive(Debug)]
struct State {
    service_id: String,
    node: NodeSummary,
    checks: BTreeMap<&'static str, Vec<Held>>,
    /// `None` while every peer is paired.
    unpaired_since: Option<Instant>,
}

/// The board; clones share it.
#[derive(Debug, Clone)]
pub struct Board(Arc<Mutex<State>>);

impl Default for Board {
    fn default() -> Self {
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let board = Self(Arc::new(Mutex::new(State {
            service_id: host,
            node: NodeSummary { phase: Phase::Booting.to_string(), ..NodeSummary::default() },
            checks: BTreeMap::new(),
            unpaired_since: Some(Instant::now()),
        })));
        board.set(name::PEERS, Reading::bad(&reason::INITIALIZING, "the daemon has just started"));
        board
    }
}

impl Board {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Replaces the one reading of this name.
    pub fn set(&self, name: &'static str, reading: Reading) {
        self.set_all(name, vec![reading]);
    }

    /// Replaces all readings of this name; a reason that stays keeps its time.
    pub fn set_all(&self, name: &'static str, readings: Vec<Reading>) {
        let now = Timestamp::now();
        let code = |reading: &Reading| reading.reason.as_ref().map(|(reason, _)| reason.code);
        let mut state = self.lock();
        let before = state.checks.remove(name).unwrap_or_default();
        let held = readings.into_iter().map(|reading| {
            let same = before
                .iter()
                .find(|old| old.reading.id == reading.id && code(&old.reading) == code(&reading));
            let seen = reading.at.unwrap_or(now);
            Held { since: same.map_or(now, |old| old.since), seen, reading }
        });
        let held: Vec<Held> = held.collect();
        if !held.is_empty() {
            state.checks.insert(name, held);
        }
    }

    /// Changes who this node is.
    pub fn describe(&self, change: impl FnOnce(&mut NodeSummary)) {
        change(&mut self.lock().node);
    }

    /// The instance id is known.
    pub fn identify(&self, instance_id: &str) {
        instance_id.clone_into(&mut self.lock().service_id);
    }

    /// Whether every peer is paired now.
    pub fn set_all_paired(&self, all_paired: bool) {
        let mut state = self.lock();
        if all_paired {
            state.unpaired_since = None;
        } else if state.unpaired_since.is_none() {
            state.unpaired_since = Some(Instant::now());
        }
    }

    /// Whether this node can be used: every peer is paired.
    #[must_use]
    pub fn ready(&self) -> bool {
        self.lock().unpaired_since.is_none()
    }

    /// The worst reason held, the oldest of equals.
    #[must_use]
    pub fn worst(&self) -> Option<&'static Reason> {
        self.worst_of(|_| true)
    }

    /// The worst reason but for those about writing tags: a tag that is being
    /// written cannot say that it cannot be written.
    #[must_use]
    pub fn worst_for_tag(&self) -> Option<&'static Reason> {
        self.worst_of(|held| held != name::REGISTRATION && held != name::LOOK_UP)
    }

    /// Whether an error is held under one of these names.
    #[must_use]
    pub fn has_error(&self, names: &[&str]) -> bool {
        self.worst_of(|name| names.contains(&name))
            .is_some_and(|reason| reason.severity == Severity::Error)
    }

    fn worst_of(&self, wanted: impl Fn(&str) -> bool) -> Option<&'static Reason> {
        let state = self.lock();
        let held = state.checks.iter().filter(|(name, _)| wanted(name)).flat_map(|(_, held)| held);
        held.filter_map(|held| {
            held.reading.reason.as_ref().map(|(reason, _)| (*reason, held.since))
        })
        .min_by_key(|(reason, since)| (std::cmp::Reverse(reason.severity), *since))
        .map(|(reason, _)| reason)
    }

    /// The health document of this moment.
    #[must_use]
    pub fn document(&self) -> HealthDocument {
        let state = self.lock();
        let unpaired = state.unpaired_since.map(|since| since.elapsed());
        document::make(&state, Timestamp::now(), unpaired)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_that_stays_keeps_its_time() {
        let board = Board::default();
        board.set(name::IMDS, Reading::bad(&reason::IMDS_UNREACHABLE, "once"));
        let since = |board: &Board| {
            board.document().checks[name::IMDS][0].reason.as_ref().map(|r| r.since.clone())
        };
        let first = since(&board).unwrap();
        std::thread::sleep(Duration::from_millis(2));
        board.set(name::IMDS, Reading::bad(&reason::IMDS_UNREACHABLE, "twice"));
        assert_eq!(since(&board).unwrap(), first);
        board.set(name::IMDS, Reading::good("i-1"));
        assert_eq!(since(&board), None);
    }

    #[test]
    fn the_worst_reason_wins() {
        let board = Board::default();
        assert_eq!(board.worst().unwrap().code, "node.initializing");
        board.set(name::WORKER, Reading::bad(&reason::FABRIC_WORKER_DIED, "1"));
        assert_eq!(board.worst().unwrap().code, "fabric.worker_died");
        board.set(name::ENDPOINT, Reading::bad(&reason::FABRIC_LIBRARY_MISSING, "no"));
        assert_eq!(board.worst().unwrap().code, "fabric.library_missing");
        assert!(board.has_error(&[name::ENDPOINT]) && !board.has_error(&[name::WORKER]));
    }

    #[test]
    fn readings_that_are_gone_leave() {
        let board = Board::default();
        board.set_all(name::PEER, vec![Reading::good("paired").about("i-2")]);
        board.set_all(name::PEER, Vec::new());
        assert!(!board.document().checks.contains_key(name::PEER));
    }
}
