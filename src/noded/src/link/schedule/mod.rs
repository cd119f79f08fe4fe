//! Which measurement is made next, and when. No clock and no I/O: whoever
//! asks says what time it is.
//!
//! One measurement is under way at a time. Each peer has rounds, every 10 s:
//! 64-byte round trips on rail 0, then on one further rail in turn, then a
//! transfer if the budget allows one and nobody else moves traffic. A full
//! report fills the time between rounds.

mod bucket;

use super::plan::{self, Ladder};
use bucket::Bucket;
use nixl_cluster::link::{Bandwidth, Budget, Latency, Rail, Report, Skipped};
use nixl_cluster::reason;
use nixl_fabric::protocol::{Command, Measurement, Outcome};
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

/// From the first round trips of a new pair to its report: first both sides
/// get a reading.
const REPORT_DELAY: Duration = Duration::from_millis(300);
/// How much later the higher rank begins, so that two daemons that paired at
/// one moment do not meet.
const SECOND_PROBE: Duration = Duration::from_millis(50);
const SECOND_REPORT: Duration = Duration::from_millis(1200);
/// Wait after the other side was busy, drawn anew each time.
const BUSY_MILLIS: std::ops::RangeInclusive<u64> = 50..=250;
/// A step that took longer is followed by a pause in which the other side
/// surely asks.
const LONG_STEP: Duration = Duration::from_millis(*BUSY_MILLIS.end());
const PAUSE: Duration = Duration::from_millis(10);
/// Traffic of others delays a report so long and no longer.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// A report that gets no further for so long lets another begin.
const STALLED: Duration = Duration::from_secs(10);
/// After so many measurements of rounds, which may take all the time where
/// there are many peers, a step of a report has its turn.
const ROUNDS_FIRST: u32 = 16;
/// A measurement the worker has not answered by then is given up.
const GIVE_UP: Duration = Duration::from_secs(60);

/// What a measurement was for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Job {
    /// Round trips in passing, on this rail.
    Probe(u16),
    /// A transfer in passing.
    Sample,
    /// A step of a report.
    Report,
}

/// A measurement that ended.
#[derive(Debug)]
pub(super) struct Answer {
    pub rank: u32,
    pub job: Job,
    pub outcome: Outcome,
    /// What others moved when it began, if too much to judge by.
    pub other_traffic: Option<String>,
    /// The report, if this was its last step.
    pub finished: Option<Finished>,
}

/// A report that ended.
#[derive(Debug)]
pub(super) struct Finished {
    pub report: Report,
    pub started: Instant,
}

#[derive(Debug)]
struct Pending {
    ladder: Ladder,
    due: Instant,
    patience: Instant,
    started: Option<Instant>,
    /// Last step, for one that has begun.
    stepped: Instant,
    other_traffic: Option<String>,
}

impl Pending {
    fn new(rails: &[Rail], due: Instant, patience: Duration) -> Option<Self> {
        let ladder = Ladder::new(rails);
        let (started, other_traffic, patience) = (None, None, due + patience);
        let pending = Self { ladder, due, patience, started, stepped: due, other_traffic };
        (!rails.is_empty()).then_some(pending)
    }
}

#[derive(Debug)]
struct Peer {
    /// Rails that both sides have.
    rails: Vec<Rail>,
    not_before: Instant,
    round_due: Instant,
    round: VecDeque<Job>,
    /// Further rail of the last round.
    turn: usize,
    report: Option<Pending>,
    p50_nanos: BTreeMap<u16, u64>,
    /// The last transfer in passing, or the report's that it follows.
    sample: Option<Bandwidth>,
    last_sample: Option<Instant>,
}

#[derive(Debug)]
struct UnderWay {
    id: u32,
    rank: u32,
    job: Job,
    started: Instant,
    /// What it may move at most.
    most_bytes: u64,
    other_traffic: Option<String>,
}

/// How often a link is looked at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    pub probe_delay: Duration,
    pub probe_interval: Duration,
}

#[derive(Debug)]
pub(super) struct Schedule {
    own_rank: u32,
    pace: Pace,
    bucket: Bucket,
    peers: BTreeMap<u32, Peer>,
    under_way: Option<UnderWay>,
    next_id: u32,
    /// Measurements of rounds since the last step of a report.
    passing: u32,
    skipped: BTreeMap<u32, Skipped>,
}

/// Whose turn it is, and for what.
#[derive(Debug, Clone, Copy)]
struct Turn {
    rank: u32,
    at: Instant,
    /// Of a report, and whether that has begun.
    report: Option<bool>,
}

impl Schedule {
    pub fn new(own_rank: u32, pace: Pace, budget_bytes_per_sec: u64, now: Instant) -> Self {
        Self {
            own_rank,
            pace,
            bucket: Bucket::new(budget_bytes_per_sec, plan::SAMPLE_BYTES, now),
            peers: BTreeMap::new(),
            under_way: None,
            next_id: 0,
            passing: 0,
            skipped: BTreeMap::new(),
        }
    }

    /// A pair is new, over the rail that carries the pairing.
    pub fn paired(&mut self, rank: u32, rail: Option<Rail>, now: Instant) {
        let rails = Vec::from_iter(rail);
        let first = now + self.pace.probe_delay;
        let second = self.own_rank > rank;
        let wait = |wait: Duration| if second { wait } else { Duration::ZERO };
        let due = first + REPORT_DELAY + wait(SECOND_REPORT);
        let peer = Peer {
            not_before: now,
            round_due: first + wait(SECOND_PROBE),
            round: VecDeque::new(),
            turn: 0,
            report: Pending::new(&rails, due, PATIENCE),
            rails,
            p50_nanos: BTreeMap::new(),
            sample: None,
            last_sample: None,
        };
        self.peers.insert(rank, peer);
    }

    /// Both sides have these rails. A report that has begun goes on without
    /// those that are new.
    pub fn rails(&mut self, rank: u32, rails: Vec<Rail>) {
        let Some(peer) = self.peers.get_mut(&rank) else { return };
        if let Some(report) = peer.report.as_mut().filter(|report| report.started.is_none()) {
            report.ladder = Ladder::new(&rails);
        }
        peer.rails = rails;
    }

    /// A pair is no more; what ends a measurement of it.
    pub fn unpaired(&mut self, rank: u32) -> Option<Command> {
        self.peers.remove(&rank);
        let cancelled = self.under_way.take_if(|under_way| under_way.rank == rank)?;
        if cancelled.job == Job::Sample {
            self.bucket.spend(cancelled.most_bytes);
        }
        Some(Command::Cancel { id: cancelled.id })
    }

    /// A full report now; whether there is such a peer.
    pub fn run(&mut self, rank: u32, now: Instant) -> bool {
        let Some(peer) = self.peers.get_mut(&rank) else { return false };
        // Whoever asks wants it now.
        peer.report = Pending::new(&peer.rails, now, Duration::ZERO);
        peer.report.is_some()
    }

    /// The report being measured: rank, steps done, steps in all.
    pub fn measuring(&self) -> Option<(u32, (usize, usize))> {
        self.peers.iter().find_map(|(rank, peer)| {
            let report = peer.report.as_ref().filter(|report| report.started.is_some())?;
            Some((*rank, report.ladder.progress()))
        })
    }

    pub fn budget(&self) -> Budget {
        self.bucket.told()
    }

    pub fn skipped(&self, rank: u32) -> Skipped {
        self.skipped.get(&rank).cloned().unwrap_or_default()
    }

    /// When [`Schedule::overdue`] or [`Schedule::next`] has something to do.
    pub fn due(&self) -> Option<Instant> {
        if let Some(under_way) = &self.under_way {
            return Some(under_way.started + GIVE_UP);
        }
        self.turns().map(|turn| turn.at).min()
    }

    /// Gives up a measurement that is not answered.
    pub fn overdue(&mut self, now: Instant) -> Option<(Command, Option<Answer>)> {
        let overdue = |under_way: &&UnderWay| now >= under_way.started + GIVE_UP;
        let id = self.under_way.as_ref().filter(overdue)?.id;
        let message = format!("no answer within {} s", GIVE_UP.as_secs());
        let outcome = Outcome::Failed { code: reason::LINK_NOT_MEASURED.code.to_owned(), message };
        Some((Command::Cancel { id }, self.answered(id, outcome, now)))
    }

    /// What to tell the worker now. `busy` says what others move, if it is too
    /// much to measure fairly; it is asked only where it matters.
    pub fn next(
        &mut self,
        now: Instant,
        busy: &mut dyn FnMut() -> Option<String>,
    ) -> Option<Command> {
        if self.under_way.is_some() {
            return None;
        }
        loop {
            let turn = self.ready(now)?;
            let rank = turn.rank;
            let Some((job, other_traffic)) = self.job(turn, now, busy) else { continue };
            let peer = self.peers.get_mut(&rank)?;
            let Some(what) = peer.measurement(job) else { continue };
            self.next_id = self.next_id.wrapping_add(1);
            let id = self.next_id;
            self.passing = if job == Job::Report { 0 } else { self.passing.saturating_add(1) };
            let most_bytes = plan::most_bytes(&what);
            self.under_way =
                Some(UnderWay { id, rank, job, started: now, most_bytes, other_traffic });
            return Some(Command::Measure { id, peer: rank, what });
        }
    }

    /// What there is to do, and when. While a report goes on no other begins.
    fn turns(&self) -> impl Iterator<Item = Turn> {
        let under_way = self.peers.values().filter_map(|peer| peer.report.as_ref());
        let last_step = under_way.filter(|r| r.started.is_some()).map(|r| r.stepped).max();
        self.peers.iter().flat_map(move |(&rank, peer)| {
            let report = peer.report.as_ref().map(|report| {
                let started = report.started.is_some();
                let others = last_step.filter(|_| !started).map(|step| step + STALLED);
                let at = report.due.max(peer.not_before);
                Turn { rank, at: others.map_or(at, |others| at.max(others)), report: Some(started) }
            });
            [Turn { rank, at: peer.round_at(), report: None }].into_iter().chain(report)
        })
    }

    /// Whose turn it is: rounds before reports, but not for ever, a report that
    /// goes on before one that has not begun.
    fn ready(&self, now: Instant) -> Option<Turn> {
        let report_first = self.passing >= ROUNDS_FIRST;
        let key = |turn: &Turn| {
            (turn.report.is_some() != report_first, turn.report == Some(false), turn.at)
        };
        self.turns().filter(|turn| turn.at <= now).min_by_key(key)
    }

    /// What to do for a peer that is ready, or `None` if its turn was spent on
    /// deciding to do nothing.
    fn job(
        &mut self,
        Turn { rank, report, .. }: Turn,
        now: Instant,
        busy: &mut dyn FnMut() -> Option<String>,
    ) -> Option<(Job, Option<String>)> {
        let sample_turn = self.sample_turn();
        let peer = self.peers.get_mut(&rank)?;
        if report.is_none() && peer.round.is_empty() {
            peer.begin_round(now + self.pace.probe_interval);
        }
        let skipped = self.skipped.entry(rank).or_default();
        match peer.round.front().filter(|_| report.is_none()) {
            Some(Job::Sample) => {
                if sample_turn != Some(rank) || !self.bucket.full(now) {
                    peer.round.pop_front();
                    return None;
                }
                if let Some(why) = busy() {
                    peer.round.pop_front();
                    skipped.other_traffic += 1;
                    skipped.last = Some(why);
                    return None;
                }
                Some((Job::Sample, None))
            }
            Some(job) => Some((*job, busy())),
            None => {
                let report = peer.report.as_mut()?;
                if report.started.is_none() {
                    let other_traffic = busy();
                    if other_traffic.is_some() && now < report.patience {
                        report.due = now + LOOK_AGAIN;
                        skipped.last = other_traffic;
                        return None;
                    }
                    (report.started, report.stepped) = (Some(now), now);
                    report.other_traffic = other_traffic;
                }
                Some((Job::Report, report.other_traffic.clone()))
            }
        }
    }

    /// Whose transfer is the oldest.
    fn sample_turn(&self) -> Option<u32> {
        let sampled = self.peers.iter().filter(|(_, peer)| peer.sample.is_some());
        sampled.min_by_key(|(_, peer)| peer.last_sample).map(|(rank, _)| *rank)
    }

    /// What the worker answered; `None` if nobody waits for it any more.
    pub fn answered(&mut self, id: u32, outcome: Outcome, now: Instant) -> Option<Answer> {
        let UnderWay { rank, job, started, most_bytes, other_traffic, .. } =
            self.under_way.take_if(|under_way| under_way.id == id)?;
        let peer = self.peers.get_mut(&rank)?;
        let skipped = self.skipped.entry(rank).or_default();
        if outcome == Outcome::Busy {
            skipped.busy += 1;
            peer.not_before = now + Duration::from_millis(rand::random_range(BUSY_MILLIS));
            return None;
        }
        if let Outcome::Failed { code, message } = &outcome {
            skipped.failed += 1;
            skipped.last = Some(format!("{code}: {message}"));
        }
        let mut finished = None;
        match job {
            Job::Probe(rail) => {
                peer.round.pop_front();
                if let Outcome::Latency { summary: Latency { p50_nanos, .. }, .. } = outcome {
                    peer.p50_nanos.insert(rail, p50_nanos);
                }
            }
            Job::Sample => {
                peer.round.pop_front();
                peer.last_sample = Some(now);
                if let Outcome::Bandwidth(bandwidth) = outcome {
                    peer.sample = Some(bandwidth);
                }
            }
            Job::Report => finished = peer.stepped(&outcome, now - started, now),
        }
        if job != Job::Report {
            let (_, sent, received) = plan::moved_bytes(&outcome);
            // Of a transfer that failed it is not known how much it moved.
            let failed = job == Job::Sample && matches!(outcome, Outcome::Failed { .. });
            self.bucket.spend(if failed { most_bytes } else { sent.saturating_add(received) });
        }
        Some(Answer { rank, job, outcome, other_traffic, finished })
    }
}

impl Peer {
    fn round_at(&self) -> Instant {
        let round = if self.round.is_empty() { self.round_due } else { self.not_before };
        round.max(self.not_before)
    }

    fn begin_round(&mut self, next_due: Instant) {
        self.round_due = next_due;
        self.round = VecDeque::from([Job::Probe(0)]);
        if let further @ 1.. = self.rails.len().saturating_sub(1) {
            self.turn = self.turn % further + 1;
            self.round.push_back(Job::Probe(self.rails[self.turn].index));
        }
        if self.sample.is_some() {
            self.round.push_back(Job::Sample);
        }
    }

    fn measurement(&mut self, job: Job) -> Option<Measurement> {
        match job {
            Job::Probe(rail) => Some(plan::probe(rail, self.p50_nanos.get(&rail).copied())),
            Job::Sample => self.sample.as_ref().map(plan::sample),
            Job::Report => self.report.as_mut()?.ladder.next(),
        }
    }

    /// Goes on with the report; the report, if that was its last step.
    fn stepped(&mut self, outcome: &Outcome, took: Duration, now: Instant) -> Option<Finished> {
        let pending = self.report.as_mut()?;
        pending.ladder.take(outcome);
        pending.stepped = now;
        if pending.ladder.next().is_some() {
            pending.due = now + if took > LONG_STEP { LONG_STEP } else { PAUSE };
            return None;
        }
        let Pending { ladder, started, other_traffic, .. } = self.report.take()?;
        let report = Report { other_traffic, ..ladder.finish() };
        self.sample = plan::sampled(&report);
        Some(Finished { report, started: started.unwrap_or(now) })
    }
}

#[cfg(test)]
mod tests;
