//! Families of samples, one call each.

use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;
use std::fmt;

/// Names with values.
pub(super) type Labels = Vec<(&'static str, String)>;

/// A family with more samples is a fault of ours or of a device; the rest of it
/// is left out and counted. 64 peers with 32 rails each fit.
const MOST_SAMPLES: usize = 2048;

/// Units at the ends of names, the longest first.
const UNITS: [&str; 7] =
    ["bytes_per_second", "seconds", "bytes", "celsius", "watts", "ratio", "joules"];

/// Counts below limits, as the formats tell histograms.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Buckets {
    /// Upper limit of each, and how many are in it; the last is without limit.
    pub counts: Vec<(f64, u64)>,
    /// Of all values.
    pub sum: f64,
}

pub(super) struct Families<'a> {
    encoder: DescriptorEncoder<'a>,
    left_out: u64,
}

impl<'a> Families<'a> {
    pub fn new(encoder: DescriptorEncoder<'a>) -> Self {
        Self { encoder, left_out: 0 }
    }

    pub fn gauge(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (Labels, f64)>,
    ) -> fmt::Result {
        self.family(name, help, MetricType::Gauge, samples, |encoder, value| {
            encoder.encode_gauge(&value)
        })
    }

    /// The name without `_total`.
    pub fn counter(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (Labels, f64)>,
    ) -> fmt::Result {
        self.family(name, help, MetricType::Counter, samples, |encoder, value| {
            encoder.encode_counter::<NoLabelSet, f64, f64>(&value, None)
        })
    }

    /// The name without `_info`.
    pub fn info(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = Labels>,
    ) -> fmt::Result {
        let none = |labels| (Labels::new(), labels);
        let samples = samples.into_iter().map(none);
        self.family(name, help, MetricType::Info, samples, |encoder, labels: Labels| {
            encoder.encode_info(&labels)
        })
    }

    pub fn histogram(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (Labels, Buckets)>,
    ) -> fmt::Result {
        self.family(name, help, MetricType::Histogram, samples, |encoder, value: Buckets| {
            let count = value.counts.iter().map(|(_, count)| count).sum();
            encoder.encode_histogram::<NoLabelSet>(value.sum, count, &value.counts, None)
        })
    }

    fn family<T>(
        &mut self,
        name: &str,
        help: &str,
        of: MetricType,
        samples: impl IntoIterator<Item = (Labels, T)>,
        mut write: impl FnMut(&mut MetricEncoder<'_>, T) -> fmt::Result,
    ) -> fmt::Result {
        let mut samples = samples.into_iter().peekable();
        if samples.peek().is_none() {
            return Ok(());
        }
        let unit = UNITS.iter().find_map(|unit| {
            Some((name.strip_suffix(unit)?.strip_suffix('_')?, Unit::Other((*unit).to_owned())))
        });
        let (name, unit) = match &unit {
            Some((name, unit)) => (*name, Some(unit)),
            None => (name, None),
        };
        let mut encoder = self.encoder.encode_descriptor(name, help, unit, of)?;
        for (labels, value) in samples.by_ref().take(MOST_SAMPLES) {
            match labels.is_empty() {
                true => write(&mut encoder, value)?,
                false => write(&mut encoder.encode_family(&labels)?, value)?,
            }
        }
        self.left_out += samples.count() as u64;
        Ok(())
    }

    /// Says last what was left out.
    pub fn finish(mut self) -> fmt::Result {
        let left_out = self.left_out as f64;
        let help = "Samples left out of this answer because a family had too many.";
        self.gauge("nixl_samples_left_out", help, [(Labels::new(), left_out)])
    }
}

/// For one sample without labels, where there is one.
pub(super) fn alone(value: Option<f64>) -> Option<(Labels, f64)> {
    Some((Labels::new(), value?))
}

pub(super) fn truth(value: bool) -> f64 {
    f64::from(u8::from(value))
}
