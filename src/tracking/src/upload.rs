//! A run brought to the server once, however often that has to be begun.
//!
//! Experiments and what is logged are the same when they are made again; a run
//! is not: `runs/create` makes another one each time and knows no client token.
//! So a run carries its record's key as a tag from its creation on, and is looked
//! for by it first. A creation whose answer was lost may still be under way, so
//! after one nothing is created before that has settled.

use crate::batch::batches;
use crate::client::Client;
use crate::error::CallError;
use crate::experiment::{ExperimentError, KEY_TAG, experiment, run_of};
use crate::record::Record;
use crate::wire::{Entry, RunStatus};
use std::io;
use std::time::Duration;

/// Memory of creations whose outcome is not known, which outlives the process.
pub(crate) trait Attempts {
    /// How long ago a creation was begun without a known end.
    fn open(&self) -> impl Future<Output = Option<Duration>> + Send;
    /// One is about to begin.
    fn begin(&self) -> impl Future<Output = io::Result<()>> + Send;
    /// It came to nothing, for certain.
    fn refused(&self) -> impl Future<Output = ()> + Send;
}

/// Why a run is not on the server, or not whole.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// A call failed.
    #[error(transparent)]
    Call(#[from] CallError),
    /// There is no experiment.
    #[error(transparent)]
    Experiment(ExperimentError),
    /// A creation may be under way.
    #[error("the answer to runs/create was lost; what came of it is looked for again")]
    Settling {
        /// Until then.
        wait: Duration,
    },
    /// The attempt could not be written down.
    #[error("the spool cannot be written: {0}")]
    Disk(#[from] io::Error),
}

impl From<ExperimentError> for UploadError {
    fn from(error: ExperimentError) -> Self {
        match error {
            ExperimentError::Call(error) => Self::Call(error),
            deleted @ ExperimentError::Deleted { .. } => Self::Experiment(deleted),
        }
    }
}

impl UploadError {
    /// Whether the record will never be taken.
    pub(crate) fn is_lasting(&self) -> bool {
        matches!(self, Self::Call(error) if error.is_lasting())
    }
}

/// Brings the record to the server; the run's id.
///
/// # Errors
/// See [`UploadError`]; it may be called again after any of them.
pub(crate) async fn upload(
    client: &Client,
    record: &Record,
    attempts: &impl Attempts,
    settle: Duration,
) -> Result<String, UploadError> {
    let experiment_id = experiment(client, &record.experiment).await?;
    let run_id = match run_of(client, &experiment_id, &record.key).await? {
        Some(run) => run.info.run_id,
        None => create(client, &experiment_id, record, attempts, settle).await?,
    };
    for batch in batches(record) {
        client.log(&run_id, &batch).await?;
    }
    client.end_run(&run_id, RunStatus::Finished, record.ended_millis).await?;
    Ok(run_id)
}

async fn create(
    client: &Client,
    experiment_id: &str,
    record: &Record,
    attempts: &impl Attempts,
    settle: Duration,
) -> Result<String, UploadError> {
    if let Some(wait) = attempts.open().await.and_then(|since| settle.checked_sub(since)) {
        return Err(UploadError::Settling { wait });
    }
    attempts.begin().await?;
    let tags = [Entry::new(KEY_TAG, &record.key)];
    match client.create_run(experiment_id, &record.name, record.started_millis, &tags).await {
        Ok(run) => Ok(run.info.run_id),
        Err(error) => {
            if !error.may_be_done() {
                attempts.refused().await;
            }
            Err(error.into())
        }
    }
}
