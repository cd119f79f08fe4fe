//! The eight steps.

use super::known::{METRICS, PARAMS, RUN_NAME, TAGS};
use super::{Owner, Recent, SelfTest};
use crate::error::CallError;
use crate::experiment::{ExperimentError, KEY_TAG, experiment, run_of};
use crate::wire::{Batch, Entry, Metric, Run, RunStatus};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// Their names, in order.
pub const STEPS: [&str; 8] = [
    "Setting up MLflow tracking",
    "Creating/getting experiment",
    "Starting test run",
    "Logging parameters",
    "Logging metrics",
    "Logging tags",
    "Retrieving and verifying run",
    "Listing recent runs in experiment",
];

/// Tag by which a run of the test names its process.
const OWNER_TAG: &str = "nixl.process";
/// Runs that are listed.
const RECENT: u32 = 5;
/// Runs of killed tests that are looked for.
const MOST_LEFT: u32 = 100;
/// Floats come back as they went.
const PRECISION: f64 = 1e-9;

/// Why a step did not pass.
pub(super) enum Fault {
    /// A call failed.
    Call(CallError),
    /// The server did it, and not rightly, or it cannot be done.
    Wrong(String),
}

impl From<CallError> for Fault {
    fn from(error: CallError) -> Self {
        Self::Call(error)
    }
}

impl From<ExperimentError> for Fault {
    fn from(error: ExperimentError) -> Self {
        match error {
            ExperimentError::Call(error) => Self::Call(error),
            deleted @ ExperimentError::Deleted { .. } => Self::Wrong(deleted.to_string()),
        }
    }
}

type Done = Result<String, Fault>;

pub(super) struct Test {
    of: SelfTest,
    pub experiment_id: Option<String>,
    pub run_id: Option<String>,
    pub recent: Vec<Recent>,
    started_millis: i64,
    /// A run was asked for; it may be there without its id being known.
    begun: bool,
}

impl Test {
    pub fn new(of: SelfTest) -> Self {
        Self {
            of,
            experiment_id: None,
            run_id: None,
            recent: Vec::new(),
            started_millis: now_millis(),
            begun: false,
        }
    }

    /// The step with this number, from 1; what was seen.
    pub async fn step(&mut self, number: usize) -> Done {
        match number {
            1 => self.connect().await,
            2 => self.experiment().await,
            3 => self.start().await,
            4 => self.params().await,
            5 => self.metrics().await,
            6 => self.tags().await,
            7 => self.verify().await,
            _ => self.list().await,
        }
    }

    /// Any answer of MLflow's will do, also that there is no such experiment yet.
    async fn connect(&self) -> Done {
        self.of.client.experiment(&self.of.experiment).await?;
        Ok(format!("connected to {}", self.of.client.endpoint()))
    }

    async fn experiment(&mut self) -> Done {
        let id = experiment(&self.of.client, &self.of.experiment).await?;
        let told = format!("experiment {} has id {id}", self.of.experiment);
        self.experiment_id = Some(id);
        Ok(told)
    }

    async fn start(&mut self) -> Done {
        let ended = self.end_left().await?;
        let (id, name) = (self.experiment_id()?, format!("{RUN_NAME}{}", self.of.timestamp));
        let tags =
            [Entry::new(KEY_TAG, self.key()), Entry::new(OWNER_TAG, self.of.owner.to_string())];
        self.begun = true;
        let run = self.of.client.create_run(&id, &name, self.started_millis, &tags).await?;
        let told = format!("run {} is {name}", run.info.run_id);
        self.run_id = Some(run.info.run_id);
        match ended {
            0 => Ok(told),
            ended => Ok(format!("{told}; ended {ended} of a test that was killed")),
        }
    }

    /// Ends what tests on this node that were killed left RUNNING.
    async fn end_left(&self) -> Result<usize, Fault> {
        let filter = format!(
            "tags.`{OWNER_TAG}` LIKE '{}:%' AND attributes.status = 'RUNNING'",
            self.of.owner.node
        );
        let (client, id) = (&self.of.client, self.experiment_id()?);
        let runs = client.search(&id, &filter, "attributes.start_time ASC", MOST_LEFT).await?;
        let gone = |run: &&Run| {
            let owner = run.data.tag(OWNER_TAG).and_then(|owner| owner.parse::<Owner>().ok());
            owner.is_some_and(|owner| self.of.owner.is_gone(&owner, Path::new("/proc")))
        };
        let mut ended = 0;
        for run in runs.iter().filter(gone) {
            client.end_run(&run.info.run_id, RunStatus::Failed, self.started_millis).await?;
            ended += 1;
        }
        Ok(ended)
    }

    async fn params(&self) -> Done {
        let params = PARAMS.map(|(key, value)| Entry::new(key, value)).to_vec();
        self.log(Batch { params, ..Batch::default() }).await?;
        Ok(PARAMS.map(|(key, value)| format!("{key}={value}")).join(" "))
    }

    async fn metrics(&self) -> Done {
        let timestamp = self.started_millis;
        let metric =
            |(key, value): (&str, f64)| Metric { key: key.to_owned(), value, timestamp, step: 0 };
        self.log(Batch { metrics: METRICS.map(metric).to_vec(), ..Batch::default() }).await?;
        Ok(METRICS.map(|(key, value)| format!("{key}={value}")).join(" "))
    }

    fn known_tags(&self) -> Vec<Entry> {
        let known = TAGS.into_iter().chain([("timestamp", self.of.timestamp.as_str())]);
        known.map(|(key, value)| Entry::new(key, value)).collect()
    }

    async fn tags(&self) -> Done {
        let tags = self.known_tags();
        let told: Vec<_> = tags.iter().map(|tag| format!("{}={}", tag.key, tag.value)).collect();
        self.log(Batch { tags, ..Batch::default() }).await?;
        Ok(told.join(" "))
    }

    async fn log(&self, batch: Batch) -> Result<(), Fault> {
        Ok(self.of.client.log(&self.run_id()?, &batch).await?)
    }

    async fn verify(&mut self) -> Done {
        self.close(RunStatus::Finished).await?;
        let run = self.of.client.run(&self.run_id()?).await?;
        let mut wrong = Vec::new();
        if run.info.status != RunStatus::Finished {
            wrong.push(format!("status is {}, not FINISHED", run.info.status));
        }
        for (key, value) in PARAMS {
            differs(&mut wrong, "param", key, value, run.data.param(key));
        }
        for (key, value) in METRICS {
            let seen = run.data.metric(key);
            if !seen.is_some_and(|seen| (seen - value).abs() < PRECISION) {
                let seen = seen.map(|seen| seen.to_string());
                differs(&mut wrong, "metric", key, &value.to_string(), seen.as_deref());
            }
        }
        let tags = self.known_tags();
        for Entry { key, value } in &tags {
            differs(&mut wrong, "tag", key, value, run.data.tag(key));
        }
        match wrong.is_empty() {
            true => Ok(format!(
                "{} params, {} metrics and {} tags are as logged, the run is FINISHED",
                PARAMS.len(),
                METRICS.len(),
                tags.len()
            )),
            false => Err(Fault::Wrong(wrong.join("; "))),
        }
    }

    async fn list(&mut self) -> Done {
        let id = self.experiment_id()?;
        let order = "attributes.start_time DESC";
        let runs = self.of.client.search(&id, "", order, RECENT).await?;
        let own = self.run_id()?;
        // More than that may have begun since.
        if runs.len() < RECENT as usize && runs.iter().all(|run| run.info.run_id != own) {
            return Err(Fault::Wrong(format!("run {own} is not among {} runs", runs.len())));
        }
        let recent = runs.into_iter().map(|run| Recent {
            run_id: run.info.run_id,
            name: run.info.run_name,
            status: run.info.status.to_string(),
            started_millis: run.info.start_time,
        });
        self.recent = recent.collect();
        Ok(format!("{} recent runs", self.recent.len()))
    }

    /// Ends the run, if there is one or may be.
    pub async fn close(&mut self, status: RunStatus) -> Result<(), Fault> {
        if self.run_id.is_none() && self.begun {
            // The answer was lost or not waited for.
            let found = run_of(&self.of.client, &self.experiment_id()?, &self.key()).await?;
            self.run_id = found.map(|run| run.info.run_id);
        }
        if let Some(run_id) = &self.run_id {
            self.of.client.end_run(run_id, status, now_millis()).await?;
        }
        Ok(())
    }

    /// `fault` for people, with the permission that is missing, if one is.
    pub fn told(&self, fault: Fault) -> String {
        match fault {
            Fault::Call(error) if error.is_denied() => match (self.of.allow)(error.call) {
                Some(action) => format!("{error}; allow {action}"),
                None => error.to_string(),
            },
            Fault::Call(error) => error.to_string(),
            Fault::Wrong(what) => what,
        }
    }

    fn key(&self) -> String {
        format!("{}@{}", self.of.owner, self.started_millis)
    }

    fn experiment_id(&self) -> Result<String, Fault> {
        self.experiment_id.clone().ok_or_else(|| Fault::Wrong("there is no experiment".to_owned()))
    }

    fn run_id(&self) -> Result<String, Fault> {
        self.run_id.clone().ok_or_else(|| Fault::Wrong("there is no run".to_owned()))
    }
}

/// Unix time.
fn now_millis() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

fn differs(wrong: &mut Vec<String>, what: &str, key: &str, expected: &str, seen: Option<&str>) {
    match seen {
        Some(seen) if seen == expected => {}
        Some(seen) => wrong.push(format!("{what} {key} is {seen:?}, not {expected:?}")),
        None => wrong.push(format!("{what} {key} is missing")),
    }
}
