//! The region's clock: the computer's, plus what `nixl-region clock` has moved
//! it forward. What the region times by the calendar (expiry of URLs, schedules,
//! windows of eventual consistency) asks it; machines have their own.

use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;
use tokio::sync::watch;

/// The clock; clones share it.
#[derive(Debug, Clone)]
pub struct Clock(Arc<watch::Sender<SignedDuration>>);

impl Default for Clock {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(SignedDuration::ZERO)))
    }
}

impl Clock {
    /// Now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        let ahead = *self.0.borrow();
        Timestamp::now().checked_add(ahead).unwrap_or(Timestamp::MAX)
    }

    /// How far it is ahead of the computer's.
    #[must_use]
    pub fn ahead(&self) -> SignedDuration {
        *self.0.borrow()
    }

    /// Moves it forward; who sleeps until a time it has now passed wakes up.
    pub fn advance(&self, by: SignedDuration) {
        self.0.send_modify(|ahead| *ahead = ahead.saturating_add(by));
    }

    /// Sleeps until the clock has moved on so far.
    pub async fn sleep(&self, duration: SignedDuration) {
        let now = self.now();
        self.sleep_until(now.checked_add(duration).unwrap_or(now)).await;
    }

    /// Sleeps until the clock shows a time.
    pub async fn sleep_until(&self, time: Timestamp) {
        let mut moved = self.0.subscribe();
        loop {
            moved.borrow_and_update();
            let left = time.duration_since(self.now());
            let Ok(left) = std::time::Duration::try_from(left) else { return };
            if left.is_zero() {
                return;
            }
            tokio::select! {
                () = tokio::time::sleep(left) => {}
                // The sender lives as long as `self`.
                _ = moved.changed() => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_sleeps_wakes_when_the_clock_is_moved_past() {
        let clock = Clock::default();
        let hour = SignedDuration::from_hours(1);
        let sleeper = clock.clone();
        let until = clock.now() + hour;
        let task = tokio::spawn(async move { sleeper.sleep_until(until).await });
        clock.advance(hour / 2);
        tokio::task::yield_now().await;
        assert!(!task.is_finished());
        clock.advance(hour);
        task.await.unwrap();
    }
}
