//! On-Demand Capacity Reservations and Capacity Blocks: found, made for a
//! short while, cancelled.
//!
//! Source: EC2 API model; EC2 user guide, "On-Demand Capacity Reservations".

use super::convert::{filters, tag_specification, tags};
use super::{Client, Filter, SERVICE, named};
use crate::{AwsError, ErrorKind, Result, Tag};
use aws_sdk_ec2::types as sdk;
use aws_smithy_types::date_time::{DateTime, Format};
use serde::{Deserialize, Serialize};

/// A Capacity Reservation or a Capacity Block.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reservation {
    /// `cr-…`
    pub id: String,
    /// `active`, `scheduled`, `payment-pending`, `expired`, `cancelled`, …
    pub state: String,
    /// Type name.
    pub instance_type: String,
    /// Zone name.
    pub zone: String,
    /// Instances it holds room for.
    pub total: u32,
    /// Of these, not used.
    pub available: u32,
    /// Whether it is a Capacity Block.
    pub capacity_block: bool,
    /// Whether only launches that name it use it.
    pub targeted: bool,
    /// `default` or `dedicated`.
    pub tenancy: String,
    /// Name of the cluster placement group it was made in.
    pub placement_group: Option<String>,
    /// When it ends, RFC 3339; none if it has no end.
    pub end: Option<String>,
    /// Tags.
    pub tags: Vec<Tag>,
}

/// A short targeted reservation in a cluster placement group, all or nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateReservation {
    /// Idempotency token, at most 64 ASCII characters.
    pub client_token: String,
    /// Type name.
    pub instance_type: String,
    /// Zone name.
    pub zone: String,
    /// Instances.
    pub count: u32,
    /// ARN of the placement group it is made in.
    pub placement_group_arn: Option<String>,
    /// When EC2 ends it by itself, in seconds since the epoch.
    pub end_secs: u64,
    /// Tags.
    pub tags: Vec<Tag>,
}

/// The calls.
#[async_trait::async_trait]
pub trait Reservations: Send + Sync {
    /// Reservations of the account that match all filters (all pages), in any state.
    async fn describe_reservations(&self, filters: &[Filter]) -> Result<Vec<Reservation>>;
    /// The reservation of this id, also one shared by another account; none if
    /// there is no such.
    async fn reservation(&self, id: &str) -> Result<Option<Reservation>>;
    /// Reserves room for all instances or none. SDK retries are off, as for a
    /// launch: the same refusals mean the same.
    async fn create_reservation(&self, request: &CreateReservation) -> Result<Reservation>;
    /// Cancels a reservation; instances in it run on.
    async fn cancel_reservation(&self, id: &str) -> Result<()>;
}

/// EC2's code for an id that it does not know.
const UNKNOWN: &[&str] = &["InvalidCapacityReservationId.NotFound"];

fn count(value: Option<i32>) -> u32 {
    value.and_then(|value| u32::try_from(value).ok()).unwrap_or_default()
}

fn reservation(found: sdk::CapacityReservation) -> Reservation {
    let group = found.placement_group_arn.filter(|arn| !arn.is_empty());
    Reservation {
        id: found.capacity_reservation_id.unwrap_or_default(),
        state: found.state.map(|state| state.as_str().to_owned()).unwrap_or_default(),
        instance_type: found.instance_type.unwrap_or_default(),
        zone: found.availability_zone.unwrap_or_default(),
        total: count(found.total_instance_count),
        available: count(found.available_instance_count),
        capacity_block: found.reservation_type == Some(sdk::CapacityReservationType::CapacityBlock),
        targeted: found.instance_match_criteria == Some(sdk::InstanceMatchCriteria::Targeted),
        tenancy: found.tenancy.map(|it| it.as_str().to_owned()).unwrap_or_default(),
        placement_group: group.and_then(|arn| arn.rsplit('/').next().map(str::to_owned)),
        end: found.end_date.and_then(|time| time.fmt(Format::DateTime).ok()),
        tags: tags(found.tags),
    }
}

#[async_trait::async_trait]
impl Reservations for Client {
    async fn describe_reservations(&self, wanted: &[Filter]) -> Result<Vec<Reservation>> {
        let call = self.sdk.describe_capacity_reservations().set_filters(filters(wanted));
        let found = call.into_paginator().items().send().try_collect().await;
        let found = named!("DescribeCapacityReservations", found)?;
        Ok(found.into_iter().map(reservation).collect())
    }

    async fn reservation(&self, id: &str) -> Result<Option<Reservation>> {
        let call = self.sdk.describe_capacity_reservations().capacity_reservation_ids(id);
        match named!("DescribeCapacityReservations", call.send().await) {
            Ok(answer) => {
                let found = answer.capacity_reservations.unwrap_or_default();
                Ok(found.into_iter().next().map(reservation))
            }
            Err(error) if error.is(UNKNOWN) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn create_reservation(&self, request: &CreateReservation) -> Result<Reservation> {
        let invalid = |message: &str| AwsError {
            service: SERVICE,
            operation: "CreateCapacityReservation",
            kind: ErrorKind::Invalid,
            message: message.to_owned(),
        };
        let count = i32::try_from(request.count).map_err(|_| invalid("the count is too high"))?;
        let end = i64::try_from(request.end_secs).map_err(|_| invalid("the end is too late"))?;
        let answer = named!(
            "CreateCapacityReservation",
            self.sdk
                .create_capacity_reservation()
                .client_token(&request.client_token)
                .instance_type(&request.instance_type)
                .instance_platform(sdk::CapacityReservationInstancePlatform::LinuxUnix)
                .availability_zone(&request.zone)
                .instance_count(count)
                .instance_match_criteria(sdk::InstanceMatchCriteria::Targeted)
                .set_placement_group_arn(request.placement_group_arn.clone())
                .end_date_type(sdk::EndDateType::Limited)
                .end_date(DateTime::from_secs(end))
                .tag_specifications(tag_specification(
                    sdk::ResourceType::CapacityReservation,
                    &request.tags
                ))
                .customize()
                .config_override(super::client::no_retries())
                .send()
                .await
        )?;
        answer.capacity_reservation.map(reservation).ok_or_else(|| AwsError {
            service: SERVICE,
            operation: "CreateCapacityReservation",
            kind: ErrorKind::Ambiguous,
            message: "the answer has no reservation".to_owned(),
        })
    }

    async fn cancel_reservation(&self, id: &str) -> Result<()> {
        named!(
            "CancelCapacityReservation",
            self.sdk.cancel_capacity_reservation().capacity_reservation_id(id).send().await
        )?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reservation_keeps_the_name_of_its_placement_group() {
        let found = sdk::CapacityReservation::builder()
            .capacity_reservation_id("cr-1")
            .placement_group_arn("arn:aws:ec2:us-east-1:1:placement-group/nixl-us-east-1a")
            .reservation_type(sdk::CapacityReservationType::CapacityBlock)
            .available_instance_count(2)
            .build();
        let got = reservation(found);
        assert_eq!(got.placement_group.as_deref(), Some("nixl-us-east-1a"));
        assert!(got.capacity_block && got.available == 2 && got.end.is_none());
    }
}
