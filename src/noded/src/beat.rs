//! Proof of progress: every long-lived task beats, the watchdog looks.
//!
//! A task beats from its own loop, never from a timer beside it, so a stuck
//! loop stops beating. Waiting for a peer or an API is progress.

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Longest time between two beats of a loop that runs.
pub const INTERVAL: Duration = Duration::from_secs(1);

/// A name and the milliseconds of the last beat.
type Task = (&'static str, Arc<AtomicU64>);

/// All beating tasks.
#[derive(Clone)]
pub struct Beats {
    start: Instant,
    tasks: Arc<Mutex<Vec<Task>>>,
}

/// One task's side.
#[derive(Clone)]
pub struct Beat {
    start: Instant,
    last_millis: Arc<AtomicU64>,
}

impl Default for Beats {
    fn default() -> Self {
        Self { start: Instant::now(), tasks: Arc::default() }
    }
}

impl Beats {
    /// Adds a task; it counts as having beaten now.
    #[must_use]
    pub fn task(&self, name: &'static str) -> Beat {
        let beat = Beat { start: self.start, last_millis: Arc::default() };
        beat.now();
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.push((name, beat.last_millis.clone()));
        beat
    }

    /// Every task, with the time since its last beat.
    #[must_use]
    pub fn silence(&self) -> Vec<(&'static str, Duration)> {
        let now = self.start.elapsed();
        let tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        let since = |last: &AtomicU64| {
            now.saturating_sub(Duration::from_millis(last.load(Ordering::Relaxed)))
        };
        tasks.iter().map(|(name, last)| (*name, since(last))).collect()
    }

    /// Tasks that have not beaten for `limit`.
    #[must_use]
    pub fn silent_for(&self, limit: Duration) -> Vec<&'static str> {
        let silence = self.silence().into_iter();
        silence.filter(|(_, silent)| *silent > limit).map(|(name, _)| name).collect()
    }
}

impl Beat {
    /// The task's loop went round.
    pub fn now(&self) {
        let millis = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last_millis.store(millis, Ordering::Relaxed);
    }

    /// Awaits `future`, beating as long as this task is being polled. Only for
    /// futures that end by themselves.
    pub async fn during<F: Future>(&self, future: F) -> F::Output {
        tokio::pin!(future);
        let mut interval = tokio::time::interval(INTERVAL);
        loop {
            tokio::select! {
                output = &mut future => return output,
                _ = interval.tick() => self.now(),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_task_that_stopped() {
        let beats = Beats::default();
        let (alive, _stuck) = (beats.task("alive"), beats.task("stuck"));
        assert!(beats.silent_for(Duration::from_secs(5)).is_empty());
        while beats.start.elapsed() < Duration::from_millis(5) {
            std::hint::spin_loop();
        }
        alive.now();
        assert_eq!(beats.silent_for(Duration::from_millis(3)), ["stuck"]);
    }
}
