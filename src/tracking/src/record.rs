//! A run as a node logs it, whole.

use crate::wire::Metric;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Longest key that MLflow takes (`MAX_ENTITY_KEY_LENGTH`).
const MAX_KEY_CHARS: usize = 250;
/// Longest value that every version since 2.13 keeps whole, as param and as tag.
const MAX_VALUE_CHARS: usize = 5000;
/// More than MLflow takes of keys is replaced.
const REPLACEMENT: char = '_';

/// A run that has ended well.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// What no other run has; the run's tag [`KEY_TAG`](crate::KEY_TAG) says it.
    pub key: String,
    /// Name of its experiment.
    pub experiment: String,
    /// Name for people.
    pub name: String,
    /// Begin, Unix time in milliseconds.
    pub started_millis: i64,
    /// End, likewise.
    pub ended_millis: i64,
    /// What it ran on.
    pub params: BTreeMap<String, String>,
    /// What it is found by.
    pub tags: BTreeMap<String, String>,
    /// What was measured, in this order.
    pub metrics: Vec<Metric>,
}

impl Record {
    /// A run without anything logged yet, of this time.
    #[must_use]
    pub fn new(
        key: impl Into<String>,
        experiment: &str,
        name: impl Into<String>,
        millis: (i64, i64),
    ) -> Self {
        Self {
            key: key.into(),
            experiment: experiment.to_owned(),
            name: name.into(),
            started_millis: millis.0,
            ended_millis: millis.1,
            params: BTreeMap::new(),
            tags: BTreeMap::new(),
            metrics: Vec::new(),
        }
    }

    /// Adds a param, cut to what MLflow takes.
    pub fn param(&mut self, key: &str, value: impl Into<String>) {
        self.params.insert(fitting_key(key), fitting_value(value.into()));
    }

    /// Adds a tag, likewise.
    pub fn tag(&mut self, key: &str, value: impl Into<String>) {
        self.tags.insert(fitting_key(key), fitting_value(value.into()));
    }

    /// Adds a point of a metric; what is no finite number is left out, for not
    /// every server keeps it.
    pub fn metric(&mut self, key: &str, value: f64, step: i64) {
        if value.is_finite() {
            let timestamp = self.ended_millis;
            self.metrics.push(Metric { key: fitting_key(key), value, timestamp, step });
        }
    }
}

/// Letters, digits and `_-. :/` only, as `validate_param_and_metric_name`.
fn fitting_key(key: &str) -> String {
    let fits = |c: char| {
        if c.is_ascii_alphanumeric() || "_-. :/".contains(c) { c } else { REPLACEMENT }
    };
    key.chars().take(MAX_KEY_CHARS).map(fits).collect()
}

fn fitting_value(mut value: String) -> String {
    if let Some((end, _)) = value.char_indices().nth(MAX_VALUE_CHARS) {
        value.truncate(end);
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn whatever_is_logged_fits(key in ".{0,400}", value in ".{0,300}", times in 1usize..30) {
            let mut record = Record::new("k", "e", "n", (1, 2));
            record.param(&key, value.repeat(times));
            let (key, value) = record.params.pop_first().unwrap();
            prop_assert!(key.len() <= MAX_KEY_CHARS);
            prop_assert!(value.chars().count() <= MAX_VALUE_CHARS);
        }
    }

    #[test]
    fn what_is_no_number_is_left_out() {
        let mut record = Record::new("k", "e", "n", (1, 2));
        for value in [1.5, f64::NAN, f64::INFINITY] {
            record.metric("rail#0", value, 64);
        }
        let metric = Metric { key: "rail_0".to_owned(), value: 1.5, timestamp: 2, step: 64 };
        assert_eq!(record.metrics, [metric]);
    }
}
