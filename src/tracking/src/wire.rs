//! What the API sends and takes; fields that are not known are ignored, since
//! the server's version may be any from 2.13 on.

use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;

/// An experiment.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Experiment {
    /// Its id.
    pub experiment_id: String,
    /// `active` or `deleted`.
    #[serde(default)]
    pub lifecycle_stage: String,
}

/// State of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum RunStatus {
    /// It goes on.
    Running,
    /// It is about to.
    Scheduled,
    /// It has ended well.
    Finished,
    /// It has not.
    Failed,
    /// Somebody ended it.
    Killed,
}

impl fmt::Display for RunStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Running => "RUNNING",
            Self::Scheduled => "SCHEDULED",
            Self::Finished => "FINISHED",
            Self::Failed => "FAILED",
            Self::Killed => "KILLED",
        })
    }
}

/// Who a run is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct RunInfo {
    /// Its id.
    pub run_id: String,
    /// Its name.
    #[serde(default)]
    pub run_name: String,
    /// Its state.
    pub status: RunStatus,
    /// Unix time in milliseconds.
    #[serde(default, deserialize_with = "whole")]
    pub start_time: i64,
}

/// A run.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Run {
    /// Who it is.
    pub info: RunInfo,
    /// What was logged.
    #[serde(default)]
    pub data: RunData,
}

/// What was logged in a run.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct RunData {
    /// Params.
    #[serde(default)]
    pub params: Vec<Entry>,
    /// The last value of each.
    #[serde(default)]
    pub metrics: Vec<LastMetric>,
    /// Tags, the server's own among them.
    #[serde(default)]
    pub tags: Vec<Entry>,
}

impl RunData {
    /// Value of a tag.
    #[must_use]
    pub fn tag(&self, key: &str) -> Option<&str> {
        value(&self.tags, key)
    }

    /// Value of a param.
    #[must_use]
    pub fn param(&self, key: &str) -> Option<&str> {
        value(&self.params, key)
    }

    /// Last value of a metric.
    #[must_use]
    pub fn metric(&self, key: &str) -> Option<f64> {
        self.metrics.iter().find(|metric| metric.key == key).map(|metric| metric.value)
    }
}

fn value<'a>(entries: &'a [Entry], key: &str) -> Option<&'a str> {
    entries.iter().find(|entry| entry.key == key).map(|entry| entry.value.as_str())
}

/// A param or a tag.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its key.
    pub key: String,
    /// Its value.
    #[serde(default)]
    pub value: String,
}

impl Entry {
    pub(crate) fn new(key: impl Into<String>, value: impl Into<String>) -> Self {
        Self { key: key.into(), value: value.into() }
    }
}

/// One point of a metric.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Metric {
    /// Its key.
    pub key: String,
    /// Its value.
    pub value: f64,
    /// Unix time in milliseconds.
    pub timestamp: i64,
    /// Place on the axis.
    pub step: i64,
}

/// What is logged by one call.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Batch {
    /// Params.
    pub params: Vec<Entry>,
    /// Points of metrics.
    pub metrics: Vec<Metric>,
    /// Tags.
    pub tags: Vec<Entry>,
}

/// The last value of a metric.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct LastMetric {
    /// Its key.
    pub key: String,
    /// Its value.
    #[serde(deserialize_with = "number")]
    pub value: f64,
}

/// Protocol Buffers' JSON writes 64-bit integers as text, MLflow mostly does not.
fn whole<'de, D: Deserializer<'de>>(from: D) -> Result<i64, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Number(i64),
        Text(String),
    }
    match Either::deserialize(from)? {
        Either::Number(number) => Ok(number),
        Either::Text(text) => text.parse().map_err(serde::de::Error::custom),
    }
}

/// And what is no number of JSON's, as NaN.
fn number<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Number(f64),
        Text(String),
    }
    match Either::deserialize(from)? {
        Either::Number(number) => Ok(number),
        Either::Text(text) => text.parse().map_err(serde::de::Error::custom),
    }
}

#[derive(Deserialize)]
pub(crate) struct ExperimentAnswer {
    pub experiment: Experiment,
}

#[derive(Deserialize)]
pub(crate) struct CreatedExperiment {
    pub experiment_id: String,
}

#[derive(Deserialize)]
pub(crate) struct RunAnswer {
    pub run: Run,
}

#[derive(Deserialize)]
pub(crate) struct RunsAnswer {
    #[serde(default)]
    pub runs: Vec<Run>,
}

/// Calls that answer nothing of interest.
#[derive(Deserialize)]
pub(crate) struct IgnoredAnswer {}

/// As in every error of MLflow's; AWS's front says `Message` or `message`.
#[derive(Default, Deserialize)]
pub(crate) struct ErrorAnswer {
    pub error_code: Option<String>,
    #[serde(alias = "Message")]
    pub message: Option<String>,
}

#[derive(Serialize)]
pub(crate) struct CreateExperiment<'a> {
    pub name: &'a str,
}

#[derive(Serialize)]
pub(crate) struct CreateRun<'a> {
    pub experiment_id: &'a str,
    pub run_name: &'a str,
    pub start_time: i64,
    pub tags: &'a [Entry],
}

#[derive(Serialize)]
pub(crate) struct UpdateRun<'a> {
    pub run_id: &'a str,
    pub status: RunStatus,
    pub end_time: i64,
}

#[derive(Serialize)]
pub(crate) struct LogBatch<'a> {
    pub run_id: &'a str,
    #[serde(flatten)]
    pub batch: &'a Batch,
}

#[derive(Serialize)]
pub(crate) struct SearchRuns<'a> {
    pub experiment_ids: [&'a str; 1],
    pub filter: &'a str,
    pub run_view_type: &'static str,
    pub max_results: u32,
    pub order_by: [&'static str; 1],
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_in_every_form_there_is() {
        let run = r#"{"info": {"run_id": "r", "status": "FINISHED", "start_time": "1700000000000", "new": 1},
            "data": {"metrics": [{"key": "a", "value": 1}, {"key": "b", "value": "NaN"}]}}"#;
        let run: Run = serde_json::from_str(run).unwrap();
        assert_eq!((run.info.start_time, run.data.metric("a")), (1_700_000_000_000, Some(1.0)));
        assert!(run.data.metric("b").unwrap().is_nan());
        assert_eq!(run.data.tag("none"), None);
    }
}
