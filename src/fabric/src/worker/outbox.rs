//! Messages a peer has not taken yet. A send to a peer that is not connected
//! answers "try again", for a dead one for ever; so the queue is short, the
//! oldest goes first (a late heartbeat is worth nothing), and tries back off.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

const MAX_MESSAGES: usize = 16;
/// A connection takes about 50 ms to come up on TCP.
const FIRST_RETRY: Duration = Duration::from_micros(50);
const LAST_RETRY: Duration = Duration::from_millis(5);

#[derive(Debug, Default)]
pub(super) struct Outbox {
    messages: VecDeque<Vec<u8>>,
    retry: Option<Retry>,
}

#[derive(Debug)]
struct Retry {
    at: Instant,
    after: Duration,
}

impl Outbox {
    /// Queues a message; `false` when the oldest had to go for it.
    pub(super) fn push(&mut self, message: Vec<u8>) -> bool {
        let full = self.messages.len() >= MAX_MESSAGES;
        if full {
            self.messages.pop_front();
        }
        self.messages.push_back(message);
        !full
    }

    /// The message to try now.
    pub(super) fn due(&self, now: Instant) -> Option<&[u8]> {
        if self.retry.as_ref().is_some_and(|retry| now < retry.at) {
            return None;
        }
        self.messages.front().map(Vec::as_slice)
    }

    /// The message tried was taken, or is given up.
    pub(super) fn done(&mut self) {
        self.messages.pop_front();
        self.retry = None;
    }

    /// The message tried must be tried again.
    pub(super) fn again(&mut self, now: Instant) {
        let after =
            self.retry.as_ref().map_or(FIRST_RETRY, |retry| (retry.after * 2).min(LAST_RETRY));
        self.retry = Some(Retry { at: now + after, after });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_goes_first() {
        let mut outbox = Outbox::default();
        let now = Instant::now();
        for i in 0..MAX_MESSAGES {
            assert!(outbox.push(vec![u8::try_from(i).expect("small")]));
        }
        assert!(!outbox.push(vec![99]));
        assert_eq!(outbox.due(now), Some([1].as_slice()));
    }

    #[test]
    fn tries_back_off_and_start_afresh() {
        let mut outbox = Outbox::default();
        outbox.push(vec![1]);
        let mut now = Instant::now();
        let mut tries = 0;
        let end = now + Duration::from_secs(1);
        while now < end {
            if outbox.due(now).is_some() {
                tries += 1;
                outbox.again(now);
            }
            now += Duration::from_micros(50);
        }
        assert!((200..250).contains(&tries), "{tries}");
        outbox.push(vec![2]);
        now += LAST_RETRY;
        assert_eq!(outbox.due(now), Some([1].as_slice()));
        outbox.done();
        assert_eq!(outbox.due(now), Some([2].as_slice()));
    }
}
