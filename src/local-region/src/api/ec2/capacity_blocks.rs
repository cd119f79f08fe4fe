//! DescribeCapacityBlockOfferings and PurchaseCapacityBlock. A block that was
//! bought is a Capacity Reservation.

use super::catalogue::InstanceType;
use super::plan::invalid;
use super::{dry_run, paging::page, reservations, tag_set, tag_specifications};
use crate::api::pricing::on_demand_usd_per_hour;
use crate::api::{Answer, ApiError, Call, params::Params, timestamp};
use crate::lifecycle;
use crate::rules::{capacity, capacity_blocks as rules, reservations as of_reservations};
use crate::state::capacity::Market;
use crate::state::capacity_blocks::{Offering, Span, spans};
use crate::state::ec2::ZONES;
use crate::state::reservations::{Block, Reservation};
use crate::state::{State, ids};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

const MOST_INSTANCES: u32 = 64;
/// Days in steps of one up to this, in steps of a week beyond.
const SINGLE_DAYS: i64 = 14;
const MOST_DAYS: i64 = 182;
/// EC2 tells the details of up to so many.
const MOST_OFFERINGS: usize = 6;

fn time(of: Timestamp) -> String {
    of.strftime("%Y-%m-%dT%H:%M:%S.000Z").to_string()
}

/// Whether so many are free of other blocks all the time.
fn has_room(state: &State, zone: &str, name: &str, count: u32, span: &Span) -> bool {
    let Some(limit) = state.ec2.capacity.limit(zone, name, Market::CapacityBlock) else {
        return true;
    };
    let held = state.ec2.reservations.values().filter(|r| r.zone == zone);
    let held = held.filter(|r| r.instance_type == name);
    let held = held.filter(|r| r.span().is_some_and(|other| other.meets(span)));
    let held: u32 = held.map(|r| r.total).sum();
    !state.rules.on(&rules::ROOM) || limit >= held.saturating_add(count)
}

fn show_offering(id: &str, offering: &Offering) -> Value {
    let minutes = offering.span.minutes();
    json!({
        "capacityBlockOfferingId": id,
        "instanceType": offering.instance_type,
        "availabilityZone": offering.zone,
        "instanceCount": offering.count,
        "startDate": time(offering.span.start),
        "endDate": time(offering.span.end),
        "capacityBlockDurationHours": minutes / 60,
        "capacityBlockDurationMinutes": minutes % 60,
        "upfrontFee": format!("{:.2}", offering.fee_usd),
        "currencyCode": "USD",
        "tenancy": "default",
    })
}

/// DescribeCapacityBlockOfferings.
pub fn offerings(call: &Call<'_>, p: &Params) -> Answer {
    let mut state = call.state();
    let in_force = state.rules.clone();
    let hours: i64 = p.number("CapacityDurationHours")?.unwrap_or_default();
    let (days, rest) = (hours / 24, hours % 24);
    let steps = days <= SINGLE_DAYS || days % 7 == 0;
    in_force.check(
        &rules::DURATION,
        days > 0 && rest == 0 && steps && days <= MOST_DAYS,
        || invalid(format!("Value ({hours}) for parameter CapacityDurationHours is invalid.")),
    )?;
    let count: u32 = p.number("InstanceCount")?.unwrap_or(1);
    in_force.check(&rules::SIZE, (1..=MOST_INSTANCES).contains(&count), || {
        invalid(format!("Value ({count}) for parameter InstanceCount is invalid: 1 to 64."))
    })?;
    let name = p.need("InstanceType")?;
    let found = InstanceType::find(name);
    in_force.check(&capacity::TYPE_UNKNOWN, found.is_some(), || {
        invalid(format!("Invalid value '{name}' for InstanceType."))
    })?;
    let earliest: Option<Timestamp> = p.number("StartDateRange")?;
    let latest: Option<Timestamp> = p.number("EndDateRange")?;
    dry_run(p)?;
    let now = call.region.clock.now();
    let minute = SignedDuration::from_mins(1);
    let from = earliest.filter(|earliest| *earliest > now);
    let from = from.map_or(now, |earliest| earliest.saturating_add(minute).unwrap_or(earliest));
    let length = SignedDuration::from_hours(hours);
    let sold = |t: &&InstanceType| t.sold(Market::CapacityBlock) || !in_force.on(&rules::SOLD);
    let mut all = Vec::new();
    for span in spans(from, length, in_force.on(&rules::ENDS)) {
        let zones = found.filter(sold).into_iter().flat_map(InstanceType::zones);
        all.extend(zones.filter(|_| latest.is_none_or(|latest| span.end <= latest)).filter_map(
            |zone| {
                let free = has_room(&state, zone, name, count, &span);
                let hours = span.minutes() as f64 / 60.0;
                let fee_usd = on_demand_usd_per_hour(name)? * f64::from(count) * hours;
                let (zone, instance_type) = (zone.to_owned(), name.to_owned());
                free.then_some(Offering { zone, instance_type, count, span, fee_usd })
            },
        ));
    }
    all.truncate(MOST_OFFERINGS);
    let offerings = &mut state.ec2.block_offerings;
    let shown = all.iter().map(|it| show_offering(&offerings.tell(it), it)).collect();
    let (items, next) = page(call, shown, p, (1, 1000))?;
    Ok(json!({"capacityBlockOfferingSet": items, "nextToken": next}))
}

/// PurchaseCapacityBlock: paid and there at once, or at its start.
pub fn purchase(call: &Call<'_>, p: &Params) -> Answer {
    let mut state = call.state();
    let in_force = state.rules.clone();
    let id = p.need("CapacityBlockOfferingId")?;
    let platform = p.need("InstancePlatform")?;
    in_force.check(&of_reservations::PLATFORM, platform == "Linux/UNIX", || {
        invalid(format!("Value ({platform}) for parameter instancePlatform is invalid."))
    })?;
    let unknown = || {
        let message = format!("Value ({id}) for parameter CapacityBlockOfferingId is invalid.");
        ApiError::new("InvalidParameterValue", message)
    };
    let Some(offering) = state.ec2.block_offerings.get(id).cloned() else {
        return Err(unknown());
    };
    let now = call.region.clock.now();
    let Offering { zone, instance_type, count, span, .. } = offering;
    let still = span.end > now && has_room(&state, &zone, &instance_type, count, &span);
    in_force.check(&rules::OFFERED, still, unknown)?;
    tag_specifications::check(&in_force, p, &["capacity-reservation", "capacity-block"])?;
    let tags = tag_specifications::specified(&in_force, p, "capacity-reservation")?;
    let own_tags = tag_specifications::specified(&in_force, p, "capacity-block")?;
    dry_run(p)?;
    let start = if in_force.on(&rules::SCHEDULED) { span.start } else { now.min(span.start) };
    let zone_id = ZONES.iter().find(|(name, _)| *name == zone).map_or("", |(_, id)| id);
    let block = Block { id: ids::resource("cb"), start };
    let bought = Reservation {
        id: ids::resource("cr"),
        zone_id: zone_id.to_owned(),
        zone,
        instance_type,
        total: count,
        targeted: true,
        placement_group: None,
        end: Some(span.end),
        cancelled: false,
        created: timestamp(),
        token: None,
        block: Some(block.clone()),
    };
    let shown_block = json!({
        "capacityBlockId": block.id,
        "availabilityZone": bought.zone,
        "availabilityZoneId": bought.zone_id,
        "capacityReservationIdSet": [bought.id],
        "startDate": time(start),
        "endDate": time(span.end),
        "createDate": bought.created,
        "state": bought.state(now),
        "tagSet": tag_set(&own_tags),
    });
    for (id, tags) in [(&bought.id, tags), (&block.id, own_tags)] {
        if !tags.is_empty() {
            state.ec2.tags.insert(id.clone(), tags);
        }
    }
    let shown = reservations::show(call, &state.ec2, &bought);
    lifecycle::end_block(call.region, &bought.id, span.end);
    state.ec2.reservations.insert(bought.id.clone(), bought);
    Ok(json!({"capacityReservation": shown, "capacityBlockSet": [shown_block]}))
}
