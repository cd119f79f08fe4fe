//! Spot requests, which RunInstances makes: one for each instance.
//!
//! Source: EC2 user guide, "Cancel a Spot Instance request": cancelling a
//! request does not end its instance.

use super::convert::{filters, tags};
use super::{Client, Filter, SERVICE, named};
use crate::{AwsError, Result, Tag};
use serde::{Deserialize, Serialize};

/// A Spot request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpotRequest {
    /// `sir-…`
    pub id: String,
    /// `open`, `active`, `closed`, `cancelled`, `failed`, `disabled`.
    pub state: String,
    /// Tags.
    pub tags: Vec<Tag>,
}

impl SpotRequest {
    /// Whether it may still launch something or holds an instance.
    #[must_use]
    pub fn is_live(&self) -> bool {
        matches!(self.state.as_str(), "open" | "active" | "disabled")
    }
}

/// The calls.
#[async_trait::async_trait]
pub trait SpotRequests: Send + Sync {
    /// Requests that match all filters (all pages), in any state.
    async fn describe_spot_requests(&self, filters: &[Filter]) -> Result<Vec<SpotRequest>>;
    /// Cancels requests; their instances run on.
    async fn cancel_spot_requests(&self, ids: &[String]) -> Result<()>;
}

#[async_trait::async_trait]
impl SpotRequests for Client {
    async fn describe_spot_requests(&self, wanted: &[Filter]) -> Result<Vec<SpotRequest>> {
        let call = self.sdk.describe_spot_instance_requests().set_filters(filters(wanted));
        let found = call.into_paginator().items().send().try_collect().await;
        let found = named!("DescribeSpotInstanceRequests", found)?;
        Ok(found
            .into_iter()
            .map(|found| SpotRequest {
                id: found.spot_instance_request_id.unwrap_or_default(),
                state: found.state.map(|state| state.as_str().to_owned()).unwrap_or_default(),
                tags: tags(found.tags),
            })
            .collect())
    }

    async fn cancel_spot_requests(&self, ids: &[String]) -> Result<()> {
        let call = self.sdk.cancel_spot_instance_requests();
        named!(
            "CancelSpotInstanceRequests",
            call.set_spot_instance_request_ids(Some(ids.to_vec())).send().await
        )?;
        Ok(())
    }
}
