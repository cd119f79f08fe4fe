//! Time as waiting sees it. Tests count it instead of spending it, so that they
//! can say how long a wait would have been.

use std::time::{Duration, Instant};
#[cfg(test)]
use std::{
    sync::{Arc, Mutex, PoisonError},
    time,
};

/// Where time comes from.
#[derive(Debug, Clone, Default)]
pub enum Clock {
    /// The computer.
    #[default]
    Real,
    /// A sum of all waits.
    #[cfg(test)]
    Counted(Arc<Mutex<(time::Instant, Duration)>>),
}

impl Clock {
    /// A clock on which waiting takes no time.
    #[cfg(test)]
    pub fn counted() -> Self {
        Self::Counted(Arc::new(Mutex::new((Instant::now(), Duration::ZERO))))
    }

    /// Now.
    #[must_use]
    pub fn now(&self) -> Instant {
        match self {
            Self::Real => Instant::now(),
            #[cfg(test)]
            Self::Counted(sum) => {
                let (start, waited) = *sum.lock().unwrap_or_else(PoisonError::into_inner);
                start + waited
            }
        }
    }

    /// Time since an earlier `now`.
    #[must_use]
    pub fn since(&self, start: Instant) -> Duration {
        self.now().saturating_duration_since(start)
    }

    /// Waits.
    pub async fn sleep(&self, length: Duration) {
        match self {
            Self::Real => tokio::time::sleep(length).await,
            #[cfg(test)]
            Self::Counted(sum) => {
                sum.lock().unwrap_or_else(PoisonError::into_inner).1 += length;
                tokio::task::yield_now().await;
            }
        }
    }
}
