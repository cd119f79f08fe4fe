//! A provider in trouble may report thousands of errors a second; the daemon
//! needs a few.

use std::time::{Duration, Instant};

const WINDOW: Duration = Duration::from_secs(1);
const PER_WINDOW: u32 = 16;

/// Counts what passes in a second.
#[derive(Debug)]
pub(super) struct Limit {
    start: Instant,
    passed: u32,
    held_back: u64,
}

impl Limit {
    pub(super) fn new(now: Instant) -> Self {
        Self { start: now, passed: 0, held_back: 0 }
    }

    /// Whether one more may pass; with it, how many could not before.
    pub(super) fn pass(&mut self, now: Instant) -> Option<u64> {
        if now.duration_since(self.start) >= WINDOW {
            self.start = now;
            self.passed = 0;
        }
        if self.passed >= PER_WINDOW {
            self.held_back += 1;
            return None;
        }
        self.passed += 1;
        Some(std::mem::take(&mut self.held_back))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_thinned_and_counted() {
        let now = Instant::now();
        let mut limit = Limit::new(now);
        let passed = (0..100).filter_map(|_| limit.pass(now)).count();
        assert_eq!(passed, PER_WINDOW as usize);
        assert_eq!(limit.pass(now + WINDOW), Some(84));
        assert_eq!(limit.pass(now + WINDOW), Some(0));
    }
}
