//! What every part of the daemon says about itself, in one place.
//!
//! Parts put readings under `component:measurement`; a reading holds a value
//! and, when it is not good, a reason of the table with its evidence. The
//! health document, the readiness answer, the worst reason of the state tag
//! and the status line are all read from here, so they cannot disagree.

mod acknowledge;
mod acks;
mod document;
mod held;
pub mod name;

pub use acknowledge::AckError;
pub use held::Settle;
pub use nixl_cluster::Reading;

use crate::events::{self, Check, Stage};
use acks::Acks;
use held::{Change, Held};
use jiff::Timestamp;
use nixl_cluster::Phase;
use nixl_cluster::health::{HealthDocument, NodeSummary};
use nixl_cluster::reason::{self, Reason, Severity};
use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A node that is not paired for longer than this is not healthy, whatever
/// the reason: an `initializing` without an end helps nobody.
pub const UNPAIRED_DEADLINE: Duration = Duration::from_secs(120);

type Checks = BTreeMap<&'static str, Vec<Held>>;

#[derive(Debug)]
struct State {
    service_id: String,
    node: NodeSummary,
    checks: Checks,
    acks: Acks,
    /// `None` while every peer is paired.
    unpaired_since: Option<Instant>,
    /// Grows with each change.
    version: u64,
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
            acks: Acks::default(),
            unpaired_since: Some(Instant::now()),
            version: 0,
        })));
        board.set(name::PEERS, Reading::bad(&reason::INITIALIZING, "the daemon has just started"));
        board
    }
}

impl Board {
    /// The state, to be read.
    fn lock(&self) -> impl Deref<Target = State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state, to be changed.
    fn change(&self) -> MutexGuard<'_, State> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.version += 1;
        state
    }

    /// Another one than before means that something has been told since.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.lock().version
    }

    /// Replaces the one reading of this name.
    pub fn set(&self, name: &'static str, reading: Reading) {
        self.set_all(name, vec![reading]);
    }

    /// Replaces all readings of this name; a reason that stays keeps its time.
    pub fn set_all(&self, name: &'static str, readings: Vec<Reading>) {
        self.put(name, readings, Settle::AT_ONCE);
    }

    /// As [`set_all`](Self::set_all), but a check changes only after several
    /// readings in a row, and the journal is told when it does.
    pub fn set_settled(&self, name: &'static str, readings: Vec<Reading>, settle: Settle) {
        let (now, gone) = self.put(name, readings, settle);
        let changed = now.iter().filter_map(|(held, change)| match change {
            Change::Same => None,
            Change::Changed { from } => Some((held, held.reason(), *from)),
        });
        let gone = gone.iter().filter_map(|held| Some((held, None, Some(held.reason()?.0))));
        for (held, reason, from) in changed.chain(gone) {
            let about = held.reading.id.as_deref();
            let pair_id = about.and_then(|id| self.pair_id(id));
            let check = Check { name, about, stage: self.stage(), pair_id: pair_id.as_deref() };
            match (reason, from) {
                (Some((reason, evidence)), _) => events::check_bad(&check, reason, &evidence),
                (None, Some(from)) => events::check_good(&check, from),
                (None, None) => {}
            }
        }
    }

    /// Where in its life the node is.
    #[must_use]
    pub fn stage(&self) -> Stage {
        let state = self.lock();
        let known = Phase::ALL.iter().find(|(_, name)| *name == state.node.phase);
        known.map_or(Stage::Boot, |(phase, _)| Stage::of(*phase))
    }

    /// The id of the pair with this instance, once this node knows who it is
    /// itself; none of anything else.
    #[must_use]
    pub fn pair_id(&self, peer: &str) -> Option<String> {
        let state = self.lock();
        let cluster = state.node.cluster.as_deref()?.parse().ok()?;
        let own = Some(&state.service_id).filter(|own| is_instance(own) && own.as_str() != peer)?;
        is_instance(peer).then(|| nixl_cluster::pair_id(&cluster, own, peer))
    }

    /// What is held now, with what that changed, and what is held no more.
    fn put(
        &self,
        name: &'static str,
        readings: Vec<Reading>,
        settle: Settle,
    ) -> (Vec<(Held, Change)>, Vec<Held>) {
        let now = Timestamp::now();
        let mut state = self.change();
        let mut before = state.checks.remove(name).unwrap_or_default();
        let mut changes = Vec::with_capacity(readings.len());
        for reading in readings {
            let old = before.iter().position(|old| old.reading.id == reading.id);
            let (held, change) = match old.map(|at| before.swap_remove(at)) {
                Some(old) => old.next(reading, now, settle),
                None => (Held::first(reading, now), Change::Changed { from: None }),
            };
            changes.push((held, change));
        }
        let held: Vec<Held> = changes.iter().map(|(held, _)| held.clone()).collect();
        let over = changes.iter().filter_map(|(held, change)| match change {
            Change::Changed { from: Some(from) } => Some((held.reading.id.as_deref(), from.code)),
            _ => None,
        });
        // What told only of a fault goes with it; of a peer that is not there
        // nothing is known.
        let told =
            before.iter().filter(|held| !held.reading.id.as_deref().is_some_and(is_instance));
        let gone =
            told.filter_map(|held| Some((held.reading.id.as_deref(), held.reason()?.0.code)));
        let forgotten = state.acks.look(name, &held, &over.chain(gone).collect::<Vec<_>>());
        if !held.is_empty() {
            state.checks.insert(name, held);
        }
        drop(state);
        if forgotten {
            let board = self.clone();
            // Whoever tells a reading must not wait for the disk; without a
            // thread the file is as it was until the next acknowledgement.
            let _ = std::thread::Builder::new().spawn(move || board.write_acks());
        }
        (changes, before)
    }

    /// Takes back the reading of this name that is about `id`; the others of the
    /// name stay as they are.
    pub fn forget(&self, name: &'static str, id: &str) {
        let mut state = self.change();
        if let Some(held) = state.checks.get_mut(name) {
            held.retain(|held| held.reading.id.as_deref() != Some(id));
            if held.is_empty() {
                state.checks.remove(name);
            }
        }
    }

    /// Changes who this node is.
    pub fn describe(&self, change: impl FnOnce(&mut NodeSummary)) {
        change(&mut self.change().node);
    }

    /// The instance id is known.
    pub fn identify(&self, instance_id: &str) {
        instance_id.clone_into(&mut self.change().service_id);
    }

    /// Every peer is paired from now on, or not.
    pub fn set_all_paired(&self, all_paired: bool) {
        let mut state = self.change();
        if all_paired {
            state.unpaired_since = None;
        } else if state.unpaired_since.is_none() {
            state.unpaired_since = Some(Instant::now());
        }
    }

    /// Instance ids of the peers this node is paired with.
    #[must_use]
    pub fn paired_with(&self) -> Vec<String> {
        self.lock().node.peers.clone()
    }

    /// Whether every peer is paired now.
    #[must_use]
    pub fn all_paired(&self) -> bool {
        self.lock().unpaired_since.is_none()
    }

    /// Whether this node can be used: every peer is paired, and no error of a
    /// device stands that nobody has acknowledged.
    #[must_use]
    pub fn ready(&self) -> bool {
        self.all_paired()
            && self.worst_of(is_device).is_none_or(|reason| reason.severity != Severity::Error)
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
        let held = state.checks.iter().filter(|(name, _)| wanted(name));
        held.flat_map(|(name, held)| held.iter().map(move |held| (*name, held)))
            .filter(|(name, held)| state.acks.of(name, held).is_none())
            .filter_map(|(_, held)| held.reason().map(|(reason, _)| (reason, held.since)))
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

fn is_instance(id: &str) -> bool {
    id.starts_with("i-")
}

/// What the devices of the node say, which pairing may not notice.
pub(crate) fn is_device(name: &str) -> bool {
    name.starts_with("gpu:") || name.starts_with("efa:")
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
    fn a_device_that_fails_makes_a_pair_not_ready() {
        let board = Board::default();
        board.set_all_paired(true);
        assert!(board.ready());
        board.set("gpu:x", Reading::bad(&reason::FABRIC_DEVICE_ERROR, "dead"));
        assert!(!board.ready());
        board.acknowledge(reason::FABRIC_DEVICE_ERROR.code, None, None).unwrap();
        assert!(board.ready());
    }

    #[test]
    fn a_pair_has_one_name_on_both_nodes() {
        let node = |id: &str| {
            let board = Board::default();
            assert_eq!(board.pair_id("i-2"), None, "who this node is, is not known");
            board.identify(id);
            board.describe(|node| node.cluster = Some("nixl".to_owned()));
            board
        };
        assert_eq!(node("i-1").pair_id("i-2").unwrap(), "nixl/i-1+i-2");
        assert_eq!(node("i-2").pair_id("i-1").unwrap(), "nixl/i-1+i-2");
        assert_eq!(node("i-1").pair_id("GPU-1"), None);
        assert_eq!(node("i-1").pair_id("i-1"), None);
    }

    #[test]
    fn readings_that_are_gone_leave() {
        let board = Board::default();
        board.set_all(name::PEER, vec![Reading::good("paired").about("i-2")]);
        board.set_all(name::PEER, Vec::new());
        assert!(!board.document().checks.contains_key(name::PEER));
        let two = ["i-2", "i-3"].map(|id| Reading::good("paired").about(id));
        board.set_all(name::PEER, two.to_vec());
        board.forget(name::PEER, "i-2");
        let left = &board.document().checks[name::PEER];
        assert_eq!((left.len(), left[0].component_id.as_deref()), (1, Some("i-3")));
        board.forget(name::PEER, "i-3");
        assert!(!board.document().checks.contains_key(name::PEER));
    }
}
