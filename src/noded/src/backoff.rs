//! Waiting longer after every failure, with jitter so that nodes that failed
//! together do not return together.

use std::time::Duration;

/// Doubles from `first` to `most`.
#[derive(Debug, Clone)]
pub struct Backoff {
    first: Duration,
    most: Duration,
    next: Duration,
}

impl Backoff {
    /// Starts at `first`.
    #[must_use]
    pub fn new(first: Duration, most: Duration) -> Self {
        Self { first, most, next: first }
    }

    /// Time to wait now: half to all of the current step.
    pub fn step(&mut self) -> Duration {
        let step = self.next;
        self.next = (step * 2).min(self.most);
        step.mul_f64(rand::random_range(0.5..=1.0))
    }

    /// Back to the first step.
    pub fn reset(&mut self) {
        self.next = self.first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_to_its_bound_and_starts_again() {
        let mut backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(1));
        for most_millis in [200, 400, 800, 1000, 1000] {
            let wait = backoff.step().as_millis();
            assert!((most_millis / 2..=most_millis).contains(&wait), "{wait} of {most_millis}");
        }
        backoff.reset();
        assert!(backoff.step().as_millis() <= 200);
    }
}
