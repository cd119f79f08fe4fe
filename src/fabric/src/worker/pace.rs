//! When to spin and when to sleep. There is no portable way to wait for a
//! completion, so the queue is polled: without pause while traffic is fresh,
//! ever less often when it is not.
//!
//! Numbers: the loop spins for 200 µs after each message, then sleeps 50 µs,
//! doubling to 1 ms, so a message that finds it asleep waits up to 1 ms. With
//! a heartbeat each way every 250 ms a worker costs 1.9 % of a core over TCP
//! (`examples/link.rs` prints it), mostly for waking 1000 times a second.
//! While something is measured the loop does not sleep at all, on both sides.

use std::time::{Duration, Instant};

const SPIN: Duration = Duration::from_micros(200);
const FIRST_SLEEP: Duration = Duration::from_micros(50);
const LAST_SLEEP: Duration = Duration::from_millis(1);

#[derive(Debug)]
pub(super) struct Pace {
    spin_until: Instant,
    sleep: Duration,
}

impl Pace {
    pub(super) fn new(now: Instant) -> Self {
        Self { spin_until: now, sleep: FIRST_SLEEP }
    }

    /// A message went or came.
    pub(super) fn traffic(&mut self, now: Instant) {
        self.spin_until = now + SPIN;
        self.sleep = FIRST_SLEEP;
    }

    /// How long to sleep now; `None` is to poll again at once.
    pub(super) fn pause(&mut self, now: Instant) -> Option<Duration> {
        if now < self.spin_until {
            return None;
        }
        let pause = self.sleep;
        self.sleep = (pause * 2).min(LAST_SLEEP);
        Some(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spins_then_sleeps_longer_and_longer() {
        let now = Instant::now();
        let mut pace = Pace::new(now);
        pace.traffic(now);
        assert_eq!(pace.pause(now + SPIN / 2), None);
        let later = now + SPIN;
        let pauses: Vec<_> = (0..7).filter_map(|_| pace.pause(later)).collect();
        assert_eq!(pauses[0], FIRST_SLEEP);
        assert_eq!(pauses[6], LAST_SLEEP);
        assert!(pauses.windows(2).all(|pair| pair[0] <= pair[1]));
        pace.traffic(later);
        assert_eq!(pace.pause(later + SPIN / 2), None);
    }
}
