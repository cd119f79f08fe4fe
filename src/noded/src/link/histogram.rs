//! Counts of round trips by their length.
//!
//! Log-linear, as HdrHistogram: each power of two has 32 buckets, so a bucket
//! is at most 1/32 of its value wide. Only buckets that hold something are
//! kept: a link uses some dozens of the 1920 there are.

use super::figures::Counts;
use nixl_cluster::link::HistogramSummary;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

const BITS: u32 = 5;
const PER_POWER: u64 = 1 << BITS;
/// Powers of two that are told as limits: 2 us to 134 ms.
const TOLD_POWERS: std::ops::RangeInclusive<u32> = 11..=27;

/// A histogram of nanoseconds.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Histogram {
    counts: BTreeMap<u16, u64>,
}

fn bucket(nanos: u64) -> u16 {
    if nanos < PER_POWER {
        return nanos as u16;
    }
    // The power counts from that of PER_POWER; 6 bits at most, so it fits.
    let power = u64::from(nanos.ilog2() - BITS);
    ((power + 1) * PER_POWER + (nanos >> power) - PER_POWER) as u16
}

/// Greatest value of a bucket.
fn top(bucket: u16) -> u64 {
    let bucket = u64::from(bucket);
    if bucket < PER_POWER {
        return bucket;
    }
    let power = (bucket / PER_POWER - 1).min(u64::from(63 - BITS));
    let next = u128::from(bucket % PER_POWER + PER_POWER + 1) << power;
    u64::try_from(next - 1).unwrap_or(u64::MAX)
}

impl Histogram {
    /// Counts one.
    pub fn add(&mut self, nanos: u64) {
        let count = self.counts.entry(bucket(nanos)).or_default();
        *count = count.saturating_add(1);
    }

    /// Everything counted.
    pub fn count(&self) -> u64 {
        self.counts.values().fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// Nearest rank, by the top of its bucket; 0 where nothing was counted.
    pub fn quantile(&self, share: f64) -> u64 {
        let wanted = ((self.count() as f64 * share).ceil() as u64).max(1);
        let mut seen = 0_u64;
        for (bucket, count) in &self.counts {
            seen = seen.saturating_add(*count);
            if seen >= wanted {
                return top(*bucket);
            }
        }
        self.counts.keys().last().map_or(0, |bucket| top(*bucket))
    }

    /// With limits that are powers of two, where buckets end.
    pub fn counts(&self) -> Counts {
        let mut told = Counts {
            below: TOLD_POWERS.map(|power| (1 << power, 0)).collect(),
            ..Counts::default()
        };
        for (bucket, count) in &self.counts {
            let top = top(*bucket);
            let bottom = bucket.checked_sub(1).map_or(0, |before| self::top(before) + 1);
            told.sum_nanos += *count as f64 * (bottom as f64 + top as f64) / 2.0;
            match told.below.iter_mut().find(|(limit, _)| top < *limit) {
                Some((_, sum)) => *sum = sum.saturating_add(*count),
                None => told.above = told.above.saturating_add(*count),
            }
        }
        told
    }

    pub fn summary(&self, rail: u16) -> HistogramSummary {
        HistogramSummary {
            rail,
            count: self.count(),
            p50_nanos: self.quantile(0.5),
            p90_nanos: self.quantile(0.9),
            p99_nanos: self.quantile(0.99),
            p999_nanos: self.quantile(0.999),
            max_nanos: self.quantile(1.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nothing_counted_is_nothing_said() {
        assert_eq!(Histogram::default().summary(0).max_nanos, 0);
    }

    #[test]
    fn the_longest_value_has_a_bucket() {
        assert_eq!(top(bucket(u64::MAX)), u64::MAX);
        assert_eq!(top(u16::MAX), u64::MAX, "also where a file was made up");
    }

    #[test]
    fn limits_are_powers_of_two() {
        let mut histogram = Histogram::default();
        for nanos in [0, 2047, 2048, 4095, 4096, 1 << 26, (1 << 27) - 1, 1 << 27, 1 << 40] {
            histogram.add(nanos);
        }
        let told = histogram.counts();
        assert_eq!(told.below[..3], [(2048, 2), (4096, 2), (8192, 1)]);
        assert_eq!((told.below.last(), told.above), (Some(&(1 << 27, 2)), 2));
        assert_eq!(Histogram::default().counts().sum_nanos, 0.0);
    }

    proptest! {
        #[test]
        fn the_sum_is_about_right(values in prop::collection::vec(0_u64..1 << 50, 1..100)) {
            let mut histogram = Histogram::default();
            values.iter().for_each(|nanos| histogram.add(*nanos));
            let exact: f64 = values.iter().map(|nanos| *nanos as f64).sum();
            let told = histogram.counts();
            prop_assert!((told.sum_nanos - exact).abs() <= exact / 60.0 + values.len() as f64);
            let counted: u64 = told.below.iter().map(|(_, count)| count).sum();
            prop_assert_eq!(counted + told.above, values.len() as u64);
        }

        #[test]
        fn a_bucket_is_narrow(nanos in any::<u64>()) {
            let top = top(bucket(nanos));
            prop_assert!(top >= nanos && top - nanos <= nanos / PER_POWER);
        }

        #[test]
        fn buckets_are_in_order(a in any::<u64>(), b in any::<u64>()) {
            prop_assert!((a <= b && bucket(a) <= bucket(b)) || (a > b && bucket(a) >= bucket(b)));
        }

        #[test]
        fn quantiles_are_those_of_the_values(
            mut values in prop::collection::vec(1_u64..10_000_000_000, 1..300),
            share in 0.01_f64..1.0,
        ) {
            let mut histogram = Histogram::default();
            values.iter().for_each(|nanos| histogram.add(*nanos));
            values.sort_unstable();
            let rank = ((values.len() as f64 * share).ceil() as usize).clamp(1, values.len());
            let (exact, told) = (values[rank - 1], histogram.quantile(share));
            prop_assert!(told >= exact && told - exact <= exact / PER_POWER, "{told} of {exact}");
            let text = serde_json::to_string(&histogram).unwrap();
            prop_assert_eq!(serde_json::from_str::<Histogram>(&text).unwrap(), histogram);
        }
    }
}
