//! Proofs of the rules of placement groups.

use super::launch::{accepted, launch, refused};
use super::{Case, Found, case, same};
use crate::rules::{Rule, placement_groups as rules};
use crate::testing::{Bench, element};
use jiff::SignedDuration;

const IN_GROUP: &str = "&Placement.GroupName=g";

async fn create(bench: &Bench, more: &str) -> String {
    bench.query("ec2", &format!("Action=CreatePlacementGroup&GroupName=g{more}")).await.1
}

/// Makes the cluster group `g` and waits on the region's clock until it is available.
async fn ready(bench: &Bench) -> Found {
    accepted(&create(bench, "").await)?;
    bench.region.inner.clock.advance(SignedDuration::from_secs(2));
    Ok(())
}

fn creates(rule: &'static Rule, bad: &'static str, good: &'static str) -> Case {
    case(rule, move |bench: Bench| async move {
        accepted(&create(&bench, &format!("&GroupName=good{good}")).await)?;
        refused(&create(&bench, bad).await, rule.answer)
    })
}

/// A launch into the group with `bad` is refused, one with `good` is not.
fn launches(rule: &'static Rule, bad: &'static str, good: &'static str) -> Case {
    case(rule, move |bench: Bench| async move {
        ready(&bench).await?;
        accepted(&launch(&bench, &format!("{IN_GROUP}{good}")).await.1)?;
        refused(&launch(&bench, &format!("{IN_GROUP}{bad}")).await.1, rule.answer)
    })
}

pub fn cases() -> Vec<Case> {
    vec![
        case(&rules::NAME, async |bench: Bench| {
            let named = |count| format!("&GroupName={}", "n".repeat(count));
            accepted(&create(&bench, &named(255)).await)?;
            refused(&create(&bench, &named(256)).await, "InvalidParameterValue")
        }),
        creates(&rules::STRATEGY, "&Strategy=near", "&Strategy=spread"),
        creates(
            &rules::PARTITIONS,
            "&Strategy=cluster&PartitionCount=2",
            "&Strategy=partition&PartitionCount=7",
        ),
        case(&rules::DUPLICATE, async |bench: Bench| {
            accepted(&create(&bench, "").await)?;
            refused(&create(&bench, "").await, "InvalidPlacementGroup.Duplicate")
        }),
        case(&rules::LIMIT, async |bench: Bench| {
            accepted(&create(&bench, "").await)?;
            {
                let groups = &mut bench.region.inner.state().ec2.placement_groups;
                let group = groups["g"].clone();
                groups.extend((1..500).map(|n| (format!("g{n}"), group.clone())));
            }
            refused(&create(&bench, "&GroupName=last").await, "PlacementGroupLimitExceeded")
        }),
        case(&rules::PENDING, async |bench: Bench| {
            same(element(&create(&bench, "").await, "state"), "pending")?;
            refused(&launch(&bench, IN_GROUP).await.1, "InvalidPlacementGroup.Unknown")?;
            bench.region.inner.clock.advance(SignedDuration::from_secs(2));
            accepted(&launch(&bench, IN_GROUP).await.1)
        }),
        case(&rules::UNKNOWN, async |bench: Bench| {
            refused(&launch(&bench, IN_GROUP).await.1, "InvalidPlacementGroup.Unknown")
        }),
        launches(
            &rules::ONE_ZONE,
            "&Placement.AvailabilityZone=us-east-1b",
            "&Placement.AvailabilityZone=us-east-1a",
        ),
        launches(&rules::TYPE, "&InstanceType=t3.xlarge", "&InstanceType=c5n.9xlarge"),
        launches(
            &rules::SPOT,
            "&InstanceMarketOptions.MarketType=spot&InstanceMarketOptions.SpotOptions.SpotInstanceType=persistent&InstanceMarketOptions.SpotOptions.InstanceInterruptionBehavior=stop",
            "&InstanceMarketOptions.MarketType=spot&InstanceMarketOptions.SpotOptions.SpotInstanceType=one-time",
        ),
        launches(
            &rules::CAPACITY_BLOCK,
            "&InstanceType=p5.48xlarge&InstanceMarketOptions.MarketType=capacity-block&CapacityReservationSpecification.CapacityReservationTarget.CapacityReservationId=cr-0123456789abcdef0",
            "&InstanceType=p5.48xlarge",
        ),
        case(&rules::IN_USE, async |bench: Bench| {
            ready(&bench).await?;
            accepted(&launch(&bench, IN_GROUP).await.1)?;
            let delete = "Action=DeletePlacementGroup&GroupName=g";
            refused(&bench.query("ec2", delete).await.1, "InvalidPlacementGroup.InUse")?;
            bench.region.shutdown().await;
            accepted(&bench.query("ec2", delete).await.1)
        }),
        case(&rules::DELETE_UNKNOWN, async |bench: Bench| {
            let (_, text) = bench.query("ec2", "Action=DeletePlacementGroup&GroupName=g").await;
            refused(&text, "InvalidPlacementGroup.Unknown")
        }),
        case(&rules::DESCRIBE_UNKNOWN, async |bench: Bench| {
            let describe = "Action=DescribePlacementGroups&GroupName.1=g";
            refused(&bench.query("ec2", describe).await.1, "InvalidPlacementGroup.Unknown")
        }),
    ]
}
