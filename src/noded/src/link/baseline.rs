//! What is expected of a link, and how far off it may be.

use super::judge::Held;
use nixl_cluster::instance_type;
use nixl_cluster::link::{Baseline, Expectation, Source};
use nixl_cluster::{Provider, link};
use serde::{Deserialize, Serialize};

/// So many values make a pair's own baseline: two minutes and a half of
/// latency, at least four of bandwidth.
const LEARN: usize = 15;
/// Ours: a link that takes three times as long as when it was new, or does a
/// third, is worth a look; less is how hosts and kernel TCP vary.
const OWN_FACTOR: f64 = 3.0;
/// Round trips of shared memory are shorter than a busy host's wake-up.
const OWN_SLACK_MICROS: f64 = 100.0;

/// The medians of a pair's first values.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Own {
    round_trip_micros: Vec<f64>,
    gbps: Vec<f64>,
}

fn learn(values: &mut Vec<f64>, value: f64) {
    if values.len() < LEARN {
        values.push(value);
    }
}

fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(LEARN / 2).copied().filter(|_| sorted.len() >= LEARN)
}

impl Own {
    /// Takes one while it learns.
    pub fn latency(&mut self, micros: f64) {
        learn(&mut self.round_trip_micros, micros);
    }

    /// Takes one while it learns.
    pub fn bandwidth(&mut self, gbps: f64) {
        learn(&mut self.gbps, gbps);
    }

    fn told(&self) -> Baseline {
        Baseline {
            source: Source::OwnHistory,
            round_trip_micros: median(&self.round_trip_micros),
            gbps: median(&self.gbps),
        }
    }
}

/// What this node's type should reach, for EFA; nothing is known of others.
pub(super) fn of_type(provider: Provider, type_name: &str) -> Option<Baseline> {
    let known = instance_type::find(type_name).filter(|_| provider == Provider::Efa)?;
    let Expectation { least_gbps, most_round_trip_micros, .. } = link::Expectation::of_efa(known);
    Some(Baseline {
        source: Source::InstanceType,
        round_trip_micros: Some(most_round_trip_micros),
        gbps: Some(least_gbps),
    })
}

/// Every baseline there is.
pub(super) fn all(of_type: Option<Baseline>, own: &Own) -> Vec<Baseline> {
    of_type.into_iter().chain([own.told()]).collect()
}

/// The median round trip against a baseline.
pub(super) fn latency(baseline: &Baseline, seen: f64) -> Option<Held> {
    let expected = baseline.round_trip_micros?;
    let limit = match baseline.source {
        Source::InstanceType => expected,
        Source::OwnHistory => (OWN_FACTOR * expected).max(expected + OWN_SLACK_MICROS),
    };
    Some(Held { seen, expected, limit })
}

/// A rate against a baseline.
pub(super) fn bandwidth(baseline: &Baseline, seen: f64) -> Option<Held> {
    let expected = baseline.gbps?;
    let limit = match baseline.source {
        Source::InstanceType => expected,
        Source::OwnHistory => expected / OWN_FACTOR,
    };
    Some(Held { seen, expected, limit })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_learns_from_its_first_values_and_then_no_more() {
        let mut own = Own::default();
        for value in 1..LEARN {
            own.latency(value as f64);
        }
        assert_eq!(own.told().round_trip_micros, None);
        own.latency(1000.0);
        assert_eq!(own.told().round_trip_micros, Some(8.0), "one outlier does not matter");
        own.latency(5000.0);
        assert_eq!(own.told().round_trip_micros, Some(8.0));
        assert_eq!(own.told().gbps, None);
    }

    #[test]
    fn limits_leave_room() {
        let own = |micros| Baseline {
            source: Source::OwnHistory,
            round_trip_micros: Some(micros),
            gbps: Some(30.0),
        };
        assert_eq!(latency(&own(2.0), 1.0).unwrap().limit, 102.0);
        assert_eq!(latency(&own(200.0), 1.0).unwrap().limit, 600.0);
        assert_eq!(bandwidth(&own(1.0), 1.0).unwrap().limit, 10.0);
    }

    #[test]
    fn only_efa_has_a_baseline_of_its_type() {
        assert_eq!(of_type(Provider::Tcp, "p4d.24xlarge"), None);
        assert_eq!(of_type(Provider::Efa, "m5.large"), None);
        let p4d = of_type(Provider::Efa, "p4d.24xlarge").unwrap();
        let held = bandwidth(&p4d, 40.0).unwrap();
        assert_eq!((held.expected, held.limit), (50.0, 50.0));
        assert_eq!(all(Some(p4d), &Own::default()).len(), 2);
    }
}
