//! DescribeSpotPriceHistory, of prices that were set.

use super::{dry_run, filter::Filters, paging::page};
use crate::api::{Answer, Call, params::Params, tags::Tags};
use crate::rules::spot_prices as rules;
use crate::state::ec2::ZONES;
use crate::state::spot_prices::Change;
use jiff::Timestamp;
use serde_json::{Value, json};

/// The only platform here.
const PRODUCT: &str = "Linux/UNIX";

/// Changes of a type in a zone that the span asks for, newest first.
fn asked(
    changes: &[Change],
    (start, end): (Option<Timestamp>, Option<Timestamp>),
    in_force: bool,
) -> Vec<Change> {
    let started = |change: &&Change| start.is_none_or(|start| change.since >= start);
    let before = |change: &&Change| start.is_some_and(|start| change.since < start);
    let valid = changes.iter().rev().find(before).filter(|_| in_force);
    let newer = changes.iter().rev().filter(started);
    newer.chain(valid).filter(|change| end.is_none_or(|end| change.since <= end)).copied().collect()
}

/// DescribeSpotPriceHistory.
pub fn history(call: &Call<'_>, p: &Params) -> Answer {
    let known =
        ["availability-zone", "instance-type", "product-description", "spot-price", "timestamp"];
    let filters = Filters::read(call, p, &known)?;
    let types = p.list("InstanceType");
    let products = p.list("ProductDescription");
    let zone = p.get("AvailabilityZone");
    let span = (p.number("StartTime")?, p.number("EndTime")?);
    dry_run(p)?;
    let state = call.state();
    let (in_force, by_product) =
        (state.rules.on(&rules::IN_FORCE), state.rules.on(&rules::PRODUCT));
    let sold = !by_product || products.is_empty() || products.iter().any(|one| one == PRODUCT);
    let mut found: Vec<(Timestamp, Value)> = Vec::new();
    for ((of_zone, of_type), changes) in state.ec2.spot_prices.all().filter(|_| sold) {
        let wanted = (types.is_empty() || types.contains(of_type))
            && zone.is_none_or(|zone| zone == of_zone);
        for change in asked(changes, span, in_force).into_iter().filter(|_| wanted) {
            let price = format!("{:.6}", change.usd_per_hour);
            let time = change.since.strftime("%Y-%m-%dT%H:%M:%S.000Z").to_string();
            let kept = filters.keep(&Tags::new(), |name| {
                vec![match name {
                    "availability-zone" => of_zone.clone(),
                    "instance-type" => of_type.clone(),
                    "product-description" => PRODUCT.to_owned(),
                    "spot-price" => price.clone(),
                    _ => time.clone(),
                }]
            });
            let zone_id = ZONES.iter().find(|(name, _)| name == of_zone).map(|(_, id)| *id);
            let shown = json!({
                "availabilityZone": of_zone,
                "availabilityZoneId": zone_id,
                "instanceType": of_type,
                "productDescription": PRODUCT,
                "spotPrice": price,
                "timestamp": time,
            });
            found.extend(kept.then_some((change.since, shown)));
        }
    }
    found.sort_by_key(|(since, _)| std::cmp::Reverse(*since));
    let shown = found.into_iter().map(|(_, shown)| shown).collect();
    let (items, next) = page(call, shown, p, (1, 1000))?;
    Ok(json!({"spotPriceHistorySet": items, "nextToken": next.unwrap_or_default()}))
}
