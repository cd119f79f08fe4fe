//! The keeper's time, so that tests can move it by hand. (tokio's `test-util`
//! would change a feature that the AWS crates see, and have them built twice.)

use std::time::Duration;
use tokio::time::Instant;

/// A clock that only grows, from any fixed point.
#[async_trait::async_trait]
pub trait Clock: Send + Sync {
    /// Time now.
    fn now(&self) -> Duration;

    /// Returns when the time has come.
    async fn sleep_until(&self, at: Duration);
}

/// The runtime's clock.
pub(crate) struct RuntimeClock {
    start: Instant,
}

impl RuntimeClock {
    pub(crate) fn new() -> Self {
        Self { start: Instant::now() }
    }
}

#[async_trait::async_trait]
impl Clock for RuntimeClock {
    fn now(&self) -> Duration {
        self.start.elapsed()
    }

    async fn sleep_until(&self, at: Duration) {
        tokio::time::sleep_until(self.start + at).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_runtimes_clock_sleeps_no_shorter_than_asked() {
        let clock = RuntimeClock::new();
        let at = clock.now() + Duration::from_millis(5);
        clock.sleep_until(at).await;
        assert!(clock.now() >= at);
    }
}
