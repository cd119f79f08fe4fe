//! Quotas, prices, routes and Spot prices of the account in memory.

use super::{Fake, refusal};
use nixl_aws::Result;
use nixl_aws::ec2::{Filter, RouteTable, SpotPrice, Surroundings};
use nixl_aws::pricing::{ListPrice, Pricing};
use nixl_aws::quotas::{Increase, Quotas};

#[async_trait::async_trait]
impl Quotas for Fake {
    async fn quota(&self, _: &str, code: &str) -> Result<f64> {
        self.call("GetServiceQuota", |state| {
            let found = state.quotas.get(code).copied();
            found.ok_or_else(|| refusal("GetServiceQuota", "NoSuchResourceException", "", 400))
        })
    }

    async fn pending_increases(&self, _: &str, _: &str) -> Result<Vec<Increase>> {
        self.call("ListRequestedServiceQuotaChangeHistoryByQuota", |_| Ok(Vec::new()))
    }
}

#[async_trait::async_trait]
impl Pricing for Fake {
    async fn on_demand(&self, _: &str, _: &str) -> Result<Option<ListPrice>> {
        self.call("GetProducts", |_| {
            Ok(Some(ListPrice { usd_per_hour: 4.5, published: "2026-07-20".to_owned() }))
        })
    }

    async fn tracking_server(&self, _: &str, size: &str) -> Result<Option<ListPrice>> {
        self.call("GetProducts", |_| {
            let usd_per_hour = if size == "Small" { 0.642 } else { 1.5 };
            Ok(Some(ListPrice { usd_per_hour, published: "2026-07-20".to_owned() }))
        })
    }
}

#[async_trait::async_trait]
impl Surroundings for Fake {
    async fn describe_route_tables(&self, _: &[Filter]) -> Result<Vec<RouteTable>> {
        self.call("DescribeRouteTables", |_| {
            Ok(vec![RouteTable {
                vpc_id: "vpc-1".to_owned(),
                is_main: true,
                subnet_ids: Vec::new(),
                default_target: Some("igw-1".to_owned()),
            }])
        })
    }

    async fn spot_prices(&self, instance_types: &[String]) -> Result<Vec<SpotPrice>> {
        self.call("DescribeSpotPriceHistory", |state| {
            let mut prices = Vec::new();
            for name in instance_types {
                prices.extend(state.zones.iter().map(|zone| SpotPrice {
                    instance_type: name.clone(),
                    zone: (*zone).to_owned(),
                    usd_per_hour: 1.5,
                    since: "2026-11-28T00:00:00Z".to_owned(),
                }));
            }
            Ok(prices)
        })
    }
}
