//! Capacity Reservations and Spot requests of the account in memory.

use super::ec2::{fits, tagged};
use super::{Fake, refusal};
use nixl_aws::Result;
use nixl_aws::ec2::{CreateReservation, Filter, Reservation, Reservations};
use nixl_aws::ec2::{SpotRequest, SpotRequests};

#[async_trait::async_trait]
impl Reservations for Fake {
    async fn describe_reservations(&self, filters: &[Filter]) -> Result<Vec<Reservation>> {
        self.call("DescribeCapacityReservations", |state| {
            let found = state.reservations.iter().filter(|it| {
                fits(filters, |name| match name {
                    "state" => Some(it.state.clone()),
                    _ => tagged(&it.tags, name),
                })
            });
            Ok(found.cloned().collect())
        })
    }

    async fn reservation(&self, id: &str) -> Result<Option<Reservation>> {
        self.call("DescribeCapacityReservations", |state| {
            let Some(found) = state.reservations.iter_mut().find(|it| it.id == id) else {
                return Ok(None);
            };
            if found.state == "pending" {
                found.state = state.provisioned.pop_front().unwrap_or("active").to_owned();
            }
            Ok(Some(found.clone()))
        })
    }

    async fn create_reservation(&self, request: &CreateReservation) -> Result<Reservation> {
        const OP: &str = "CreateCapacityReservation";
        self.call(OP, |state| {
            let digest = format!("{request:?}");
            let same = state.reservation_tokens.get(&request.client_token).cloned();
            if let Some(same) = same {
                let (id, before) = same.split_once(' ').unwrap();
                if before != digest {
                    return Err(refusal(OP, "IdempotentParameterMismatch", "", 400));
                }
                return Ok(state.reservations.iter().find(|it| it.id == id).unwrap().clone());
            }
            let arn = request.placement_group_arn.clone();
            let group = arn.and_then(|arn| arn.rsplit('/').next().map(str::to_owned));
            if let Some(group) = &group
                && !state.placement.iter().any(|it| it.name == *group)
            {
                return Err(refusal(OP, "InvalidPlacementGroup.Unknown", "", 400));
            }
            let made = Reservation {
                id: state.id("cr"),
                state: state.reservation_states.pop_front().unwrap_or("active").to_owned(),
                instance_type: request.instance_type.clone(),
                zone: request.zone.clone(),
                total: request.count,
                available: request.count,
                end: Some(
                    jiff::Timestamp::from_second(request.end_secs as i64).unwrap().to_string(),
                ),
                targeted: true,
                placement_group: group,
                tags: request.tags.clone(),
                ..Default::default()
            };
            let known = format!("{} {digest}", made.id);
            state.reservation_tokens.insert(request.client_token.clone(), known);
            state.reservations.push(made.clone());
            Ok(made)
        })
    }

    async fn cancel_reservation(&self, id: &str) -> Result<()> {
        self.call("CancelCapacityReservation", |state| {
            let found = state.reservations.iter_mut().find(|it| it.id == id);
            found.map(|it| it.state = "cancelled".to_owned()).ok_or_else(|| {
                let code = "InvalidCapacityReservationId.NotFound";
                refusal("CancelCapacityReservation", code, "", 400)
            })
        })
    }
}

#[async_trait::async_trait]
impl SpotRequests for Fake {
    async fn describe_spot_requests(&self, filters: &[Filter]) -> Result<Vec<SpotRequest>> {
        self.call("DescribeSpotInstanceRequests", |state| {
            let found = state.spot.iter().filter(|it| fits(filters, |name| tagged(&it.tags, name)));
            Ok(found.cloned().collect())
        })
    }

    async fn cancel_spot_requests(&self, ids: &[String]) -> Result<()> {
        self.call("CancelSpotInstanceRequests", |state| {
            let named = state.spot.iter_mut().filter(|it| ids.contains(&it.id));
            named.for_each(|it| it.state = "cancelled".to_owned());
            Ok(())
        })
    }
}
