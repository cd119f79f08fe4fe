//! What instances and tracking servers cost now, as AWS tells it.

use super::Engine;
use crate::lifetime::{Cost, Price, Prices, Sort, bill};
use crate::plan::Known;
use crate::report::TrackingReport;
use futures_util::future::join_all;
use jiff::Timestamp;
use nixl_aws::Result;
use nixl_aws::ec2::{Instance, Market};
use nixl_aws::pricing::ListPrice;
use std::collections::BTreeSet;
use std::time::Duration;

/// A price is told beside what was asked for, and is worth no longer a wait.
const LONGEST: Duration = Duration::from_secs(5);

impl Engine<'_> {
    /// Prices of these instances. What AWS does not tell, or not soon, is not in it.
    pub(super) async fn prices<'a>(&self, nodes: impl Iterator<Item = &'a Instance>) -> Prices {
        let sorts: BTreeSet<Sort> = nodes.map(Sort::of).collect();
        let read = sorts.into_iter().map(async |sort| {
            let told = tokio::time::timeout(LONGEST, self.price(&sort)).await;
            match told {
                Ok(Ok(price)) => Some((sort, price?)),
                Ok(Err(error)) => {
                    tracing::debug!(%error, ?sort, "no price");
                    None
                }
                Err(_) => None,
            }
        });
        join_all(read).await.into_iter().flatten().collect()
    }

    /// What these nodes cost, if AWS tells their prices.
    pub(super) async fn cost(&self, nodes: &[Instance]) -> Option<Cost> {
        let all: Vec<&Instance> = nodes.iter().collect();
        bill(&all, &self.prices(nodes.iter()).await, Timestamp::now())
    }

    /// The price of a tracking server of this size.
    pub(super) async fn server_price(&self, size: &str) -> Known<Option<ListPrice>> {
        let told = self.services.pricing.tracking_server(&self.region, size);
        match tokio::time::timeout(LONGEST, told).await {
            Ok(told) => told.into(),
            Err(_) => Known::Unknown("AWS was slow to tell".to_owned()),
        }
    }

    /// With what it costs.
    pub(super) async fn priced(&self, report: TrackingReport) -> TrackingReport {
        let Some(size) = report.billed_size() else {
            return TrackingReport { usd_per_hour: Some(0.0), ..report };
        };
        let told = self.server_price(size).await;
        let price = told.value().and_then(Option::as_ref);
        TrackingReport {
            usd_per_hour: price.map(|it| it.usd_per_hour),
            price_source: price.map(ListPrice::source),
            ..report
        }
    }

    async fn price(&self, sort: &Sort) -> Result<Option<Price>> {
        let name = &sort.instance_type;
        if let Some(zone) = &sort.spot_zone {
            let told = self.services.surroundings.spot_prices(std::slice::from_ref(name)).await?;
            let here = told.into_iter().find(|it| it.instance_type == *name && it.zone == *zone);
            return Ok(here.map(|it| Price {
                usd_per_hour: it.usd_per_hour,
                source: format!("Spot price since {}", it.since),
            }));
        }
        // A Capacity Block is paid up front.
        if sort.market != Market::OnDemand.as_str() {
            return Ok(None);
        }
        let told = self.services.pricing.on_demand(&self.region, name).await?;
        Ok(told.map(|it| Price { usd_per_hour: it.usd_per_hour, source: it.source() }))
    }
}
