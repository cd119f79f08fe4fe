//! Brings the records of a spool to the server, one after the other, for as long
//! as it takes.

use crate::client::Client;
use crate::spool::{Done, Handle};
use crate::upload::{Attempts, UploadError, upload};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// How long is waited for what.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// After a first failure; doubled with each further one.
    pub first: Duration,
    /// At most.
    pub most: Duration,
    /// From a creation whose answer was lost to the next: longer than any server,
    /// or proxy before it, still works on a request whose client is gone.
    pub settle: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            first: Duration::from_secs(1),
            most: Duration::from_secs(60),
            settle: Duration::from_secs(120),
        }
    }
}

/// How delivering goes.
#[derive(Debug, Clone, Default)]
pub struct Status {
    /// What is in the way.
    pub failing: Option<Failing>,
}

/// What is in the way of delivering.
#[derive(Debug, Clone)]
pub struct Failing {
    /// Since when.
    pub since: Instant,
    /// The last error.
    pub error: Arc<UploadError>,
}

/// Delivers a spool.
#[derive(Debug, Clone)]
pub struct Delivery {
    client: Client,
    spool: Handle,
    pace: Pace,
    status: Arc<Mutex<Status>>,
}

impl Delivery {
    /// Of this spool by this client.
    #[must_use]
    pub fn new(client: Client, spool: Handle, pace: Pace) -> Self {
        Self { client, spool, pace, status: Arc::default() }
    }

    /// How it goes.
    #[must_use]
    pub fn status(&self) -> Status {
        self.status.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Until it is stopped; a record that is on its way then is begun again at
    /// the next start.
    pub async fn run(&self, stop: CancellationToken) {
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.deliver() => {}
        }
    }

    async fn deliver(&self) {
        let mut failures = 0;
        loop {
            let wait = match self.next().await {
                Ok(true) => {
                    failures = 0;
                    self.change(|status| status.failing = None);
                    continue;
                }
                Ok(false) => {
                    self.change(|status| status.failing = None);
                    self.spool.appended().await;
                    continue;
                }
                Err(error) => self.failed(error, failures),
            };
            failures += 1;
            tokio::time::sleep(wait).await;
        }
    }

    /// Delivers the oldest record; false if there is none.
    async fn next(&self) -> Result<bool, UploadError> {
        let Some((number, record)) = self.spool.head().await? else { return Ok(false) };
        let attempts = Attempted { spool: &self.spool, number };
        let done = match upload(&self.client, &record, &attempts, self.pace.settle).await {
            Ok(run_id) => {
                tracing::debug!(key = record.key, run_id, "a run is on the server");
                Done::Delivered
            }
            Err(error) if error.is_lasting() => Done::Rejected(error.to_string()),
            Err(error) => return Err(error),
        };
        self.spool.finish(number, record.key, done).await?;
        Ok(true)
    }

    /// How long to wait after so many failures in a row before this one.
    fn failed(&self, error: UploadError, before: u32) -> Duration {
        let step = self.pace.first.saturating_mul(1 << before.min(16)).min(self.pace.most);
        let step = step.mul_f64(rand::random_range(0.5..=1.0));
        let wait = match &error {
            UploadError::Settling { wait } => *wait,
            UploadError::Call(error) => error.retry_after().unwrap_or_default().max(step),
            UploadError::Experiment(_) | UploadError::Disk(_) => step,
        };
        self.change(|status| {
            let since = status.failing.as_ref().map_or_else(Instant::now, |failing| failing.since);
            status.failing = Some(Failing { since, error: Arc::new(error) });
        });
        wait
    }

    fn change(&self, change: impl FnOnce(&mut Status)) {
        change(&mut self.status.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

struct Attempted<'a> {
    spool: &'a Handle,
    number: u64,
}

impl Attempts for Attempted<'_> {
    async fn open(&self) -> Option<Duration> {
        self.spool.attempt_age(self.number).await
    }

    async fn begin(&self) -> io::Result<()> {
        self.spool.begin_attempt(self.number).await
    }

    async fn refused(&self) {
        self.spool.attempt_refused().await;
    }
}
