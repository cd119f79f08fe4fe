//! Counters as what they did since somebody looks.
//!
//! The first sample is the baseline: what a device counted before this process
//! was there is no news, so a restart of ours is none either.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// One counter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Count {
    /// As the device has it.
    pub value: u64,
    /// Grown since the baseline.
    pub total: u64,
    /// Grown between the two last samples.
    pub grown: u64,
    /// Time between them; `None` with one sample only.
    pub window: Option<Duration>,
}

/// The counters of one device.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    guid: Option<String>,
    taken: Option<Instant>,
    counts: BTreeMap<&'static str, (Count, Instant)>,
    resets: u64,
    replaced: u64,
}

impl Tally {
    /// Takes a sample of the device with this `node_guid`, unless it comes
    /// sooner than `lifespan` after the last one, which it then only repeats.
    pub fn take(
        &mut self,
        values: &BTreeMap<&'static str, u64>,
        guid: Option<&str>,
        lifespan: Option<Duration>,
        now: Instant,
    ) {
        let age = self.taken.map(|taken| now.saturating_duration_since(taken));
        if age.is_some_and(|age| age < lifespan.unwrap_or_default()) {
            return;
        }
        self.taken = Some(now);
        if let Some(guid) = guid {
            if self.guid.as_deref().is_some_and(|before| before != guid) {
                self.replaced += 1;
                self.counts.clear();
            }
            self.guid = Some(guid.to_owned());
        }
        // What is not told now has no rate; what it grew by is in the next sample.
        for (count, _) in self.counts.values_mut() {
            (count.grown, count.window) = (0, None);
        }
        let mut reset = false;
        for (name, value) in values.iter().map(|(name, value)| (*name, *value)) {
            let before = self.counts.get(name).copied();
            let count = match before {
                Some((before, at)) => match value.checked_sub(before.value) {
                    Some(grown) => Count {
                        value,
                        total: before.total.saturating_add(grown),
                        grown,
                        window: Some(now.saturating_duration_since(at)),
                    },
                    None => {
                        reset = true;
                        Count { value, total: before.total, grown: 0, window: None }
                    }
                },
                None => Count { value, total: 0, grown: 0, window: None },
            };
            self.counts.insert(name, (count, now));
        }
        self.resets += u64::from(reset);
    }

    /// A counter; `None` if the device has it not, or it was never read.
    #[must_use]
    pub fn count(&self, name: &str) -> Option<Count> {
        self.counts.get(name).map(|(count, _)| *count)
    }

    /// All counters, by name.
    pub fn counts(&self) -> impl Iterator<Item = (&'static str, Count)> {
        self.counts.iter().map(|(name, (count, _))| (*name, *count))
    }

    /// Mean rate between the two last samples; `None` where there is none.
    #[must_use]
    pub fn per_sec(&self, name: &str) -> Option<f64> {
        self.count(name)?.per_sec()
    }

    /// Samples in which a counter was less than before, as after a reset of the
    /// device: each began a new baseline.
    #[must_use]
    pub fn resets(&self) -> u64 {
        self.resets
    }

    /// Times another device was in its place, which began a new baseline.
    #[must_use]
    pub fn replaced(&self) -> u64 {
        self.replaced
    }
}

impl Count {
    /// Mean rate between the two last samples.
    #[must_use]
    pub fn per_sec(&self) -> Option<f64> {
        let secs = self.window?.as_secs_f64();
        (secs > 0.0).then(|| self.grown as f64 / secs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NAME: &str = "rx_drops";

    fn values(value: u64) -> BTreeMap<&'static str, u64> {
        BTreeMap::from([(NAME, value)])
    }

    /// Takes these values, one a second.
    fn taken(samples: &[u64]) -> Tally {
        let (start, mut tally) = (Instant::now(), Tally::default());
        for (second, value) in samples.iter().enumerate() {
            let now = start + Duration::from_secs(second as u64);
            tally.take(&values(*value), Some("a"), None, now);
        }
        tally
    }

    #[test]
    fn the_first_sample_is_no_news() {
        let tally = taken(&[1_000_000]);
        let count = tally.count(NAME).unwrap();
        assert_eq!((count.value, count.total, count.per_sec()), (1_000_000, 0, None));
        assert_eq!(tally.count("tx_bytes"), None, "a counter that is absent is no zero");
        let tally = taken(&[1_000_000, 1_000_007]);
        let count = tally.count(NAME).unwrap();
        assert_eq!((count.total, count.grown, tally.per_sec(NAME)), (7, 7, Some(7.0)));
    }

    #[test]
    fn a_reset_begins_anew_and_loses_nothing_before_it() {
        let tally = taken(&[100, 150, 3, 10]);
        let count = tally.count(NAME).unwrap();
        assert_eq!((count.total, count.grown, tally.resets()), (57, 7, 1));
        assert_eq!(taken(&[100, 150, 3]).per_sec(NAME), None);
    }

    #[test]
    fn another_device_in_its_place_is_no_growth() {
        let (start, mut tally) = (Instant::now(), Tally::default());
        let mut take = |value, guid, second| {
            tally.take(&values(value), guid, None, start + Duration::from_secs(second));
            (tally.count(NAME).unwrap().total, tally.replaced())
        };
        take(5, Some("a"), 0);
        assert_eq!(take(9, None, 1), (4, 0), "an unknown guid changes nothing");
        assert_eq!(take(90_000, Some("b"), 2), (0, 1));
        assert_eq!(take(90_001, Some("b"), 3), (1, 1));
    }

    #[test]
    fn samples_within_the_lifespan_are_repetitions() {
        let (start, mut tally) = (Instant::now(), Tally::default());
        let lifespan = Some(Duration::from_secs(60));
        for (second, value) in [(0, 1), (10, 1), (59, 1), (60, 61)] {
            let now = start + Duration::from_secs(second);
            tally.take(&values(value), None, lifespan, now);
        }
        assert_eq!(tally.per_sec(NAME), Some(1.0));
    }

    #[test]
    fn a_counter_that_was_not_told_for_a_while_has_a_longer_window() {
        let (start, mut tally) = (Instant::now(), Tally::default());
        tally.take(&values(10), None, None, start);
        tally.take(&BTreeMap::new(), None, None, start + Duration::from_secs(10));
        assert_eq!((tally.per_sec(NAME), tally.count(NAME).unwrap().value), (None, 10));
        tally.take(&values(30), None, None, start + Duration::from_secs(20));
        assert_eq!(tally.per_sec(NAME), Some(1.0));
    }

    proptest! {
        #[test]
        fn the_total_is_what_it_grew_by(samples in prop::collection::vec(any::<u32>(), 1..40)) {
            let samples: Vec<u64> = samples.into_iter().map(u64::from).collect();
            let tally = taken(&samples);
            let pairs = samples.windows(2).map(|pair| (pair[0], pair[1]));
            let grown: u64 = pairs.clone().map(|(a, b)| b.saturating_sub(a)).sum();
            let resets = pairs.filter(|(a, b)| b < a).count() as u64;
            let count = tally.count(NAME).unwrap();
            prop_assert_eq!((count.total, tally.resets()), (grown, resets));
            prop_assert_eq!(count.value, *samples.last().unwrap());
        }

        #[test]
        fn no_value_is_too_large(samples in prop::collection::vec(any::<u64>(), 1..9)) {
            let tally = taken(&samples);
            prop_assert!(tally.per_sec(NAME).is_none_or(|rate| rate >= 0.0));
        }
    }
}
