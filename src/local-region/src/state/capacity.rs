//! How many instances a zone has room for. AWS has no number for it and tells
//! none; here there is no limit either until one is set, so that a test can
//! make a zone run out.

use std::collections::BTreeMap;

/// How instances are bought; each market has its own pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Market {
    /// The usual one.
    #[default]
    OnDemand,
    /// Spare capacity.
    Spot,
    /// Reserved for a time, for machine learning.
    CapacityBlock,
}

impl Market {
    /// Name as in `SupportedUsageClasses`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::OnDemand => "on-demand",
            Self::Spot => "spot",
            Self::CapacityBlock => "capacity-block",
        }
    }

    /// By its name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::OnDemand, Self::Spot, Self::CapacityBlock].into_iter().find(|m| m.name() == name)
    }

    /// `instanceLifecycle`, which instances on demand have not.
    #[must_use]
    pub fn lifecycle(self) -> Option<&'static str> {
        (self != Self::OnDemand).then(|| self.name())
    }
}

/// Limits by zone, type and market.
#[derive(Debug, Clone, Default)]
pub struct Capacity(BTreeMap<(String, String, Market), u32>);

impl Capacity {
    /// Sets how many instances may run at once; `None` lifts the limit.
    pub fn set(&mut self, zone: &str, instance_type: &str, market: Market, limit: Option<u32>) {
        let key = (zone.to_owned(), instance_type.to_owned(), market);
        match limit {
            Some(limit) => self.0.insert(key, limit),
            None => self.0.remove(&key),
        };
    }

    /// The limit, if there is one.
    #[must_use]
    pub fn limit(&self, zone: &str, instance_type: &str, market: Market) -> Option<u32> {
        self.0.get(&(zone.to_owned(), instance_type.to_owned(), market)).copied()
    }

    /// All limits: zone, type, market, instances.
    pub fn all(&self) -> impl Iterator<Item = (&str, &str, Market, u32)> {
        self.0.iter().map(|((zone, kind, market), limit)| (&**zone, &**kind, *market, *limit))
    }
}
