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
