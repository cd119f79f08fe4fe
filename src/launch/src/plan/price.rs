//! What a node costs an hour: from AWS, or not told.

use super::{Facts, Spec};
use crate::check::Check;
use nixl_aws::ec2::Market;
use serde::{Deserialize, Serialize};

const NAME: &str = "price";

/// Price of one node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// Type name.
    pub instance_type: String,
    /// Market.
    pub market: Market,
    /// Zone, where it differs between them.
    pub zone: Option<String>,
    /// US dollars an hour.
    pub usd_per_hour: f64,
    /// Where it is from.
    pub source: String,
}

/// On-Demand price of a type, if AWS told one.
pub(super) fn on_demand(facts: &Facts, instance_type: &str) -> Option<Price> {
    let read = facts.prices.iter().find(|it| it.instance_type == instance_type)?;
    let price = read.price.value()?.as_ref()?;
    Some(Price {
        instance_type: instance_type.to_owned(),
        market: Market::OnDemand,
        zone: None,
        usd_per_hour: price.usd_per_hour,
        source: price.source(),
    })
}

/// Prices of what may be launched, in the order of the plan.
pub(super) fn prices(spec: &Spec, facts: &Facts) -> Vec<Price> {
    let mut prices = Vec::new();
    if spec.reservation_id.is_some() && super::reservation::is_block(facts) {
        return prices;
    }
    for name in &spec.instance_types {
        for market in &spec.markets {
            match market {
                Market::OnDemand => prices.extend(on_demand(facts, name)),
                Market::Spot => {
                    let spot = facts.spot_prices.value().into_iter().flatten();
                    prices.extend(spot.filter(|it| it.instance_type == *name).map(|it| Price {
                        instance_type: name.clone(),
                        market: Market::Spot,
                        zone: Some(it.zone.clone()),
                        usd_per_hour: it.usd_per_hour,
                        source: format!("Spot price since {}", it.since),
                    }));
                }
                Market::CapacityBlock => {}
            }
        }
    }
    prices
}

/// The most that all nodes cost an hour; none if any type has no price. Without a
/// Spot price the On-Demand price is the most, for EC2 never takes more.
pub(super) fn most_usd_per_hour(spec: &Spec, facts: &Facts, prices: &[Price]) -> Option<f64> {
    let mut most: f64 = 0.0;
    for name in &spec.instance_types {
        let known = prices.iter().filter(|it| it.instance_type == *name).cloned();
        let every = known.chain(on_demand(facts, name)).map(|it| it.usd_per_hour);
        most = most.max(every.max_by(f64::total_cmp)?);
    }
    let paid_before = super::reservation::is_block(facts);
    (!paid_before).then_some(most * f64::from(spec.size))
}

pub(super) fn checks(spec: &Spec, facts: &Facts, prices: &[Price]) -> Vec<Check> {
    let mut checks = Vec::new();
    for name in &spec.instance_types {
        for market in &spec.markets {
            let of = |it: &&Price| it.instance_type == *name && it.market == *market;
            let found: Vec<&Price> = prices.iter().filter(of).collect();
            let Some(first) = found.first() else {
                let why = if super::reservation::is_block(facts) {
                    "a Capacity Block is paid up front".to_owned()
                } else {
                    format!("AWS told no price of {name} {market}, and none is made up")
                };
                checks.push(Check::skip(NAME, why));
                continue;
            };
            let all = f64::from(spec.size);
            let range = found.iter().map(|it| it.usd_per_hour * all);
            let (least, most) = range
                .fold((f64::INFINITY, 0.0f64), |(low, high), usd| (low.min(usd), high.max(usd)));
            let usd = if least < most {
                format!("${least:.2} to ${most:.2}")
            } else {
                format!("${most:.2}")
            };
            checks.push(Check::pass(
                NAME,
                format!(
                    "{name} {market}: {usd} an hour for {} nodes ({})",
                    spec.size, first.source
                ),
            ));
        }
    }
    checks
}
