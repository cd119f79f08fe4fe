//! What paired nodes ask each other: the time, their versions, and how they are.
//!
//! The pairing carries one question at a time to each peer, so they wait in line here.

mod answer;
mod clock;
mod versions;

pub(super) use answer::{health, time, told_time};

use crate::board::{Board, Settle};
use crate::peers::NoHealth;
use clock::{Clocks, EXCHANGES, SETTLE};
use jiff::Timestamp;
use nixl_cluster::{PeerAnswer, PeerHealth, Versions};
use nixl_pairing::Question;
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// Names of readings.
pub mod name {
    /// Seconds by which the clock of each peer is ahead of this node's.
    pub const CLOCK: &str = "peer:clock";
    /// By how many seconds that may be wrong.
    pub const CLOCK_UNCERTAINTY: &str = "peer:clockUncertainty";
    /// Kernel of each peer.
    pub const KERNEL: &str = "peer:kernel";
    /// Version of each peer's module `efa`.
    pub const EFA_DRIVER: &str = "peer:efaDriver";
    /// Version of each peer's GPU driver.
    pub const NVIDIA_DRIVER: &str = "peer:nvidiaDriver";
    /// Version of each peer's libfabric.
    pub const LIBFABRIC: &str = "peer:libfabric";
    /// All of these.
    pub const ALL: [&str; 6] =
        [CLOCK, CLOCK_UNCERTAINTY, KERNEL, EFA_DRIVER, NVIDIA_DRIVER, LIBFABRIC];
}

/// Who asks within this time is told the same.
const FRESH: Duration = Duration::from_secs(1);

/// One who waits for a peer's health.
pub(super) type Waiter = oneshot::Sender<Result<PeerHealth, NoHealth>>;

/// Questions to one peer.
#[derive(Default)]
struct Line {
    /// Since when one is asked.
    asked: Option<Instant>,
    queue: VecDeque<Question>,
    waiters: Vec<Waiter>,
    health: Option<(Instant, PeerAnswer)>,
}

/// All questions of one incarnation, and what came of them.
#[derive(Default)]
pub(super) struct Inquiry {
    lines: BTreeMap<u32, Line>,
    clocks: Clocks,
    versions: BTreeMap<u32, Versions>,
}

impl Inquiry {
    /// What to ask this peer now.
    pub fn next(&mut self, rank: u32) -> Option<Question> {
        let line = self.lines.get_mut(&rank)?;
        if line.asked.is_some() {
            return None;
        }
        let what = line.queue.pop_front()?;
        line.asked = Some(Instant::now());
        Some(what)
    }

    /// A question has ended; how long it took.
    pub fn ended(&mut self, rank: u32) -> Duration {
        let asked = self.lines.get_mut(&rank).and_then(|line| line.asked.take());
        asked.map_or(Duration::ZERO, |asked| asked.elapsed())
    }

    /// A new pair is looked at soon.
    pub fn paired(&mut self) {
        self.clocks.soon();
    }

    /// Whether a round is due.
    pub fn is_due(&self, interval: Duration, least: Duration) -> bool {
        self.clocks.is_due(Instant::now(), interval, least)
    }

    /// Asks all of these for their time, several times, and for their versions.
    pub fn begin_round(&mut self, ranks: &[u32]) {
        self.clocks.begin(ranks.iter().copied(), Instant::now());
        for rank in ranks {
            let line = self.lines.entry(*rank).or_default();
            line.queue.extend((0..EXCHANGES).map(|_| Question::Time));
            line.queue.push_back(Question::Versions);
        }
    }

    /// A peer has told its time, or has not.
    pub fn time(
        &mut self,
        rank: u32,
        told: Option<Timestamp>,
        round_trip: Duration,
        names: &BTreeMap<u32, String>,
        board: &Board,
    ) {
        if self.clocks.exchanged(rank, told, Timestamp::now(), round_trip) {
            self.tell_clocks(names, board);
        }
    }

    fn tell_clocks(&mut self, names: &BTreeMap<u32, String>, board: &Board) {
        let (skews, uncertainties) = self.clocks.readings(names);
        board.set_settled(name::CLOCK, skews, SETTLE);
        board.set_all(name::CLOCK_UNCERTAINTY, uncertainties);
    }

    /// A peer has told its versions.
    pub fn versions(
        &mut self,
        rank: u32,
        told: Versions,
        ours: &Versions,
        names: &BTreeMap<u32, String>,
        board: &Board,
    ) {
        self.versions.insert(rank, told);
        self.tell_versions(ours, names, board);
    }

    fn tell_versions(&self, ours: &Versions, names: &BTreeMap<u32, String>, board: &Board) {
        for (name, readings) in versions::readings(ours, &self.versions, names) {
            board.set_settled(name, readings, Settle::AT_ONCE);
        }
    }

    /// Somebody wants to know how a peer is, whose instance id is `id`.
    pub fn wait(&mut self, rank: u32, id: &str, waiter: Waiter) {
        let line = self.lines.entry(rank).or_default();
        if let Some((at, answer)) = line.health.as_ref().filter(|(at, _)| at.elapsed() < FRESH) {
            // Who does not wait any more needs no answer, here and below.
            let _ = waiter.send(Ok(health_of(id, rank, *at, answer)));
            return;
        }
        line.waiters.retain(|waiter| !waiter.is_closed());
        // Those that wait already have asked.
        if line.waiters.is_empty() {
            line.queue.push_front(Question::Health);
        }
        line.waiters.push(waiter);
    }

    /// How a peer is, or why that is not known, to all who wait for it.
    pub fn health(&mut self, rank: u32, id: &str, told: Result<PeerAnswer, NoHealth>) {
        let line = self.lines.entry(rank).or_default();
        let now = Instant::now();
        for waiter in line.waiters.drain(..) {
            let answer = told.as_ref().map(|answer| health_of(id, rank, now, answer));
            let _ = waiter.send(answer.map_err(Clone::clone));
        }
        line.health = told.ok().map(|answer| (now, answer));
    }

    /// The pair is lost: what was known of it is old, and nothing is asked.
    pub fn unpaired(
        &mut self,
        rank: u32,
        id: &str,
        ours: &Versions,
        names: &BTreeMap<u32, String>,
        board: &Board,
    ) {
        if let Some(line) = self.lines.get_mut(&rank) {
            line.queue.clear();
            line.health = None;
        }
        let why = "the pair was lost".to_owned();
        self.health(rank, id, Err(NoHealth::NotPaired { peer: id.to_owned(), why }));
        for name in [name::CLOCK, name::CLOCK_UNCERTAINTY] {
            board.forget(name, id);
        }
        if self.clocks.gone(rank) {
            self.tell_clocks(names, board);
        }
        if self.versions.remove(&rank).is_some() {
            self.tell_versions(ours, names, board);
        }
    }
}

fn health_of(id: &str, rank: u32, at: Instant, answer: &PeerAnswer) -> PeerHealth {
    let age_secs = (at.elapsed().as_secs_f64() * 1000.0).round() / 1000.0;
    PeerHealth { instance_id: id.to_owned(), rank, age_secs, answer: answer.clone() }
}
