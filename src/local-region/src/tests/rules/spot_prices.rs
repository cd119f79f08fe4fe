//! Proofs of the rules of Spot prices.

use super::{Case, case, same};
use crate::rules::spot_prices as rules;
use crate::settings::Setting;
use crate::testing::Bench;
use jiff::SignedDuration;

const TYPE: &str = "g6.12xlarge";

fn set(bench: &Bench, usd_per_hour: f64) {
    let (zone, instance_type) = ("us-east-1a".to_owned(), TYPE.to_owned());
    bench.region.set(&Setting::SpotPrice { zone, instance_type, usd_per_hour }).unwrap();
}

/// Prices in the order of the answer.
async fn told(bench: &Bench, more: &str) -> Vec<String> {
    let body = format!("Action=DescribeSpotPriceHistory&InstanceType.1={TYPE}{more}");
    let (_, text) = bench.query("ec2", &body).await;
    let parts = text.split("<spotPrice>").skip(1);
    parts.map(|part| part.split('<').next().unwrap_or_default().to_owned()).collect()
}

pub fn cases() -> Vec<Case> {
    vec![
        case(&rules::IN_FORCE, async |bench: Bench| {
            for price in [1.0, 2.5] {
                set(&bench, price);
                bench.region.inner.clock.advance(SignedDuration::from_hours(1));
            }
            same(told(&bench, "").await, vec!["2.500000".to_owned(), "1.000000".to_owned()])?;
            let now = format!("&StartTime={}", bench.region.inner.clock.now());
            same(told(&bench, &now).await, vec!["2.500000".to_owned()])
        }),
        case(&rules::PRODUCT, async |bench: Bench| {
            set(&bench, 1.0);
            same(told(&bench, "&ProductDescription.1=Linux%2FUNIX").await.len(), 1)?;
            same(told(&bench, "&ProductDescription.1=Windows").await.len(), 0)
        }),
    ]
}
