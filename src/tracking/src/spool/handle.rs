//! The spool for tasks: its disk is waited for on threads of its own, and what
//! it holds can be told without waiting.

use super::{AppendError, Counts, Done, Spool};
use crate::record::Record;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::Notify;

/// What a spool holds and has done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Records that wait.
    pub waiting: usize,
    /// Their bytes.
    pub bytes: u64,
    /// What became of the others.
    pub counts: Counts,
}

/// A spool in a folder; clones share it.
#[derive(Debug, Clone)]
pub struct Handle(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    spool: Mutex<Spool>,
    summary: Mutex<Summary>,
    appended: Notify,
}

impl Handle {
    /// For a spool that was opened.
    #[must_use]
    pub fn new(spool: Spool) -> Self {
        let summary = Mutex::new(summary(&spool));
        Self(Arc::new(Shared { spool: Mutex::new(spool), summary, appended: Notify::new() }))
    }

    /// As of the last thing done.
    #[must_use]
    pub fn summary(&self) -> Summary {
        lock(&self.0.summary).clone()
    }

    /// See [`Spool::append`].
    ///
    /// # Errors
    /// Likewise.
    pub async fn append(&self, record: Record) -> Result<usize, AppendError> {
        let appended = self.with(move |spool| spool.append(&record, now_millis())).await?;
        self.0.appended.notify_one();
        appended
    }

    /// Something was appended since this was last waited for.
    pub async fn appended(&self) {
        self.0.appended.notified().await;
    }

    pub(crate) async fn head(&self) -> io::Result<Option<(u64, Record)>> {
        self.with(|spool| spool.head(now_millis())).await?
    }

    pub(crate) async fn finish(&self, number: u64, key: String, done: Done) -> io::Result<()> {
        self.with(move |spool| spool.finish(number, &key, done, now_millis())).await?
    }

    pub(crate) async fn attempt_age(&self, number: u64) -> Option<Duration> {
        let age = self.with(move |spool| spool.attempt_age_millis(number, now_millis())).await;
        age.ok().flatten().map(Duration::from_millis)
    }

    pub(crate) async fn begin_attempt(&self, number: u64) -> io::Result<()> {
        self.with(move |spool| spool.begin_attempt(number, now_millis())).await?
    }

    pub(crate) async fn attempt_refused(&self) {
        // A thread that failed has changed nothing.
        let _ = self.with(Spool::attempt_refused).await;
    }

    async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Spool) -> T + Send + 'static,
    ) -> io::Result<T> {
        let shared = self.0.clone();
        let work = move || {
            let mut spool = lock(&shared.spool);
            let done = work(&mut spool);
            *lock(&shared.summary) = summary(&spool);
            done
        };
        tokio::task::spawn_blocking(work).await.map_err(io::Error::other)
    }
}

fn summary(spool: &Spool) -> Summary {
    let counts = spool.counts().clone();
    Summary { waiting: spool.waiting(), bytes: spool.bytes(), counts }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Unix time in milliseconds.
pub(crate) fn now_millis() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
