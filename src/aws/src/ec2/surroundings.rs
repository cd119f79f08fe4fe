//! What a launch depends on and never changes: routes and Spot prices.
//!
//! Source: EC2 API model.

use super::convert::filters;
use super::{Client, Filter, SERVICE, named};
use crate::{AwsError, Result};
use aws_sdk_ec2::types as sdk;
use aws_smithy_types::date_time::{DateTime, Format};
use serde::{Deserialize, Serialize};
use std::time::SystemTime;

/// A route table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteTable {
    /// VPC.
    pub vpc_id: String,
    /// Whether subnets without a table of their own use it.
    pub is_main: bool,
    /// Subnets that use it by name.
    pub subnet_ids: Vec<String>,
    /// Where 0.0.0.0/0 leads, e.g. `igw-…` or `nat-…`, if it is a way at all.
    pub default_target: Option<String>,
}

/// A Spot price.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SpotPrice {
    /// Type name.
    pub instance_type: String,
    /// Zone name.
    pub zone: String,
    /// US dollars for an hour of one instance.
    pub usd_per_hour: f64,
    /// Since when, RFC 3339.
    pub since: String,
}

/// The calls.
#[async_trait::async_trait]
pub trait Surroundings: Send + Sync {
    /// Route tables matching all filters (all pages).
    async fn describe_route_tables(&self, filters: &[Filter]) -> Result<Vec<RouteTable>>;
    /// The prices of Linux instances of these types now, by zone.
    async fn spot_prices(&self, instance_types: &[String]) -> Result<Vec<SpotPrice>>;
}

fn route_table(found: sdk::RouteTable) -> RouteTable {
    let associations = found.associations.unwrap_or_default();
    let leads = |route: &sdk::Route| {
        route.destination_cidr_block.as_deref() == Some("0.0.0.0/0")
            && route.state != Some(sdk::RouteState::Blackhole)
    };
    let default = found.routes.unwrap_or_default().into_iter().find(leads);
    RouteTable {
        vpc_id: found.vpc_id.unwrap_or_default(),
        is_main: associations.iter().any(|it| it.main == Some(true)),
        subnet_ids: associations.into_iter().filter_map(|it| it.subnet_id).collect(),
        default_target: default.and_then(|route| {
            route
                .gateway_id
                .or(route.nat_gateway_id)
                .or(route.transit_gateway_id)
                .or(route.network_interface_id)
        }),
    }
}

#[async_trait::async_trait]
impl Surroundings for Client {
    async fn describe_route_tables(&self, wanted: &[Filter]) -> Result<Vec<RouteTable>> {
        let call = self.sdk.describe_route_tables().set_filters(filters(wanted));
        let found = call.into_paginator().items().send().try_collect().await;
        Ok(named!("DescribeRouteTables", found)?.into_iter().map(route_table).collect())
    }

    async fn spot_prices(&self, instance_types: &[String]) -> Result<Vec<SpotPrice>> {
        let types = instance_types.iter().map(|name| sdk::InstanceType::from(name.as_str()));
        let call = self
            .sdk
            .describe_spot_price_history()
            .set_instance_types(Some(types.collect()))
            .product_descriptions("Linux/UNIX")
            // From now on: the price in force in each zone, and nothing of the past.
            .start_time(DateTime::from(SystemTime::now()));
        let found = call.into_paginator().items().send().try_collect().await;
        let prices = named!("DescribeSpotPriceHistory", found)?.into_iter().filter_map(|found| {
            Some(SpotPrice {
                instance_type: found.instance_type?.as_str().to_owned(),
                zone: found.availability_zone?,
                usd_per_hour: found.spot_price?.parse().ok()?,
                since: found.timestamp.and_then(|it| it.fmt(Format::DateTime).ok())?,
            })
        });
        let mut prices: Vec<SpotPrice> = prices.collect();
        // The newest of each zone, should there be several.
        prices.sort_by(|a, b| {
            (&a.instance_type, &a.zone, &b.since).cmp(&(&b.instance_type, &b.zone, &a.since))
        });
        prices.dedup_by(|a, b| a.instance_type == b.instance_type && a.zone == b.zone);
        Ok(prices)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_default_route_that_leads_nowhere_is_none() {
        let table = |state: &str| {
            let route = sdk::Route::builder()
                .destination_cidr_block("0.0.0.0/0")
                .gateway_id("igw-1")
                .state(state.into())
                .build();
            let main = sdk::RouteTableAssociation::builder().main(true).build();
            route_table(sdk::RouteTable::builder().routes(route).associations(main).build())
        };
        assert_eq!(table("active").default_target.as_deref(), Some("igw-1"));
        assert!(table("active").is_main);
        assert_eq!(table("blackhole").default_target, None);
    }
}
