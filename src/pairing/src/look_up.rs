//! When the members' tags are read: with backoff while somebody is missing,
//! at most once a second because a message asked for it, never otherwise.

use crate::timing::{Backoff, LOOK_UP_FIRST, LOOK_UP_LEAST, LOOK_UP_LONGEST, LOOK_UP_TIMEOUT};
use rand::rngs::StdRng;
use std::time::Duration;

/// Schedule of the look-ups.
pub(crate) struct LookUps {
    backoff: Backoff,
    /// When the schedule is due, if somebody is missing.
    next: Duration,
    /// A message asked for one.
    asked: bool,
    /// Start of the last one.
    started: Option<Duration>,
    in_flight: bool,
}

impl LookUps {
    pub(crate) fn new(now: Duration) -> Self {
        Self {
            backoff: Backoff::new(LOOK_UP_FIRST, LOOK_UP_LONGEST),
            next: now,
            asked: false,
            started: None,
            in_flight: false,
        }
    }

    /// A message does not fit the known tags.
    pub(crate) fn ask(&mut self) {
        self.asked = true;
    }

    /// A peer was lost: read now, then with the backoff from its start.
    pub(crate) fn restart(&mut self, now: Duration) {
        self.backoff.reset();
        self.next = now;
    }

    /// Every peer is paired: whatever was asked for is settled.
    pub(crate) fn settle(&mut self) {
        self.backoff.reset();
        self.asked = false;
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
        let asked = self.asked.then(|| not_before(LOOK_UP_LEAST));
        let scheduled = (!all_paired).then_some(self.next);
        let due = asked.into_iter().chain(scheduled).min()?;
        Some(if self.in_flight { due.max(not_before(LOOK_UP_TIMEOUT)) } else { due })
    }

    /// Whether to start one now.
    pub(crate) fn start(&mut self, now: Duration, all_paired: bool) -> bool {
        if self.due(all_paired).is_none_or(|due| now < due) {
            return false;
        }
        self.started = Some(now);
        (self.in_flight, self.asked) = (true, false);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng as _;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn messages_cause_at_most_one_a_second() {
        let mut rng = StdRng::seed_from_u64(3);
        let mut look_ups = LookUps::new(Duration::ZERO);
        let mut starts = 0;
        for ms in 0..10_000 {
            look_ups.ask();
            if look_ups.start(MS * ms, true) {
                starts += 1;
                look_ups.answered(MS * ms, &mut rng);
            }
        }
        assert_eq!(starts, 10);
    }

    #[test]
    fn nothing_is_due_when_all_are_paired() {
        let mut look_ups = LookUps::new(Duration::ZERO);
        assert_eq!(look_ups.due(true), None);
        look_ups.ask();
        look_ups.settle();
        assert!(!look_ups.start(MS * 60_000, true));
    }

    #[test]
    fn an_answer_that_never_comes_does_not_stop_the_schedule() {
        let mut look_ups = LookUps::new(Duration::ZERO);
        assert!(look_ups.start(Duration::ZERO, false));
        assert!(!look_ups.start(LOOK_UP_TIMEOUT - MS, false));
        assert_eq!(look_ups.due(true), None, "nor is it asked again when nothing is missing");
        assert!(look_ups.start(LOOK_UP_TIMEOUT, false));
    }

    #[test]
    fn the_schedule_slows_down_to_five_seconds() {
        let mut rng = StdRng::seed_from_u64(3);
        let mut look_ups = LookUps::new(Duration::ZERO);
        let mut starts = Vec::new();
        for ms in 0..60_000 {
            if look_ups.start(MS * ms, false) {
                starts.push(ms);
                look_ups.answered(MS * ms, &mut rng);
            }
        }
        assert!((13..=20).contains(&starts.len()), "{starts:?}");
        look_ups.restart(MS * 60_000);
        assert!(look_ups.start(MS * 60_000, false), "a loss is looked up at once");
    }
}
