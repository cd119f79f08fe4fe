//! The last day of a link, a minute each.

use nixl_cluster::link::Minute;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// A day.
const MINUTES: usize = 24 * 60;
const SECS: i64 = 60;

/// Minutes that are over, and the one that goes on.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct History {
    minutes: VecDeque<Minute>,
    #[serde(skip)]
    open: Option<Open>,
}

#[derive(Debug, Clone, PartialEq, Default)]
struct Open {
    at_secs: i64,
    nanos: Vec<u64>,
    lost: u32,
    gbps: Option<f64>,
}

impl Open {
    fn close(mut self) -> Minute {
        self.nanos.sort_unstable();
        let last = self.nanos.len().saturating_sub(1);
        let nanos = &self.nanos;
        // Nearest rank: the smallest value that so many percent do not exceed.
        let rank = |percent: usize| (nanos.len() * percent).div_ceil(100).saturating_sub(1);
        let at = |index: usize| nanos.get(index).copied().unwrap_or(0);
        Minute {
            at_secs: self.at_secs,
            answered: u32::try_from(nanos.len()).unwrap_or(u32::MAX),
            lost: self.lost,
            min_nanos: at(0),
            p50_nanos: at(rank(50)),
            p99_nanos: at(rank(99)),
            max_nanos: at(last),
            gbps: self.gbps,
        }
    }
}

impl History {
    /// Round trips seen at this Unix time.
    pub fn round_trips(&mut self, now_secs: i64, nanos: &[u64], lost: u32) {
        let open = self.minute_of(now_secs);
        open.nanos.extend_from_slice(nanos);
        open.lost = open.lost.saturating_add(lost);
    }

    /// A transfer seen at this Unix time.
    pub fn transfer(&mut self, now_secs: i64, gbps: f64) {
        let open = self.minute_of(now_secs);
        open.gbps = Some(open.gbps.map_or(gbps, |best| best.max(gbps)));
    }

    /// The open minute, after closing one that is over. A clock that was set
    /// back begins a new one, too.
    fn minute_of(&mut self, now_secs: i64) -> &mut Open {
        let at_secs = now_secs - now_secs.rem_euclid(SECS);
        if self.open.as_ref().is_some_and(|open| open.at_secs != at_secs) {
            self.close();
        }
        self.open.get_or_insert_with(|| Open { at_secs, ..Open::default() })
    }

    /// Ends the open minute, e.g. before it is written for the last time.
    pub fn close(&mut self) {
        if let Some(open) = self.open.take() {
            self.minutes.push_back(open.close());
        }
        let excess = self.minutes.len().saturating_sub(MINUTES);
        self.minutes.drain(..excess);
    }

    /// The last `count` minutes, the open one as far as it has come.
    pub fn last(&self, count: usize) -> Vec<Minute> {
        let open = self.open.clone().map(Open::close);
        let all: Vec<Minute> = self.minutes.iter().copied().chain(open).collect();
        all[all.len().saturating_sub(count)..].to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_has_the_percentiles_of_its_round_trips() {
        let mut history = History::default();
        let nanos: Vec<u64> = (1..=150).collect();
        history.round_trips(120, &nanos[..100], 0);
        history.transfer(125, 3.0);
        history.transfer(130, 2.0);
        history.round_trips(179, &nanos[100..], 2);
        let open = history.last(10);
        history.round_trips(180, &[7], 0);
        let minutes = history.last(10);
        assert_eq!(open[0], minutes[0], "as told while it was open");
        let first = minutes[0];
        assert_eq!((first.at_secs, first.answered, first.lost), (120, 150, 2));
        assert_eq!(
            (first.min_nanos, first.p50_nanos, first.p99_nanos, first.max_nanos),
            (1, 75, 149, 150)
        );
        assert_eq!(first.gbps, Some(3.0));
        assert_eq!((minutes[1].at_secs, minutes[1].p99_nanos, minutes.len()), (180, 7, 2));
    }

    #[test]
    fn a_minute_without_answers_says_what_was_lost() {
        let mut history = History::default();
        history.round_trips(5, &[], 3);
        let minute = history.last(1)[0];
        assert_eq!((minute.answered, minute.lost, minute.p50_nanos), (0, 3, 0));
    }

    #[test]
    fn a_day_is_kept_and_no_more() {
        let mut history = History::default();
        for minute in 0..2000 {
            history.round_trips(minute * SECS, &[1], 0);
        }
        let kept = history.last(usize::MAX);
        assert_eq!(kept.len(), MINUTES + 1);
        assert_eq!(kept[MINUTES].at_secs, 1999 * SECS);
        history.close();
        let text = serde_json::to_string(&history).unwrap();
        assert!(text.len() < 300_000, "{} bytes", text.len());
        assert_eq!(serde_json::from_str::<History>(&text).unwrap(), history);
    }
}
