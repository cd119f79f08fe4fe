//! Spot prices, as they were set: none has a source that could be checked in.

use jiff::Timestamp;
use std::collections::BTreeMap;

/// From when on which price.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Change {
    /// In force since then.
    pub since: Timestamp,
    /// Price.
    pub usd_per_hour: f64,
}

/// Changes by zone and type, oldest first.
#[derive(Debug, Clone, Default)]
pub struct SpotPrices(BTreeMap<(String, String), Vec<Change>>);

impl SpotPrices {
    /// Changes a price now.
    pub fn set(&mut self, zone: &str, instance_type: &str, usd_per_hour: f64, now: Timestamp) {
        let changes = self.0.entry((zone.to_owned(), instance_type.to_owned())).or_default();
        changes.push(Change { since: now, usd_per_hour });
    }

    /// All changes: zone and type, then when and how.
    pub fn all(&self) -> impl Iterator<Item = (&(String, String), &Vec<Change>)> {
        self.0.iter()
    }
}
