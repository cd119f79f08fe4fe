//! Proofs of the rules of launching.

use super::{Case, Found, case, same};
use crate::rules::{Rule, launch as rules};
use crate::testing::{Bench, element, error_code};

/// Asks for one g5.12xlarge; later parameters win over earlier ones.
pub async fn launch(bench: &Bench, more: &str) -> (http::StatusCode, String) {
    let ami = bench.region.inner.state().ec2.images.keys().next().unwrap().clone();
    let body = format!(
        "Action=RunInstances&ImageId={ami}&InstanceType=g5.12xlarge&MinCount=1&MaxCount=1{more}"
    );
    bench.query("ec2", &body).await
}

/// The id of the subnet of the n-th zone.
pub fn subnet(bench: &Bench, zone: usize) -> String {
    bench.region.inner.state().ec2.subnets[zone].id.clone()
}

/// Fails unless the answer is this error.
pub fn refused(text: &str, code: &str) -> Found {
    same(error_code(text), Some(code))
}

/// Fails unless the answer is none.
pub fn accepted(text: &str) -> Found {
    same(error_code(text), None)
}

/// A launch with `bad` is refused with the rule's code, one with `good` is not.
pub fn launches(rule: &'static Rule, bad: &'static str, good: &'static str) -> Case {
    case(rule, move |bench: Bench| async move {
        accepted(&launch(&bench, good).await.1)?;
        refused(&launch(&bench, bad).await.1, rule.answer)
    })
}

fn reservation(text: &str) -> Result<String, String> {
    accepted(text)?;
    Ok(element(text, "reservationId").to_owned())
}

fn tokens() -> Vec<Case> {
    vec![
        case(&rules::TOKEN_MISMATCH, async |bench: Bench| {
            launch(&bench, "&ClientToken=t").await;
            let (_, text) = launch(&bench, "&ClientToken=t&EbsOptimized=true").await;
            refused(&text, "IdempotentParameterMismatch")
        }),
        case(&rules::TOKEN_REPLAY, async |bench: Bench| {
            let first = reservation(&launch(&bench, "&ClientToken=t").await.1)?;
            let again = reservation(&launch(&bench, "&ClientToken=t").await.1)?;
            let other = reservation(&launch(&bench, "&ClientToken=u").await.1)?;
            same((again == first, other == first), (true, false))?;
            let describe = "Action=DescribeInstances&Filter.1.Name=client-token&Filter.1.Value.1=t";
            let (_, text) = bench.query("ec2", describe).await;
            same(text.matches("<instanceId>").count(), 1)
        }),
        case(&rules::TOKEN_TERMINATED, async |bench: Bench| {
            let (_, text) = launch(&bench, "&ClientToken=t").await;
            let id = element(&text, "instanceId");
            bench.query("ec2", &format!("Action=TerminateInstances&InstanceId.1={id}")).await;
            refused(&launch(&bench, "&ClientToken=t").await.1, "IdempotentInstanceTerminated")
        }),
        case(&rules::TOKEN_ZONAL, async |bench: Bench| {
            let a = "&ClientToken=t&Placement.AvailabilityZone=us-east-1a";
            let first = reservation(&launch(&bench, a).await.1)?;
            let there = format!("&ClientToken=t&SubnetId={}", subnet(&bench, 1));
            let other = reservation(&launch(&bench, &there).await.1)?;
            same((first == other, reservation(&launch(&bench, a).await.1)? == first), (false, true))
        }),
        case(&rules::TOKEN_REGIONAL, async |bench: Bench| {
            let first = reservation(&launch(&bench, "&ClientToken=t").await.1)?;
            // EC2 would now choose another zone, but need not choose.
            let on_demand = crate::state::capacity::Market::OnDemand;
            let limit = |zone| {
                let mut state = bench.region.inner.state();
                state.ec2.capacity.set(zone, "g5.12xlarge", on_demand, Some(0));
            };
            limit("us-east-1a");
            same(reservation(&launch(&bench, "&ClientToken=t").await.1)?, first)
        }),
        case(&rules::TOKEN_LENGTH, async |bench: Bench| {
            let with = |count| format!("&ClientToken={}", "t".repeat(count));
            accepted(&launch(&bench, &with(64)).await.1)?;
            refused(&launch(&bench, &with(65)).await.1, rules::TOKEN_LENGTH.answer)
        }),
    ]
}

pub fn cases() -> Vec<Case> {
    let mut all = tokens();
    all.extend([
        case(&rules::DRY_RUN_LAST, async |bench: Bench| {
            refused(&launch(&bench, "&DryRun=true").await.1, "DryRunOperation")?;
            let bad = "&DryRun=true&Placement.GroupName=none";
            refused(&launch(&bench, bad).await.1, "InvalidPlacementGroup.Unknown")?;
            same(bench.region.inner.state().ec2.instances.len(), 0)?;
            accepted(&launch(&bench, "&ClientToken=t").await.1)?;
            refused(&launch(&bench, "&ClientToken=t&DryRun=true").await.1, "DryRunOperation")
        }),
        launches(&rules::IMAGE, "&ImageId=ami-0123456789abcdef0", ""),
        case(&rules::COUNTS_NEEDED, async |bench: Bench| {
            let ami = bench.region.inner.state().ec2.images.keys().next().unwrap().clone();
            let body =
                format!("Action=RunInstances&ImageId={ami}&InstanceType=g5.12xlarge&MinCount=1");
            refused(&bench.query("ec2", &body).await.1, "MissingParameter")
        }),
        launches(&rules::COUNTS, "&MinCount=2", "&MinCount=2&MaxCount=2"),
        launches(&rules::SUBNET, "&SubnetId=subnet-0123456789abcdef0", ""),
        launches(
            &rules::ZONE_NAME,
            "&Placement.AvailabilityZone=us-east-1x",
            "&Placement.AvailabilityZone=us-east-1b",
        ),
        case(&rules::ZONE_OF_SUBNET, async |bench: Bench| {
            let both = |zone: &str| {
                let subnet = subnet(&bench, 0);
                format!("&SubnetId={subnet}&Placement.AvailabilityZone={zone}")
            };
            accepted(&launch(&bench, &both("us-east-1a")).await.1)?;
            refused(&launch(&bench, &both("us-east-1b")).await.1, "InvalidParameterValue")
        }),
        launches(&rules::USER_DATA_BASE64, "&UserData=%21%21%21", "&UserData=aGVsbG8%3D"),
        case(&rules::USER_DATA_SIZE, async |bench: Bench| {
            use base64::Engine;
            let with = |count| {
                let data = base64::engine::general_purpose::STANDARD.encode(vec![b'a'; count]);
                format!("&UserData={}", data.replace('=', "%3D"))
            };
            accepted(&launch(&bench, &with(16 * 1024)).await.1)?;
            refused(&launch(&bench, &with(16 * 1024 + 1)).await.1, "InvalidParameterValue")
        }),
        launches(
            &rules::SHUTDOWN,
            "&InstanceInitiatedShutdownBehavior=sleep",
            "&InstanceInitiatedShutdownBehavior=terminate",
        ),
        launches(
            &rules::HTTP_TOKENS,
            "&MetadataOptions.HttpTokens=always",
            "&MetadataOptions.HttpTokens=required",
        ),
        launches(
            &rules::HOP_LIMIT,
            "&MetadataOptions.HttpPutResponseHopLimit=65",
            "&MetadataOptions.HttpPutResponseHopLimit=64",
        ),
        launches(
            &rules::METADATA_TAGS,
            "&MetadataOptions.InstanceMetadataTags=yes",
            "&MetadataOptions.InstanceMetadataTags=enabled",
        ),
        launches(
            &rules::METADATA_TAG_KEYS,
            "&MetadataOptions.InstanceMetadataTags=enabled&TagSpecification.1.ResourceType=instance&TagSpecification.1.Tag.1.Key=a%2Fb&TagSpecification.1.Tag.1.Value=c",
            "&TagSpecification.1.ResourceType=instance&TagSpecification.1.Tag.1.Key=a%2Fb&TagSpecification.1.Tag.1.Value=c",
        ),
    ]);
    all
}
