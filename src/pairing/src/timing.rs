//! Every interval of the protocol, each with its reason, and the one backoff.

use rand::RngExt as _;
use rand::rngs::StdRng;
use std::time::Duration;

/// Between two heartbeats: four fit into [`LOST_AFTER`], so three may get lost.
pub const HEARTBEAT_INTERVAL: Duration = Duration::from_millis(250);
/// Silence after which a peer is lost: a killed peer must be paired again
/// within 3 s, and a busy scheduler must not look like a death.
pub const LOST_AFTER: Duration = Duration::from_secs(1);
/// How long a peer may be heard without echoing anything newer of ours. It
/// declares us lost after [`LOST_AFTER`] and falls silent by itself; this is
/// for one that does not.
pub const UNHEARD_AFTER: Duration = Duration::from_secs(2);
/// First wait before a hello or noise-1 is repeated: a fabric round trip is
/// microseconds, a daemon under load takes some milliseconds.
pub const KNOCK_FIRST: Duration = Duration::from_millis(100);
/// Longest wait between two hellos or noise-1: bounds what a returning peer waits.
pub const KNOCK_LONGEST: Duration = Duration::from_secs(1);
/// Wait between knocks at a refused peer: it may still turn out to be right.
pub const KNOCK_REFUSED: Duration = Duration::from_secs(5);
/// Least time between two answers to hellos of one peer: a flood must not be mirrored.
pub const KNOCK_LEAST: Duration = Duration::from_millis(50);
/// Sends of one noise-1 before a new one is made: about 1.5 s with the backoff.
pub const SENDS_PER_ATTEMPT: u32 = 4;
/// Unanswered handshaking after which a peer counts as unreachable: longer
/// than a restart of its daemon, shorter than a person's patience.
pub const UNREACHABLE_AFTER: Duration = Duration::from_secs(5);
/// Failed handshakes, each against tags read after the one before, that make a
/// refusal: tags are eventually consistent, one or two may be stale.
pub const REFUSED_AFTER: u32 = 3;
/// Least time between the first of them and a refusal: three look-ups in a row may
/// all be stale while a daemon comes back.
pub const REFUSED_SPAN: Duration = Duration::from_secs(2);
/// Older tags, read again and again for so long, are no lag of EC2's, which
/// settles within seconds: somebody put them back.
pub const PUT_BACK_AFTER: Duration = Duration::from_secs(10);
/// First wait between look-ups.
pub const LOOK_UP_FIRST: Duration = Duration::from_millis(250);
/// Longest wait between look-ups: DescribeInstances draws on a bucket that the
/// whole account shares.
pub const LOOK_UP_LONGEST: Duration = Duration::from_secs(5);
/// Least time between look-ups that a message asked for: a foreigner must not
/// be able to spend the account's bucket.
pub const LOOK_UP_LEAST: Duration = Duration::from_secs(1);
/// This for each node is the least that [`LOOK_UP_FIRST`], [`LOOK_UP_LONGEST`] and
/// [`LOOK_UP_LEAST`] may be: all together make at most ten calls a second, half of what the
/// documented bucket of DescribeInstances gets back (EC2 API Reference, request throttling).
pub const LOOK_UP_PER_NODE: Duration = Duration::from_millis(100);
/// Look-ups that messages may ask for in a row, in a cluster of up to
/// [`SPREAD_FREE_NODES`]: a failed send must not spend the one that the hello of the
/// restarted daemon needs.
pub const LOOK_UP_BURST: u32 = 3;
/// A lost peer is tried with the tags at hand after so long, whether they could
/// be read again or not.
pub const READMIT_AFTER: Duration = Duration::from_secs(2);
/// Nodes that may read at the same moment; the bucket holds 100.
pub const SPREAD_FREE_NODES: u32 = 16;
/// Spread of a moment that all see (a boot, a loss), for each node beyond those.
pub const SPREAD_PER_NODE: Duration = Duration::from_millis(75);
/// A look-up not answered for so long counts as failed.
pub const LOOK_UP_TIMEOUT: Duration = Duration::from_secs(30);
/// First question asked until it is given up: a person waits for some of the answers.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(3);
/// A question without a whole answer is asked anew, so that one lost message loses no answer.
pub const ASK_AGAIN: Duration = Duration::from_secs(1);
/// Questions of one peer that are taken in a row: a round of the clock, versions, and a person's.
pub const QUESTIONS_AT_ONCE: u32 = 10;
/// After that each takes this long: a peer must not spend our time.
pub const QUESTION_EVERY: Duration = Duration::from_millis(250);
/// Parts of an answer sent in a row: the fabric worker queues 16 messages for a
/// peer, and heartbeats are among them.
pub const PARTS_AT_ONCE: usize = 4;
/// Between two such rows; a worker sends one in less than a millisecond.
pub const PARTS_INTERVAL: Duration = Duration::from_millis(5);

/// Doubling wait with ±20 % jitter, so that nodes started together drift apart.
#[derive(Debug, Clone)]
pub(crate) struct Backoff {
    first: Duration,
    longest: Duration,
    wait: Duration,
}

impl Backoff {
    pub(crate) fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, wait: first }
    }

    pub(crate) fn reset(&mut self) {
        self.wait = self.first;
    }

    /// The wait to take now; the next is twice as long.
    pub(crate) fn next(&mut self, rng: &mut StdRng) -> Duration {
        let wait = self.wait;
        self.wait = (wait * 2).min(self.longest);
        jittered(wait, rng)
    }
}

pub(crate) fn jittered(wait: Duration, rng: &mut StdRng) -> Duration {
    wait.mul_f64(rng.random_range(0.8..=1.2))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng as _;

    #[test]
    fn backoff_doubles_to_its_bound_within_jitter() {
        let mut rng = StdRng::seed_from_u64(1);
        let mut backoff = Backoff::new(LOOK_UP_FIRST, LOOK_UP_LONGEST);
        for expected_ms in [250, 500, 1000, 2000, 4000, 5000, 5000] {
            let expected = Duration::from_millis(expected_ms);
            let wait = backoff.next(&mut rng);
            assert!(wait >= expected.mul_f64(0.79) && wait <= expected.mul_f64(1.21), "{wait:?}");
        }
        backoff.reset();
        assert!(backoff.next(&mut rng) <= LOOK_UP_FIRST.mul_f64(1.21));
    }

    #[test]
    fn the_same_seed_gives_the_same_waits() {
        let waits = |seed| {
            let mut rng = StdRng::seed_from_u64(seed);
            let mut backoff = Backoff::new(KNOCK_FIRST, KNOCK_LONGEST);
            (0..5).map(|_| backoff.next(&mut rng)).collect::<Vec<_>>()
        };
        assert_eq!(waits(7), waits(7));
        assert_ne!(waits(7), waits(8));
    }
}
