//! Proofs of the rules of Capacity Reservations.

use super::launch::{accepted, launch, refused};
use super::{Case, case, same};
use crate::rules::{Rule, reservations as rules};
use crate::state::capacity::Market;
use crate::testing::{Bench, element};
use jiff::SignedDuration;

const IN_A: &str = "&Placement.AvailabilityZone=us-east-1a";

async fn create(bench: &Bench, more: &str) -> String {
    let body = format!(
        "Action=CreateCapacityReservation&InstanceType=g5.12xlarge&InstancePlatform=Linux/UNIX&AvailabilityZone=us-east-1a&InstanceCount=2{more}"
    );
    bench.query("ec2", &body).await.1
}

/// Parameters that launch into a new targeted reservation for two.
async fn targeted(bench: &Bench, more: &str) -> Result<String, String> {
    let text = create(bench, &format!("&InstanceMatchCriteria=targeted{more}")).await;
    accepted(&text)?;
    let id = element(&text, "capacityReservationId");
    Ok(format!(
        "{IN_A}&CapacityReservationSpecification.CapacityReservationTarget.CapacityReservationId={id}"
    ))
}

fn limit(bench: &Bench, limit: u32) {
    let mut state = bench.region.inner.state();
    state.ec2.capacity.set("us-east-1a", "g5.12xlarge", Market::OnDemand, Some(limit));
}

async fn available(bench: &Bench) -> String {
    let (_, text) = bench.query("ec2", "Action=DescribeCapacityReservations").await;
    element(&text, "availableInstanceCount").to_owned()
}

fn creates(rule: &'static Rule, bad: &'static str, good: &'static str) -> Case {
    case(rule, move |bench: Bench| async move {
        accepted(&create(&bench, good).await)?;
        refused(&create(&bench, bad).await, rule.answer)
    })
}

pub fn cases() -> Vec<Case> {
    vec![
        case(&rules::EXCEEDED, async |bench: Bench| {
            let into = targeted(&bench, "").await?;
            accepted(&launch(&bench, &into).await.1)?;
            same(available(&bench).await.as_str(), "1")?;
            let two = format!("{into}&MinCount=2&MaxCount=2");
            refused(&launch(&bench, &two).await.1, "ReservationCapacityExceeded")
        }),
        case(&rules::MATCH, async |bench: Bench| {
            let into = targeted(&bench, "").await?;
            accepted(&launch(&bench, &into).await.1)?;
            let other = format!("{into}&InstanceType=g6.12xlarge");
            refused(&launch(&bench, &other).await.1, "InvalidParameterValue")
        }),
        case(&rules::ENDED, async |bench: Bench| {
            let hour = SignedDuration::from_hours(1);
            let end = bench.region.inner.clock.now() + hour;
            let dated = format!("&EndDateType=limited&EndDate={end}");
            let into = targeted(&bench, &dated).await?;
            accepted(&launch(&bench, &into).await.1)?;
            bench.region.inner.clock.advance(hour);
            refused(&launch(&bench, &into).await.1, "InvalidCapacityReservationState")
        }),
        case(&rules::GROUP, async |bench: Bench| {
            bench.query("ec2", "Action=CreatePlacementGroup&GroupName=g").await;
            bench.region.inner.clock.advance(SignedDuration::from_secs(2));
            let inside = "&PlacementGroupArn=arn:aws:ec2:us-east-1:111122223333:placement-group/g";
            let group = "&Placement.GroupName=g";
            let good = targeted(&bench, inside).await? + group;
            accepted(&launch(&bench, &good).await.1)?;
            let bad = targeted(&bench, "").await? + group;
            refused(&launch(&bench, &bad).await.1, "InsufficientInstanceCapacity")
        }),
        case(&rules::OPEN, async |bench: Bench| {
            accepted(&create(&bench, "").await)?;
            let none = "&CapacityReservationSpecification.CapacityReservationPreference=none";
            accepted(&launch(&bench, &format!("{IN_A}{none}")).await.1)?;
            same(available(&bench).await.as_str(), "2")?;
            accepted(&launch(&bench, IN_A).await.1)?;
            same(available(&bench).await.as_str(), "1")
        }),
        case(&rules::HELD, async |bench: Bench| {
            limit(&bench, 2);
            let into = targeted(&bench, "").await?;
            refused(&launch(&bench, IN_A).await.1, "InsufficientInstanceCapacity")?;
            accepted(&launch(&bench, &into).await.1)
        }),
        case(&rules::CAPACITY, async |bench: Bench| {
            limit(&bench, 3);
            accepted(&create(&bench, "").await)?;
            refused(&create(&bench, "").await, "InsufficientInstanceCapacity")?;
            let (_, text) = bench.query("ec2", "Action=DescribeCapacityReservations").await;
            let id = element(&text, "capacityReservationId");
            let cancel = format!("Action=CancelCapacityReservation&CapacityReservationId={id}");
            accepted(&bench.query("ec2", &cancel).await.1)?;
            accepted(&create(&bench, "").await)
        }),
        creates(&rules::END_DATE, "&EndDateType=limited", "&EndDateType=unlimited"),
        creates(&rules::PLATFORM, "&InstancePlatform=Plan9", ""),
        case(&rules::TOKEN, async |bench: Bench| {
            accepted(&create(&bench, "&ClientToken=t").await)?;
            accepted(&create(&bench, "&ClientToken=t").await)?;
            same(bench.region.inner.state().ec2.reservations.len(), 1)?;
            let other = create(&bench, "&ClientToken=t&InstanceCount=3").await;
            refused(&other, "IdempotentParameterMismatch")
        }),
        case(&rules::CANCEL_UNKNOWN, async |bench: Bench| {
            let cancel =
                "Action=CancelCapacityReservation&CapacityReservationId=cr-0123456789abcdef0";
            let (_, text) = bench.query("ec2", cancel).await;
            refused(&text, "InvalidCapacityReservationId.NotFound")
        }),
    ]
}
