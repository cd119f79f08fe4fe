//! CreateCapacityReservation, DescribeCapacityReservations,
//! CancelCapacityReservation, and what a launch gets of them.

use super::catalogue::InstanceType;
use super::market::{self, Demand};
use super::plan::{combination, invalid};
use super::quota;
use super::{done, dry_run, filter::Filters, paging::page, tag_set, tag_specifications};
use crate::api::{Answer, ApiError, Call, params::Params, timestamp};
use crate::rules::{capacity, capacity_blocks as blocks, reservations as rules};
use crate::state::capacity::Market;
use crate::state::ec2::{Ec2, ZONES};
use crate::state::reservations::Reservation;
use crate::state::{State, ids};
use jiff::Timestamp;
use serde_json::{Value, json};

fn not_found(id: &str) -> ApiError {
    let message = format!("The Capacity Reservation ID '{id}' does not exist.");
    ApiError::new("InvalidCapacityReservationId.NotFound", message)
}

/// As the API tells it.
pub fn show(call: &Call<'_>, ec2: &Ec2, r: &Reservation) -> Value {
    let now = call.region.clock.now();
    let group = r.placement_group.as_ref();
    let dated = |time: Timestamp| time.strftime("%Y-%m-%dT%H:%M:%S.000Z").to_string();
    let block = r.block.as_ref();
    json!({
        "capacityReservationId": r.id,
        "capacityReservationArn": call.arn(&format!("capacity-reservation/{}", r.id)),
        "ownerId": call.region.config.account_id,
        "availabilityZone": r.zone,
        "availabilityZoneId": r.zone_id,
        "instanceType": r.instance_type,
        "instancePlatform": "Linux/UNIX",
        "tenancy": "default",
        "totalInstanceCount": r.total,
        "availableInstanceCount": r.available(ec2, now),
        "ebsOptimized": false,
        "ephemeralStorage": false,
        "state": r.state(now),
        "startDate": block.map_or_else(|| r.created.clone(), |block| dated(block.start)),
        "createDate": r.created,
        "endDate": r.end.map(dated),
        "endDateType": if r.end.is_some() { "limited" } else { "unlimited" },
        "instanceMatchCriteria": if r.targeted { "targeted" } else { "open" },
        "placementGroupArn": group.map(|name| call.arn(&format!("placement-group/{name}"))),
        "reservationType": if block.is_some() { "capacity-block" } else { "default" },
        "capacityBlockId": block.map(|block| &block.id),
        "tagSet": tag_set(&ec2.tags_of(&r.id)),
    })
}

/// CreateCapacityReservation.
pub fn create(call: &Call<'_>, p: &Params) -> Answer {
    let mut state = call.state();
    let in_force = state.rules.clone();
    let now = call.region.clock.now();
    let fingerprint = p.fingerprint(&["DryRun"]);
    let token = p.get("ClientToken").map(|token| (token.to_owned(), fingerprint.clone()));
    let same_token = |r: &&Reservation| {
        token.is_some() && r.token.as_ref().map(|t| &t.0) == token.as_ref().map(|t| &t.0)
    };
    if let Some(old) = state.ec2.reservations.values().find(same_token)
        && in_force.on(&rules::TOKEN)
    {
        p.read_all();
        in_force.check(&rules::TOKEN, old.token == token, || {
            ApiError::new(
                "IdempotentParameterMismatch",
                "Arguments on this idempotent request are inconsistent with arguments used in previous request(s).",
            )
        })?;
        return Ok(json!({"capacityReservation": show(call, &state.ec2, old)}));
    }
    let reservation = Reservation { token: token.clone(), ..read(&state, p, now)? };
    tag_specifications::check(&in_force, p, &["capacity-reservation"])?;
    let tags = tag_specifications::specified(&in_force, p, "capacity-reservation")?;
    let Reservation { zone, instance_type, total, .. } = &reservation;
    if let Some(t) = InstanceType::find(instance_type) {
        quota::check(&state, t, Market::OnDemand, *total, now)?;
    }
    let free = market::unreserved(&state, zone, instance_type, Market::OnDemand, now);
    in_force.check(&rules::CAPACITY, free.is_none_or(|free| free >= *total), || {
        market::shortage(format!(
            "We currently do not have sufficient {instance_type} capacity in the Availability Zone you requested ({zone}). Our system will be working on provisioning additional capacity."
        ))
    })?;
    dry_run(p)?;
    if !tags.is_empty() {
        state.ec2.tags.insert(reservation.id.clone(), tags);
    }
    let shown = show(call, &state.ec2, &reservation);
    state.ec2.reservations.insert(reservation.id.clone(), reservation);
    Ok(json!({"capacityReservation": shown}))
}

fn read(state: &State, p: &Params, now: Timestamp) -> Result<Reservation, ApiError> {
    let in_force = &state.rules;
    let name = p.need("InstanceType")?;
    let found = InstanceType::find(name);
    in_force.check(&capacity::TYPE_UNKNOWN, found.is_some(), || {
        invalid(format!("Invalid value '{name}' for InstanceType."))
    })?;
    let platform = p.need("InstancePlatform")?;
    in_force.check(&rules::PLATFORM, platform == "Linux/UNIX", || {
        invalid(format!("Value ({platform}) for parameter instancePlatform is invalid."))
    })?;
    let zone = match (p.get("AvailabilityZone"), p.get("AvailabilityZoneId")) {
        (Some(zone), _) => ZONES.iter().find(|(name, _)| *name == zone),
        (None, Some(id)) => ZONES.iter().find(|(_, zone_id)| *zone_id == id),
        (None, None) => None,
    };
    let (zone, zone_id) = zone.ok_or_else(|| invalid("Invalid availability zone."))?;
    let here = found.is_none_or(|t| t.offered_in(zone));
    in_force.check(&capacity::ZONE, here, || {
        let message = format!("The instance type {name} is not supported in {zone}.");
        ApiError::new("Unsupported", message)
    })?;
    let total: u32 = p.number("InstanceCount")?.unwrap_or(0);
    if total == 0 {
        return Err(invalid("InstanceCount is at least 1."));
    }
    let end: Option<Timestamp> = p.number("EndDate")?;
    let limited = match p.get("EndDateType") {
        None => end.is_some(),
        Some(kind) => kind == "limited",
    };
    let kept = limited == end.is_some() && end.is_none_or(|end| end > now);
    in_force.check(&rules::END_DATE, kept, || {
        combination("A limited Capacity Reservation needs an EndDate in the future, an unlimited one must have none.")
    })?;
    let group = p.get("PlacementGroupArn").map(|arn| arn.rsplit('/').next().unwrap_or(arn));
    Ok(Reservation {
        id: ids::resource("cr"),
        zone: (*zone).to_owned(),
        zone_id: (*zone_id).to_owned(),
        instance_type: name.to_owned(),
        total,
        targeted: p.get("InstanceMatchCriteria") == Some("targeted"),
        placement_group: group.map(str::to_owned),
        end: end.filter(|_| limited),
        cancelled: false,
        created: timestamp(),
        token: None,
        block: None,
    })
}

/// DescribeCapacityReservations.
pub fn describe(call: &Call<'_>, p: &Params) -> Answer {
    let known = ["availability-zone", "instance-match-criteria", "instance-type", "state"];
    let filters = Filters::read(call, p, &known)?;
    let ids = p.list("CapacityReservationId");
    dry_run(p)?;
    let state = call.state();
    let all = &state.ec2.reservations;
    if let Some(id) = ids.iter().find(|id| !all.contains_key(*id)) {
        return Err(not_found(id));
    }
    let now = call.region.clock.now();
    let shown = all
        .values()
        .filter(|r| ids.is_empty() || ids.contains(&r.id))
        .filter(|r| {
            filters.keep(&state.ec2.tags_of(&r.id), |name| {
                vec![match name {
                    "availability-zone" => r.zone.clone(),
                    "instance-type" => r.instance_type.clone(),
                    "state" => r.state(now).to_owned(),
                    _ => if r.targeted { "targeted" } else { "open" }.to_owned(),
                }]
            })
        })
        .map(|r| show(call, &state.ec2, r))
        .collect();
    let (items, next) = page(call, shown, p, (1, 1000))?;
    Ok(json!({"capacityReservationSet": items, "nextToken": next}))
}

/// CancelCapacityReservation; instances in it run on.
pub fn cancel(call: &Call<'_>, p: &Params) -> Answer {
    let id = p.need("CapacityReservationId")?;
    let mut state = call.state();
    let known = state.ec2.reservations.contains_key(id);
    state.rules.check(&rules::CANCEL_UNKNOWN, known, || not_found(id))?;
    let block = state.ec2.reservations.get(id).is_some_and(|r| r.block.is_some());
    state.rules.check(&blocks::FIXED, !block, || {
        ApiError::new("UnsupportedOperation", "You can't modify or cancel a Capacity Block.")
    })?;
    dry_run(p)?;
    if let Some(reservation) = state.ec2.reservations.get_mut(id) {
        reservation.cancelled = true;
    }
    done()
}

/// The reservation a launch names, if it may use it.
pub fn target<'a>(
    state: &'a State,
    p: &Params,
    demand: &Demand,
    (zone, group): (&str, Option<&str>),
    now: Timestamp,
) -> Result<Option<&'a Reservation>, ApiError> {
    let in_force = &state.rules;
    let target = p.sub("CapacityReservationSpecification").sub("CapacityReservationTarget");
    let Some(id) = target.get("CapacityReservationId") else { return Ok(None) };
    let found = state.ec2.reservations.get(id);
    in_force.check(&capacity::RESERVATION, found.is_some(), || not_found(id))?;
    let Some(r) = found else { return Ok(None) };
    in_force.check(&rules::ENDED, r.is_active(now), || {
        let message = format!("The Capacity Reservation '{id}' is {}.", r.state(now));
        ApiError::new("InvalidCapacityReservationState", message)
    })?;
    let alike = r.zone == zone && r.instance_type == demand.instance_type.name;
    in_force.check(&rules::MATCH, alike && demand.market != Market::Spot, || {
        invalid(format!("The launch does not match the Capacity Reservation '{id}'."))
    })?;
    let block = demand.market == Market::CapacityBlock;
    in_force.check(&blocks::MARKET, block == r.block.is_some(), || {
        invalid(format!("The market type does not match the Capacity Reservation '{id}'."))
    })?;
    let fits = group.is_none() || r.placement_group.as_deref() == group;
    in_force.check(&rules::GROUP, fits, || market::shortage("Insufficient capacity."))?;
    let available = r.available(&state.ec2, now);
    in_force.check(&rules::EXCEEDED, available >= demand.least, || {
        let message = format!(
            "The requested reservation does not have sufficient compatible and available capacity for the number of instances requested. It has {available}."
        );
        ApiError::new("ReservationCapacityExceeded", message)
    })?;
    Ok(Some(r))
}

/// Open reservations that a launch uses without naming them, once for each
/// instance there is room for.
pub fn open(
    state: &State,
    p: &Params,
    demand: &Demand,
    (zone, group): (&str, Option<&str>),
    now: Timestamp,
) -> Vec<String> {
    let preference = p.sub("CapacityReservationSpecification");
    let none = preference.get("CapacityReservationPreference") == Some("none");
    if none || demand.market != Market::OnDemand || !state.rules.on(&rules::OPEN) {
        return Vec::new();
    }
    state
        .ec2
        .reservations
        .values()
        .filter(|r| !r.targeted && r.zone == zone && r.placement_group.as_deref() == group)
        .filter(|r| r.instance_type == demand.instance_type.name)
        .flat_map(|r| std::iter::repeat_n(r.id.clone(), r.available(&state.ec2, now) as usize))
        .collect()
}
