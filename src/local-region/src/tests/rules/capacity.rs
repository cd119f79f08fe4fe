//! Proofs of the rules of types, markets and capacity.

use super::launch::{accepted, launch, launches, refused, subnet};
use super::{Case, case, same};
use crate::api::ec2::InstanceType;
use crate::rules::capacity as rules;
use crate::state::capacity::Market;
use crate::testing::{Bench, element};

fn limit(bench: &Bench, zone: &str, limit: u32) {
    let mut state = bench.region.inner.state();
    state.ec2.capacity.set(zone, "g5.12xlarge", Market::OnDemand, Some(limit));
}

const IN_A: &str = "&Placement.AvailabilityZone=us-east-1a";

fn capacity() -> Vec<Case> {
    vec![
        case(&rules::INSUFFICIENT, async |bench: Bench| {
            limit(&bench, "us-east-1a", 1);
            let two = format!("{IN_A}&MinCount=2&MaxCount=2");
            let (status, text) = launch(&bench, &two).await;
            same(status.as_u16(), 500)?;
            refused(&text, "InsufficientInstanceCapacity")?;
            same(bench.region.inner.state().ec2.instances.len(), 0)?;
            accepted(&launch(&bench, IN_A).await.1)?;
            refused(&launch(&bench, IN_A).await.1, "InsufficientInstanceCapacity")?;
            bench.region.shutdown().await;
            accepted(&launch(&bench, IN_A).await.1)?;
            let spot = format!("{IN_A}&InstanceMarketOptions.MarketType=spot");
            accepted(&launch(&bench, &spot).await.1)
        }),
        case(&rules::HINT, async |bench: Bench| {
            limit(&bench, "us-east-1a", 0);
            limit(&bench, "us-east-1c", 0);
            let (_, text) = launch(&bench, IN_A).await;
            refused(&text, "InsufficientInstanceCapacity")?;
            same(
                element(&text, "Message"),
                "We currently do not have sufficient g5.12xlarge capacity in the Availability Zone you requested (us-east-1a). Our system will be working on provisioning additional capacity. You can currently get g5.12xlarge capacity by not specifying an Availability Zone in your request or choosing us-east-1b, us-east-1d, us-east-1f.",
            )
        }),
        case(&rules::AT_LEAST, async |bench: Bench| {
            limit(&bench, "us-east-1a", 3);
            let (_, text) = launch(&bench, &format!("{IN_A}&MinCount=2&MaxCount=5")).await;
            accepted(&text)?;
            same(text.matches("<instanceId>").count(), 3)
        }),
        case(&rules::OTHER_ZONE, async |bench: Bench| {
            limit(&bench, "us-east-1a", 0);
            limit(&bench, "us-east-1b", 0);
            let (_, text) = launch(&bench, "").await;
            accepted(&text)?;
            same(element(&text, "availabilityZone"), "us-east-1c")
        }),
        case(&rules::ADDRESSES, async |bench: Bench| {
            let here = format!("&SubnetId={}", subnet(&bench, 0));
            while bench.region.inner.state().ec2.subnets[0].take().is_some() {}
            refused(&launch(&bench, &here).await.1, "InsufficientFreeAddressesInSubnet")
        }),
    ]
}

pub fn cases() -> Vec<Case> {
    let mut all = capacity();
    all.extend([
        launches(&rules::TYPE_UNKNOWN, "&InstanceType=g5.13xlarge", ""),
        case(&rules::TYPE_DESCRIBED, async |bench: Bench| {
            let describe = "Action=DescribeInstanceTypes&InstanceType.1=g5.12xlarge";
            accepted(&bench.query("ec2", describe).await.1)?;
            let unknown = format!("{describe}&InstanceType.2=g5.13xlarge");
            refused(&bench.query("ec2", &unknown).await.1, "InvalidInstanceType")?;
            let elsewhere = describe.replace("g5.12xlarge", "p5e.48xlarge");
            refused(&bench.query("ec2", &elsewhere).await.1, "InvalidInstanceType")
        }),
        case(&rules::LOCATION_TYPE, async |bench: Bench| {
            let describe = "Action=DescribeInstanceTypeOfferings&Filter.1.Name=instance-type&Filter.1.Value.1=g5.12xlarge&LocationType=";
            for (kind, count) in [("region", 1), ("availability-zone", 5)] {
                let (_, text) = bench.query("ec2", &format!("{describe}{kind}")).await;
                same(text.matches("<location>").count(), count)?;
            }
            refused(&bench.query("ec2", &format!("{describe}moon")).await.1, "InvalidParameterValue")
        }),
        case(&rules::TYPES_PAGE, async |bench: Bench| {
            let (_, text) = bench.query("ec2", "Action=DescribeInstanceTypes").await;
            same(text.matches("<instanceType>").count(), 100)?;
            let next = element(&text, "nextToken");
            let rest = format!("Action=DescribeInstanceTypes&NextToken={next}");
            same(bench.query("ec2", &rest).await.1.matches("<instanceType>").count(), 100)
        }),
        case(&rules::SPOT_REQUEST, async |bench: Bench| {
            let tagged = "&InstanceMarketOptions.MarketType=spot&TagSpecification.1.ResourceType=spot-instances-request&TagSpecification.1.Tag.1.Key=k&TagSpecification.1.Tag.1.Value=v";
            let (_, text) = launch(&bench, tagged).await;
            same(element(&text, "instanceLifecycle"), "spot")?;
            let active = "Action=DescribeSpotInstanceRequests&Filter.1.Name=tag:k&Filter.1.Value.1=v&Filter.2.Name=state&Filter.2.Value.1=active";
            let count = async || {
                bench.query("ec2", active).await.1.matches("<spotInstanceRequestId>").count()
            };
            same(count().await, 1)?;
            bench.region.shutdown().await;
            same(count().await, 0)
        }),
        case(&rules::SPOT_UNKNOWN, async |bench: Bench| {
            let (_, text) = launch(&bench, "&InstanceMarketOptions.MarketType=spot").await;
            let cancel = "Action=CancelSpotInstanceRequests&SpotInstanceRequestId.1=";
            let id = element(&text, "spotInstanceRequestId");
            accepted(&bench.query("ec2", &format!("{cancel}{id}")).await.1)?;
            let (_, text) = bench.query("ec2", &format!("{cancel}sir-01234567")).await;
            refused(&text, "InvalidSpotInstanceRequestID.NotFound")
        }),
        launches(&rules::REGION, "&InstanceType=p5e.48xlarge", ""),
        launches(
            &rules::ZONE,
            "&Placement.AvailabilityZone=us-east-1e",
            "&Placement.AvailabilityZone=us-east-1f",
        ),
        launches(&rules::ARCHITECTURE, "&InstanceType=m7g.large", "&InstanceType=m5.large"),
        launches(
            &rules::MARKET_TYPE,
            "&InstanceMarketOptions.MarketType=futures",
            "&InstanceMarketOptions.MarketType=spot",
        ),
        case(&rules::USAGE_CLASS, async |bench: Bench| {
            let demand_only = |t: &&InstanceType| {
                t.offered()
                    && !t.sold(Market::Spot)
                    && t.architectures.contains(&"x86_64".into())
                    && t.vcpus <= 768
            };
            let t = InstanceType::all().iter().find(demand_only).ok_or("no such type")?;
            let plain = format!("&InstanceType={}", t.name);
            accepted(&launch(&bench, &plain).await.1)?;
            let spot = format!("{plain}&InstanceMarketOptions.MarketType=spot");
            refused(&launch(&bench, &spot).await.1, "Unsupported")
        }),
        launches(
            &rules::SPOT_OPTIONS,
            "&InstanceMarketOptions.SpotOptions.SpotInstanceType=one-time",
            "&InstanceMarketOptions.MarketType=spot&InstanceMarketOptions.SpotOptions.SpotInstanceType=one-time",
        ),
        launches(
            &rules::SPOT_PERSISTENT,
            "&InstanceMarketOptions.MarketType=spot&InstanceMarketOptions.SpotOptions.SpotInstanceType=persistent",
            "&InstanceMarketOptions.MarketType=spot&InstanceMarketOptions.SpotOptions.SpotInstanceType=one-time",
        ),
        launches(
            &rules::SPOT_BEHAVIOUR,
            "&InstanceMarketOptions.MarketType=spot&InstanceMarketOptions.SpotOptions.InstanceInterruptionBehavior=stop",
            "&InstanceMarketOptions.MarketType=spot&InstanceMarketOptions.SpotOptions.InstanceInterruptionBehavior=terminate",
        ),
        launches(
            &rules::SPOT_PRICE,
            "&InstanceMarketOptions.MarketType=spot&InstanceMarketOptions.SpotOptions.MaxPrice=0.001",
            "&InstanceMarketOptions.MarketType=spot&InstanceMarketOptions.SpotOptions.MaxPrice=1.5",
        ),
        launches(
            &rules::BLOCK_TARGET,
            "&InstanceType=p5.48xlarge&InstanceMarketOptions.MarketType=capacity-block",
            "&InstanceType=p5.48xlarge",
        ),
        launches(
            &rules::RESERVATION,
            "&CapacityReservationSpecification.CapacityReservationTarget.CapacityReservationId=cr-0123456789abcdef0",
            "",
        ),
    ]);
    all
}

#[tokio::test]
async fn types_are_described_as_aws_describes_them() {
    let bench = Bench::new();
    let (_, text) =
        bench.query("ec2", "Action=DescribeInstanceTypes&InstanceType.1=p6-b300.48xlarge").await;
    assert_eq!(element(&text, "maximumEfaInterfaces"), "16");
    assert_eq!(text.matches("<networkCardIndex>").count(), 17);
    assert_eq!(text.matches("<item>efa-only</item>").count(), 16);
    let filtered = "Action=DescribeInstanceTypes&Filter.1.Name=network-info.efa-supported&Filter.1.Value.1=true&MaxResults=100";
    let (_, text) = bench.query("ec2", filtered).await;
    assert_eq!(text.matches("<instanceType>").count(), 100);
    assert!(text.contains("<nextToken>"));
}
