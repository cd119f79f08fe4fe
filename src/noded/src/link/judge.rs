//! When a link counts as degraded.
//!
//! One value says little: a probe may meet a burst, a host may be busy for a
//! second. A link is degraded after [`ENTER`] bad values in a row and well
//! again after [`LEAVE`] good ones in a row, so it cannot flap: every state
//! lasts at least three values.

use nixl_cluster::link::{Judgement, Measure, Source};
use nixl_cluster::reason::{self, Reason};

const ENTER: u32 = 3;
const LEAVE: u32 = 5;

/// A value and what was expected of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Held {
    pub seen: f64,
    pub expected: f64,
    pub limit: f64,
}

/// One measure against one source, over time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Judge {
    state: Judgement,
}

impl Judge {
    /// Has seen nothing yet.
    pub fn new(measure: Measure, source: Option<Source>) -> Self {
        let state = Judgement {
            measure,
            source,
            degraded: false,
            seen: 0.0,
            expected: 0.0,
            limit: 0.0,
            bad_in_a_row: 0,
            good_in_a_row: 0,
        };
        Self { state }
    }

    /// Takes a value; whether the judgement changed.
    pub fn take(&mut self, held: Held) -> bool {
        let state = &mut self.state;
        (state.seen, state.expected, state.limit) = (held.seen, held.expected, held.limit);
        let bad = match state.measure {
            Measure::Latency | Measure::Losses => held.seen > held.limit,
            Measure::Bandwidth => held.seen < held.limit,
        };
        if bad {
            (state.bad_in_a_row, state.good_in_a_row) = (state.bad_in_a_row.saturating_add(1), 0);
        } else {
            (state.bad_in_a_row, state.good_in_a_row) = (0, state.good_in_a_row.saturating_add(1));
        }
        let before = state.degraded;
        state.degraded =
            if before { state.good_in_a_row < LEAVE } else { state.bad_in_a_row >= ENTER };
        state.degraded != before
    }

    pub fn state(&self) -> Judgement {
        self.state
    }

    /// The reason it may have.
    pub fn about(&self) -> &'static Reason {
        reason_of(self.state.measure)
    }

    /// The reason and its numbers, while degraded.
    pub fn reason(&self) -> Option<(&'static Reason, String)> {
        self.state.degraded.then(|| (self.about(), evidence(&self.state)))
    }
}

fn reason_of(measure: Measure) -> &'static Reason {
    match measure {
        Measure::Latency => &reason::LINK_LATENCY_DEGRADED,
        Measure::Bandwidth => &reason::LINK_BANDWIDTH_DEGRADED,
        Measure::Losses => &reason::LINK_PROBES_LOST,
    }
}

fn evidence(state: &Judgement) -> String {
    let Judgement { seen, expected, limit, .. } = state;
    let source = match state.source {
        Some(Source::InstanceType) => "of this instance type",
        _ => "of this pair's own past",
    };
    let rows = match (state.bad_in_a_row, state.good_in_a_row) {
        (0, good) => format!("{good} of {LEAVE} good measurements in a row"),
        (bad, _) => format!("{bad} bad measurements in a row"),
    };
    match state.measure {
        Measure::Latency => format!(
            "the median round trip is {seen:.1} us, {expected:.1} us {source} are expected and {limit:.1} us allowed ({}); {rows}",
            times(*seen, *expected)
        ),
        Measure::Bandwidth => format!(
            "{seen:.2} Gb/s, {expected:.2} Gb/s {source} are expected and {limit:.2} Gb/s needed ({}); {rows}",
            times(*seen, *expected)
        ),
        Measure::Losses => {
            format!("{seen:.0} round trips of the last measurement were lost; {rows}")
        }
    }
}

fn times(seen: f64, expected: f64) -> String {
    if expected > 0.0 {
        format!("{:.2} times", seen / expected)
    } else {
        "no comparison".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn latency(seen: f64) -> Held {
        Held { seen, expected: 20.0, limit: 60.0 }
    }

    #[test]
    fn three_bad_ones_degrade_and_five_good_ones_mend() {
        let mut judge = Judge::new(Measure::Latency, Some(Source::OwnHistory));
        assert!(!judge.take(latency(90.0)) && !judge.take(latency(90.0)));
        assert_eq!(judge.reason(), None);
        assert!(judge.take(latency(90.0)));
        let (told, evidence) = judge.reason().unwrap();
        assert_eq!(told.code, "link.latency_degraded");
        assert_eq!(
            evidence,
            "the median round trip is 90.0 us, 20.0 us of this pair's own past are expected and 60.0 us allowed (4.50 times); 3 bad measurements in a row"
        );
        for _ in 0..4 {
            assert!(!judge.take(latency(20.0)));
        }
        assert!(judge.reason().unwrap().1.ends_with("4 of 5 good measurements in a row"));
        assert!(judge.take(latency(20.0)));
        assert_eq!(judge.reason(), None);
    }

    #[test]
    fn less_bandwidth_is_bad_and_any_loss() {
        let mut judge = Judge::new(Measure::Bandwidth, Some(Source::InstanceType));
        let slow = Held { seen: 4.0, expected: 20.0, limit: 20.0 };
        assert_eq!([judge.take(slow), judge.take(slow), judge.take(slow)], [false, false, true]);
        assert!(judge.reason().unwrap().1.contains("of this instance type"));
        let mut judge = Judge::new(Measure::Losses, None);
        let lost = Held { seen: 1.0, expected: 0.0, limit: 0.0 };
        assert_eq!([judge.take(lost), judge.take(lost), judge.take(lost)], [false, false, true]);
        assert_eq!(judge.reason().unwrap().0.code, "link.probes_lost");
    }

    proptest! {
        /// Whatever comes: between two changes are at least three values, a
        /// change to degraded follows three bad ones and one back five good ones.
        #[test]
        fn a_judgement_never_flaps(values in prop::collection::vec(any::<bool>(), 0..200)) {
            let mut judge = Judge::new(Measure::Latency, Some(Source::OwnHistory));
            let mut changed_at = None;
            for (at, bad) in values.iter().enumerate() {
                if !judge.take(latency(if *bad { 61.0 } else { 60.0 })) {
                    continue;
                }
                let degraded = judge.state().degraded;
                let run = if degraded { 3 } else { 5 };
                prop_assert!(at + 1 >= run);
                prop_assert!(values[at + 1 - run..=at].iter().all(|bad| *bad == degraded));
                prop_assert!(changed_at.is_none_or(|before| at - before >= run));
                changed_at = Some(at);
            }
        }
    }
}
