//! When the members' tags are read: with backoff while somebody is missing,
//! at most once in a while because a message asked for it, never otherwise.
//!
//! All nodes of an account draw on one bucket of DescribeInstances, so waits
//! grow with the cluster: a node makes about as many calls among 1000 as in a
//! pair. `simulation` measures it.

#[cfg(test)]
mod simulation;

use crate::timing::{
    Backoff, LOOK_UP_BURST, LOOK_UP_FIRST, LOOK_UP_LEAST, LOOK_UP_LONGEST, LOOK_UP_PER_NODE,
    LOOK_UP_TIMEOUT, SPREAD_FREE_NODES, SPREAD_PER_NODE,
};
use rand::RngExt as _;
use rand::rngs::StdRng;
use std::time::Duration;

/// Schedule of the look-ups.
pub(crate) struct LookUps {
    backoff: Backoff,
    /// When the schedule is due, if somebody is missing.
    next: Duration,
    /// A message asked for one, not before this.
    asked: Option<Duration>,
    /// Start of the last one.
    started: Option<Duration>,
    in_flight: bool,
    /// Least time between two that messages asked for, in the long run.
    least: Duration,
    /// When each of the look-ups that messages may ask for is there again.
    allowed: Vec<Duration>,
    /// Longest wait that keeps all nodes from reading at the same moment.
    spread: Duration,
}

impl LookUps {
    /// For one of `size` nodes.
    pub(crate) fn new(now: Duration, size: u32, rng: &mut StdRng) -> Self {
        let least = LOOK_UP_LEAST.max(LOOK_UP_PER_NODE * size);
        let burst = if size <= SPREAD_FREE_NODES { LOOK_UP_BURST } else { 1 };
        let mut look_ups = Self {
            backoff: Backoff::new(
                LOOK_UP_FIRST.max(LOOK_UP_PER_NODE * size),
                LOOK_UP_LONGEST.max(least),
            ),
            next: now,
            asked: None,
            started: None,
            in_flight: false,
            least,
            allowed: vec![now; burst as usize],
            spread: SPREAD_PER_NODE * size.saturating_sub(SPREAD_FREE_NODES),
        };
        look_ups.next = look_ups.soon(now, rng);
        look_ups
    }

    fn soon(&self, now: Duration, rng: &mut StdRng) -> Duration {
        now + rng.random_range(Duration::ZERO..=self.spread)
    }

    /// A message does not fit the known tags.
    pub(crate) fn ask(&mut self, now: Duration, rng: &mut StdRng) {
        if self.asked.is_none() {
            self.asked = Some(self.soon(now, rng));
        }
    }

    /// A peer was lost: read soon, then with the backoff from its start.
    pub(crate) fn restart(&mut self, now: Duration, rng: &mut StdRng) {
        self.backoff.reset();
        self.next = self.soon(now, rng);
    }

    /// Every peer is paired: whatever was asked for is settled.
    pub(crate) fn settle(&mut self) {
        self.backoff.reset();
        self.asked = None;
    }

    /// Start of the last look-up.
    pub(crate) fn started(&self) -> Option<Duration> {
        self.started
    }

    /// An answer came, good or bad.
    pub(crate) fn answered(&mut self, now: Duration, rng: &mut StdRng) {
        self.in_flight = false;
        self.next = now + self.backoff.next(rng);
    }

    /// When the next one is due; `None` while there is nothing to look for.
    pub(crate) fn due(&self, all_paired: bool) -> Option<Duration> {
        let not_before = |wait| self.started.map_or(Duration::ZERO, |at| at + wait);
        let allowed = self.allowed.iter().min().copied().unwrap_or_default();
        let asked = self.asked.map(|at| at.max(allowed));
        let scheduled = (!all_paired).then_some(self.next);
        let due = asked.into_iter().chain(scheduled).min()?;
        Some(if self.in_flight { due.max(not_before(LOOK_UP_TIMEOUT)) } else { due })
    }

    /// Whether to start one now.
    pub(crate) fn start(&mut self, now: Duration, all_paired: bool) -> bool {
        if self.due(all_paired).is_none_or(|due| now < due) {
            return false;
        }
        if self.asked.take().is_some() {
            self.spend(now);
        }
        self.started = Some(now);
        self.in_flight = true;
        true
    }

    /// One that was asked for comes back `least` after the latest of the others.
    fn spend(&mut self, now: Duration) {
        let latest = self.allowed.iter().max().copied().unwrap_or_default().max(now);
        if let Some(first) = self.allowed.iter_mut().min() {
            *first = latest + self.least;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng as _;

    const MS: Duration = Duration::from_millis(1);

    fn pair() -> (LookUps, StdRng) {
        let mut rng = StdRng::seed_from_u64(3);
        (LookUps::new(Duration::ZERO, 2, &mut rng), rng)
    }

    #[test]
    fn messages_cause_three_in_a_row_and_then_one_a_second() {
        let (mut look_ups, mut rng) = pair();
        let mut starts = 0;
        for ms in 0..10_000 {
            look_ups.ask(MS * ms, &mut rng);
            if look_ups.start(MS * ms, true) {
                starts += 1;
                look_ups.answered(MS * ms, &mut rng);
            }
        }
        assert_eq!(starts, 3 + 9);
    }

    #[test]
    fn nothing_is_due_when_all_are_paired() {
        let (mut look_ups, mut rng) = pair();
        assert_eq!(look_ups.due(true), None);
        look_ups.ask(MS, &mut rng);
        look_ups.settle();
        assert!(!look_ups.start(MS * 60_000, true));
    }

    #[test]
    fn an_answer_that_never_comes_does_not_stop_the_schedule() {
        let (mut look_ups, _) = pair();
        assert!(look_ups.start(Duration::ZERO, false));
        assert!(!look_ups.start(LOOK_UP_TIMEOUT - MS, false));
        assert_eq!(look_ups.due(true), None, "nor is it asked again when nothing is missing");
        assert!(look_ups.start(LOOK_UP_TIMEOUT, false));
    }

    #[test]
    fn the_schedule_slows_down_to_five_seconds() {
        let (mut look_ups, mut rng) = pair();
        let mut starts = Vec::new();
        for ms in 0..60_000 {
            if look_ups.start(MS * ms, false) {
                starts.push(ms);
                look_ups.answered(MS * ms, &mut rng);
            }
        }
        assert!((13..=20).contains(&starts.len()), "{starts:?}");
        look_ups.restart(MS * 60_000, &mut rng);
        assert!(look_ups.start(MS * 60_000, false), "a loss is looked up at once");
    }
}
