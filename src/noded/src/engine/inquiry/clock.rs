//! How far the clock of each peer is from this node's.
//!
//! As NTP does it (RFC 5905, 8): the peer read its clock somewhere between
//! question and answer, so half the round trip is the most by which the middle
//! of both may be wrong; of several exchanges the shortest tells most.

use crate::board::{Reading, Settle};
use jiff::Timestamp;
use nixl_cluster::reason;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Exchanges with each peer in a round.
pub(super) const EXCHANGES: u32 = 5;
/// Logs of two nodes are put side by side in tenths of a second.
const MAX_SKEW_SECS: f64 = 0.1;
/// One that is corrected in between is no news; a clock that was set is.
pub(super) const SETTLE: Settle = Settle { bad_after: 2, good_after: 3 };

/// What one exchange showed.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Sample {
    skew_secs: f64,
    round_trip: Duration,
    at: Timestamp,
}

/// Rounds of exchanges with every peer at once.
#[derive(Debug, Default)]
pub(super) struct Clocks {
    /// Exchanges under way: how many are left with each peer.
    left: BTreeMap<u32, u32>,
    best: BTreeMap<u32, Sample>,
    /// When the last round began.
    begun: Option<Instant>,
    /// The next one is wanted at once: somebody is new, or a skew is to be
    /// confirmed.
    soon: bool,
}

impl Clocks {
    /// Wants a round before its time.
    pub fn soon(&mut self) {
        self.soon = true;
    }

    /// Whether a round is due, `interval` after the last one or `least` if it is
    /// wanted before.
    pub fn is_due(&self, now: Instant, interval: Duration, least: Duration) -> bool {
        let wait = if self.soon { least } else { interval };
        self.left.is_empty() && self.begun.is_none_or(|begun| now >= begun + wait)
    }

    /// Begins a round with these ranks, each of which is asked [`EXCHANGES`] times.
    pub fn begin(&mut self, ranks: impl Iterator<Item = u32>, now: Instant) {
        self.left = ranks.map(|rank| (rank, EXCHANGES)).collect();
        self.best.clear();
        (self.begun, self.soon) = (Some(now), false);
    }

    /// An exchange has ended, with the peer's clock if it told it; whether the
    /// round ends with it.
    pub fn exchanged(
        &mut self,
        rank: u32,
        peer: Option<Timestamp>,
        now: Timestamp,
        round_trip: Duration,
    ) -> bool {
        let Some(left) = self.left.get_mut(&rank) else { return false };
        *left -= 1;
        if *left == 0 {
            self.left.remove(&rank);
        }
        if let Some(peer) = peer {
            let ahead = peer.duration_since(now).as_secs_f64();
            let skew_secs = ahead + round_trip.as_secs_f64() / 2.0;
            let sample = Sample { skew_secs, round_trip, at: now };
            let best = self.best.entry(rank).or_insert(sample);
            if round_trip < best.round_trip {
                *best = sample;
            }
        }
        self.left.is_empty()
    }

    /// Nothing more comes from this peer; whether the round ends with it.
    pub fn gone(&mut self, rank: u32) -> bool {
        self.best.remove(&rank);
        self.left.remove(&rank).is_some() && self.left.is_empty()
    }

    /// Skew and uncertainty of every peer that answered, by the names given.
    pub fn readings(&mut self, names: &BTreeMap<u32, String>) -> (Vec<Reading>, Vec<Reading>) {
        let told = self.best.iter().filter_map(|(rank, sample)| Some((names.get(rank)?, sample)));
        let (skews, uncertainties): (Vec<_>, Vec<_>) =
            told.map(|(peer, sample)| readings(peer, *sample)).unzip();
        // Seen once it may be chance, and once good it is not mended yet.
        self.soon |= skews.iter().any(|reading| reading.reason.is_some());
        (skews, uncertainties)
    }
}

fn readings(peer: &str, sample: Sample) -> (Reading, Reading) {
    let Sample { skew_secs, round_trip, at } = sample;
    let uncertainty_secs = round_trip.as_secs_f64() / 2.0;
    let micros = |secs: f64| (secs * 1e6).round() / 1e6;
    let size = skew_secs.abs();
    let reading = if size > MAX_SKEW_SECS && size > uncertainty_secs {
        let side = if skew_secs > 0.0 { "ahead of" } else { "behind" };
        let evidence = format!(
            "the clock of {peer} is {size:.3} s {side} this node's (± {uncertainty_secs:.4} s)"
        );
        Reading::bad(&reason::CLOCK_SKEW, evidence)
            .field("skew_secs", micros(skew_secs))
            .field("peer", peer)
    } else {
        Reading::default()
    };
    let skew = reading.value(micros(skew_secs)).unit("s").about(peer).at(at);
    let uncertainty = Reading::good(micros(uncertainty_secs)).unit("s").about(peer).at(at);
    (skew, uncertainty)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millisecond(1_700_000_000_000 + millis).unwrap()
    }

    /// A round with one peer, of exchanges with these clocks of the peer, all
    /// answered at 0 ms by our clock, and these round trips.
    fn round(exchanges: &[(Option<i64>, u32)]) -> (Clocks, Vec<Reading>, Vec<Reading>) {
        let mut clocks = Clocks::default();
        clocks.begin([1].into_iter(), Instant::now());
        let mut ended = false;
        for (peer, trip) in exchanges {
            ended = clocks.exchanged(1, peer.map(at), at(0), MS * *trip);
        }
        assert_eq!(ended, exchanges.len() == EXCHANGES as usize);
        let (skews, uncertainties) = clocks.readings(&[(1, "i-2".to_owned())].into());
        (clocks, skews, uncertainties)
    }

    #[test]
    fn the_shortest_round_trip_counts() {
        let (_, skews, uncertainties) =
            round(&[(Some(900), 400), (Some(-1), 2), (None, 0), (Some(700), 90), (Some(800), 3)]);
        assert_eq!(skews[0].value, Some(0.0.into()));
        assert_eq!(uncertainties[0].value, Some(0.001.into()));
        assert_eq!((skews[0].id.as_deref(), skews[0].unit), (Some("i-2"), Some("s")));
    }

    #[test]
    fn a_skew_is_told_with_its_side_and_wants_another_look() {
        let (clocks, skews, _) = round(&[(Some(4999), 2)]);
        let (told, evidence) = skews[0].reason.clone().unwrap();
        assert_eq!(told.code, "system.clock_skew");
        assert_eq!(evidence, "the clock of i-2 is 5.000 s ahead of this node's (± 0.0010 s)");
        assert_eq!(skews[0].fields["skew_secs"], 5.0);
        assert!(clocks.soon);
        let (_, skews, _) = round(&[(Some(-301), 2)]);
        assert!(skews[0].reason.as_ref().unwrap().1.contains("0.300 s behind this node's"));
    }

    #[test]
    fn what_the_round_trip_may_hide_is_no_skew() {
        // 0.3 s off, give or take 0.5 s.
        assert_eq!(round(&[(Some(-200), 1000)]).1[0].reason, None);
        assert_eq!(round(&[(Some(98), 2)]).1[0].reason, None, "below a tenth");
        let (clocks, skews, _) = round(&[(None, 0), (None, 0)]);
        assert!(skews.is_empty() && !clocks.soon);
    }

    #[test]
    fn rounds_follow_each_other_at_their_interval() {
        let (interval, least) = (MS * 30_000, MS * 5000);
        let mut clocks = Clocks::default();
        let now = Instant::now();
        assert!(clocks.is_due(now, interval, least));
        clocks.begin([1, 2].into_iter(), now);
        assert!(!clocks.is_due(now + interval, interval, least), "one is under way");
        (0..EXCHANGES).for_each(|_| _ = clocks.exchanged(1, Some(at(0)), at(0), MS));
        assert!(clocks.gone(2), "nobody else is left");
        assert!(!clocks.gone(2));
        assert!(!clocks.is_due(now + least, interval, least));
        clocks.soon();
        assert!(clocks.is_due(now + least, interval, least));
        assert!(!clocks.exchanged(9, None, at(0), MS), "an answer of no round");
    }
}
