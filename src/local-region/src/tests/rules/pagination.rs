//! Proofs of the rules of pages.

use super::launch::{accepted, launch, refused};
use super::{Case, Found, case, same};
use crate::rules::{Rule, pagination as rules};
use crate::testing::{Bench, element};

async fn ec2(bench: &Bench, call: &str) -> String {
    bench.query("ec2", call).await.1
}

/// Tags the VPC with seven tags.
async fn seven_tags(bench: &Bench) -> Found {
    let vpc = bench.region.inner.state().ec2.vpc_id.clone();
    let tags: String = (1..=7).map(|n| format!("&Tag.{n}.Key=k{n}")).collect();
    accepted(&ec2(bench, &format!("Action=CreateTags&ResourceId.1={vpc}{tags}")).await)
}

/// Ids or MaxResults, not both.
fn either(rule: &'static Rule, operation: &'static str, element_of_id: &'static str) -> Case {
    case(rule, move |bench: Bench| async move {
        let (_, text) = launch(&bench, "").await;
        let id = element(&text, element_of_id);
        let parameter = element_of_id[..1].to_uppercase() + &element_of_id[1..];
        accepted(&ec2(&bench, &format!("Action={operation}&MaxResults=5")).await)?;
        accepted(&ec2(&bench, &format!("Action={operation}&{parameter}.1={id}")).await)?;
        let both = format!("Action={operation}&MaxResults=5&{parameter}.1={id}");
        refused(&ec2(&bench, &both).await, "InvalidParameterCombination")
    })
}

pub fn cases() -> Vec<Case> {
    vec![
        case(&rules::SIZE, async |bench: Bench| {
            let call = |size: u32| format!("Action=DescribeTags&MaxResults={size}");
            for good in [5, 1000] {
                accepted(&ec2(&bench, &call(good)).await)?;
            }
            refused(&ec2(&bench, &call(1001)).await, "InvalidParameterValue")?;
            refused(&ec2(&bench, &call(4)).await, "InvalidParameterValue")
        }),
        case(&rules::TOKEN, async |bench: Bench| {
            seven_tags(&bench).await?;
            let first = ec2(&bench, "Action=DescribeTags&MaxResults=5").await;
            let token = element(&first, "nextToken");
            let second =
                ec2(&bench, &format!("Action=DescribeTags&MaxResults=5&NextToken={token}")).await;
            let count = |text: &str| text.matches("<key>").count();
            same((count(&first), count(&second)), (5, 2))?;
            same(second.contains("nextToken"), false)?;
            let text = ec2(&bench, "Action=DescribeTags&NextToken=page2").await;
            refused(&text, "InvalidParameterValue")
        }),
        case(&rules::TOKEN_OF_OPERATION, async |bench: Bench| {
            seven_tags(&bench).await?;
            let first = ec2(&bench, "Action=DescribeTags&MaxResults=5").await;
            let token = element(&first, "nextToken");
            let text = ec2(&bench, &format!("Action=DescribeSubnets&NextToken={token}")).await;
            refused(&text, "InvalidParameterValue")
        }),
        case(&rules::BY_INSTANCE, async |bench: Bench| {
            for _ in 0..2 {
                accepted(&launch(&bench, "&MinCount=4&MaxCount=4").await.1)?;
            }
            let first = ec2(&bench, "Action=DescribeInstances&MaxResults=5").await;
            same(first.contains("nextToken"), true)?;
            let token = element(&first, "nextToken");
            let second =
                ec2(&bench, &format!("Action=DescribeInstances&MaxResults=5&NextToken={token}"))
                    .await;
            let count = |text: &str| {
                (text.matches("<reservationId>").count(), text.matches("<amiLaunchIndex>").count())
            };
            same((count(&first), count(&second)), ((2, 5), (1, 3)))
        }),
        either(&rules::INSTANCE_IDS, "DescribeInstances", "instanceId"),
        either(&rules::STATUS_IDS, "DescribeInstanceStatus", "instanceId"),
        either(&rules::INTERFACE_IDS, "DescribeNetworkInterfaces", "networkInterfaceId"),
    ]
}
