//! The budget of continuous measuring: a token bucket of bytes.

use std::time::Instant;

/// Fills at the rate allowed, up to one transfer.
#[derive(Debug, Clone)]
pub(super) struct Bucket {
    bytes_per_sec: u64,
    most_bytes: f64,
    bytes: f64,
    filled: Instant,
    spent_bytes: u64,
}

impl Bucket {
    /// Full at first, so that a new link is sampled at once.
    pub fn new(bytes_per_sec: u64, most_bytes: u64, now: Instant) -> Self {
        let most_bytes = most_bytes as f64;
        Self { bytes_per_sec, most_bytes, bytes: most_bytes, filled: now, spent_bytes: 0 }
    }

    /// Whether a transfer may be made. A budget of nothing allows none.
    pub fn full(&mut self, now: Instant) -> bool {
        let secs = now.saturating_duration_since(self.filled).as_secs_f64();
        self.bytes = (self.bytes + secs * self.bytes_per_sec as f64).min(self.most_bytes);
        self.filled = now;
        self.bytes_per_sec > 0 && self.bytes >= self.most_bytes
    }

    /// What was moved; more than there was delays the next, by one transfer's
    /// time at most, whatever a worker says.
    pub fn spend(&mut self, bytes: u64) {
        self.bytes = (self.bytes - bytes as f64).max(-self.most_bytes);
        self.spent_bytes = self.spent_bytes.saturating_add(bytes);
    }

    pub fn told(&self) -> nixl_cluster::link::Budget {
        let (bytes_per_sec, spent_bytes) = (self.bytes_per_sec, self.spent_bytes);
        nixl_cluster::link::Budget { bytes_per_sec, spent_bytes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::Duration;

    #[test]
    fn nothing_allowed_is_nothing_moved() {
        let now = Instant::now();
        assert!(!Bucket::new(0, 100, now).full(now + Duration::from_secs(1000)));
    }

    #[test]
    fn a_debt_has_an_end() {
        let now = Instant::now();
        let mut bucket = Bucket::new(100, 100, now);
        bucket.spend(u64::MAX);
        bucket.spend(u64::MAX);
        assert!(!bucket.full(now + Duration::from_millis(1900)));
        assert!(bucket.full(now + Duration::from_millis(2000)));
    }

    proptest! {
        /// Whoever asks before each transfer stays within rate x time + one
        /// transfer, however long the waits.
        #[test]
        fn the_average_holds(waits_millis in prop::collection::vec(0_u64..5000, 1..200)) {
            let start = Instant::now();
            let (mut bucket, mut now, mut moved) = (Bucket::new(1000, 10_000, start), start, 0_u32);
            for wait in waits_millis {
                now += Duration::from_millis(wait);
                if bucket.full(now) {
                    bucket.spend(10_000);
                    moved += 10_000;
                }
            }
            let allowed = (now - start).as_secs_f64() * 1000.0 + 10_000.0;
            prop_assert!(f64::from(moved) <= allowed + 1.0, "{moved} of {allowed}");
            prop_assert_eq!(bucket.told().spent_bytes, u64::from(moved));
        }
    }
}
