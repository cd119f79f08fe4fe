//! What the test found, for people and programs.

use crate::client::Client;
use serde::Serialize;
use std::fmt;
use std::time::Duration;

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Verdict {
    /// As it should.
    Pass,
    /// It did not.
    Fail,
    /// It was not tried.
    Skip,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Pass => "PASS",
            Self::Fail => "FAIL",
            Self::Skip => "SKIP",
        })
    }
}

/// One of the eight.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// From 1.
    pub number: usize,
    /// What it does.
    pub name: &'static str,
    /// How it ended.
    pub verdict: Verdict,
    /// What was seen, or why it did not pass.
    pub reason: String,
    /// How long it took.
    pub took_millis: u64,
}

impl Step {
    pub(super) fn tried(
        number: usize,
        name: &'static str,
        done: Result<String, String>,
        took: Duration,
    ) -> Self {
        let (verdict, reason) = match done {
            Ok(seen) => (Verdict::Pass, seen),
            Err(why) => (Verdict::Fail, why),
        };
        let took_millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        Self { number, name, verdict, reason, took_millis }
    }

    pub(super) fn skipped(number: usize, name: &'static str, reason: String) -> Self {
        Self { number, name, verdict: Verdict::Skip, reason, took_millis: 0 }
    }
}

/// A run of the experiment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Recent {
    /// Its id.
    pub run_id: String,
    /// Its name.
    pub name: String,
    /// Its state.
    pub status: String,
    /// Begin, Unix time in milliseconds.
    pub started_millis: i64,
}

/// The whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Where it asked.
    pub url: String,
    /// Name of the experiment.
    pub experiment: String,
    /// Its id, once known.
    pub experiment_id: Option<String>,
    /// Id of the test's run, once there is one.
    pub run_id: Option<String>,
    /// Whether all passed.
    pub verdict: Verdict,
    /// All eight.
    pub steps: Vec<Step>,
    /// The last runs of the experiment, the newest first.
    pub recent: Vec<Recent>,
    /// Why the run could not be ended, if it could not: the next test on this node
    /// does it.
    pub left_running: Option<String>,
}

impl Report {
    pub(super) fn new(client: &Client, experiment: &str) -> Self {
        Self {
            url: client.endpoint().to_string(),
            experiment: experiment.to_owned(),
            experiment_id: None,
            run_id: None,
            verdict: Verdict::Fail,
            steps: Vec::new(),
            recent: Vec::new(),
            left_running: None,
        }
    }

    pub(super) fn failed(&self) -> Option<usize> {
        let failed = self.steps.iter().find(|step| step.verdict == Verdict::Fail);
        failed.map(|step| step.number)
    }
}
