//! What the nodes of a cluster cost, each at the price of its type and market.

use super::{Cost, Price, Run, cost};
use crate::plan::is_live;
use jiff::Timestamp;
use nixl_aws::ec2::{Instance, Market};
use std::collections::{BTreeMap, BTreeSet};

/// What has a price of its own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sort {
    /// Type name.
    pub instance_type: String,
    /// `on-demand`, `spot` or `capacity-block`.
    pub market: &'static str,
    /// Zone, where prices differ between them.
    pub spot_zone: Option<String>,
}

impl Sort {
    /// Of an instance.
    #[must_use]
    pub fn of(node: &Instance) -> Self {
        Self {
            instance_type: node.instance_type.clone(),
            market: node.market.as_str(),
            spot_zone: (node.market == Market::Spot).then(|| node.zone.clone()),
        }
    }
}

/// Prices, as far as they are known.
pub type Prices = BTreeMap<Sort, Price>;

/// Cost of the nodes that run, at the prices of now. Those that ended are not in
/// it: EC2 does not tell when they did. `None` if none runs or one has no price or
/// no launch time.
#[must_use]
pub fn bill(nodes: &[&Instance], prices: &Prices, now: Timestamp) -> Option<Cost> {
    let secs = |time: Timestamp| u64::try_from(time.as_second()).ok();
    let now_secs = secs(now)?;
    let mut sum: Option<Cost> = None;
    let mut sources = BTreeSet::new();
    for node in nodes.iter().filter(|node| is_live(node)) {
        let started_secs = secs(node.launch_time.as_deref()?.parse().ok()?)?;
        let run = Run { started_secs, ended_secs: None };
        let own = cost(&[run], prices.get(&Sort::of(node)), now_secs)?;
        sources.insert(own.source.clone());
        sum = Some(match sum {
            None => own,
            Some(before) => Cost {
                usd_per_hour: before.usd_per_hour + own.usd_per_hour,
                usd_so_far: before.usd_so_far + own.usd_so_far,
                ..before
            },
        });
    }
    let source = sources.into_iter().collect::<Vec<_>>().join("; ");
    sum.map(|sum| Cost { source, ..sum })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(market: Market, state: &str) -> Instance {
        Instance {
            state: state.to_owned(),
            instance_type: "g6.12xlarge".to_owned(),
            zone: "us-east-1a".to_owned(),
            launch_time: Some("2026-11-28T10:00:00Z".to_owned()),
            market,
            ..Default::default()
        }
    }

    #[test]
    fn each_node_costs_its_own_price_and_one_without_makes_it_unknown() {
        let (on_demand, spot) = (node(Market::OnDemand, "running"), node(Market::Spot, "running"));
        let ended = node(Market::OnDemand, "terminated");
        let now = "2026-11-28T12:00:00Z".parse().unwrap();
        let price = |usd_per_hour, source: &str| Price { usd_per_hour, source: source.to_owned() };
        let mut prices = Prices::from([(Sort::of(&on_demand), price(4.0, "list"))]);
        let both = [&on_demand, &spot, &ended];
        assert_eq!(bill(&both, &prices, now), None);
        prices.insert(Sort::of(&spot), price(1.5, "spot"));
        let cost = bill(&both, &prices, now).unwrap();
        assert_eq!((cost.usd_per_hour, cost.usd_so_far), (5.5, 11.0));
        assert_eq!(cost.source, "list; spot");
        assert_eq!(bill(&[&ended], &prices, now), None);
    }

    #[test]
    fn a_spot_price_is_that_of_the_zone() {
        let here = node(Market::Spot, "running");
        let there = Instance { zone: "us-east-1b".to_owned(), ..here.clone() };
        assert_ne!(Sort::of(&here), Sort::of(&there));
        let there = Instance { market: Market::OnDemand, ..there };
        assert_eq!(Sort::of(&there), Sort::of(&node(Market::OnDemand, "running")));
    }
}
