//! Proofs of the rules of Capacity Blocks.

use super::launch::{accepted, launch, refused};
use super::{Case, case, same};
use crate::rules::{Rule, capacity_blocks as rules};
use crate::state::capacity::Market;
use crate::testing::{Bench, element};
use jiff::{SignedDuration, Timestamp};

const SEARCH: &str =
    "Action=DescribeCapacityBlockOfferings&InstanceType=p5.48xlarge&InstanceCount=2";

async fn search(bench: &Bench, more: &str) -> String {
    bench.query("ec2", &format!("{SEARCH}&CapacityDurationHours=24{more}")).await.1
}

async fn buy(bench: &Bench, offered: &str) -> String {
    let id = element(offered, "capacityBlockOfferingId");
    let body = format!(
        "Action=PurchaseCapacityBlock&CapacityBlockOfferingId={id}&InstancePlatform=Linux/UNIX"
    );
    bench.query("ec2", &body).await.1
}

fn time(text: &str, name: &str) -> Timestamp {
    element(text, name).parse().unwrap()
}

/// Parameters that launch into what was bought.
fn into(bought: &str) -> String {
    format!(
        "&InstanceType=p5.48xlarge&Placement.AvailabilityZone={}&InstanceMarketOptions.MarketType=capacity-block&CapacityReservationSpecification.CapacityReservationTarget.CapacityReservationId={}",
        element(bought, "availabilityZone"),
        element(bought, "capacityReservationId"),
    )
}

fn searches(rule: &'static Rule, bad: &'static str, good: &'static str) -> Case {
    case(rule, move |bench: Bench| async move {
        accepted(&bench.query("ec2", &format!("{SEARCH}{good}")).await.1)?;
        refused(&bench.query("ec2", &format!("{SEARCH}{bad}")).await.1, rule.answer)
    })
}

pub fn cases() -> Vec<Case> {
    vec![
        searches(&rules::DURATION, "&CapacityDurationHours=30", "&CapacityDurationHours=336"),
        searches(
            &rules::SIZE,
            "&CapacityDurationHours=24&InstanceCount=65",
            "&CapacityDurationHours=504&InstanceCount=64",
        ),
        case(&rules::SOLD, async |bench: Bench| {
            let offers = |text: &str| text.matches("<capacityBlockOfferingId>").count();
            same(offers(&search(&bench, "").await), 6)?;
            same(offers(&search(&bench, "&InstanceType=g5.12xlarge").await), 0)
        }),
        case(&rules::ENDS, async |bench: Bench| {
            let text = search(&bench, "").await;
            let (start, end) = (time(&text, "startDate"), time(&text, "endDate"));
            same(end.strftime("%H:%M:%S").to_string().as_str(), "11:30:00")?;
            let hours: i64 = element(&text, "capacityBlockDurationHours").parse().unwrap();
            same(end.duration_since(start).as_hours(), hours)
        }),
        case(&rules::ROOM, async |bench: Bench| {
            let block = Market::CapacityBlock;
            for zone in ["b", "c", "d", "e", "f"] {
                let zone = format!("us-east-1{zone}");
                bench.region.inner.state().ec2.capacity.set(&zone, "p5.48xlarge", block, Some(0));
            }
            bench.region.inner.state().ec2.capacity.set(
                "us-east-1a",
                "p5.48xlarge",
                block,
                Some(3),
            );
            let offered = search(&bench, "").await;
            same(element(&offered, "availabilityZone"), "us-east-1a")?;
            accepted(&buy(&bench, &offered).await)?;
            let until = format!("&EndDateRange={}", time(&offered, "endDate"));
            let left = search(&bench, &until).await;
            same(left.matches("<capacityBlockOfferingId>").count(), 0)
        }),
        case(&rules::OFFERED, async |bench: Bench| {
            let offered = search(&bench, "").await;
            accepted(&buy(&bench, &offered).await)?;
            let gone = time(&offered, "endDate").duration_since(bench.region.inner.clock.now());
            bench.region.inner.clock.advance(gone + SignedDuration::from_mins(1));
            refused(&buy(&bench, &offered).await, "InvalidParameterValue")
        }),
        case(&rules::SCHEDULED, async |bench: Bench| {
            let soon = bench.region.inner.clock.now() + SignedDuration::from_hours(3);
            let bought =
                buy(&bench, &search(&bench, &format!("&StartDateRange={soon}")).await).await;
            accepted(&bought)?;
            let early = launch(&bench, &into(&bought)).await.1;
            refused(&early, "InvalidCapacityReservationState")?;
            bench.region.inner.clock.advance(SignedDuration::from_mins(181));
            accepted(&launch(&bench, &into(&bought)).await.1)
        }),
        case(&rules::MARKET, async |bench: Bench| {
            let bought = buy(&bench, &search(&bench, "").await).await;
            accepted(&launch(&bench, &into(&bought)).await.1)?;
            let plain =
                into(&bought).replace("&InstanceMarketOptions.MarketType=capacity-block", "");
            refused(&launch(&bench, &plain).await.1, "InvalidParameterValue")
        }),
        case(&rules::TERMINATES, async |bench: Bench| {
            let bought = buy(&bench, &search(&bench, "").await).await;
            accepted(&launch(&bench, &into(&bought)).await.1)?;
            let left = time(&bought, "endDate").duration_since(bench.region.inner.clock.now());
            let ending = async |after: SignedDuration, looks: u32| {
                bench.region.inner.clock.advance(after);
                let state = || {
                    let state = bench.region.inner.state();
                    let mut all = state.ec2.instances.values();
                    all.all(|i| !matches!(i.state.told().1, "pending" | "running"))
                };
                for _ in 0..looks {
                    if state() {
                        return true;
                    }
                    tokio::time::sleep(std::time::Duration::from_millis(10)).await;
                }
                false
            };
            let margin = SignedDuration::from_mins(30);
            same(ending(left - margin - SignedDuration::from_mins(5), 20).await, false)?;
            same(ending(SignedDuration::from_mins(5), 500).await, true)
        }),
        case(&rules::FIXED, async |bench: Bench| {
            let bought = buy(&bench, &search(&bench, "").await).await;
            let id = element(&bought, "capacityReservationId");
            let cancel = format!("Action=CancelCapacityReservation&CapacityReservationId={id}");
            refused(&bench.query("ec2", &cancel).await.1, "UnsupportedOperation")
        }),
    ]
}
