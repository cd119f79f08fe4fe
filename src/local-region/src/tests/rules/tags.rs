//! Proofs of the rules of tags and filters.

use super::launch::{accepted, launch, refused};
use super::{Case, case, same};
use crate::rules::{Rule, tags as rules};
use crate::testing::{Bench, element};

async fn ec2(bench: &Bench, call: &str) -> String {
    bench.query("ec2", call).await.1
}

fn vpc(bench: &Bench) -> String {
    bench.region.inner.state().ec2.vpc_id.clone()
}

fn tag_count(bench: &Bench) -> usize {
    let vpc = vpc(bench);
    bench.region.inner.state().ec2.tags_of(&vpc).len()
}

/// Tags the VPC, which is always there.
async fn tag(bench: &Bench, tags: &str) -> String {
    ec2(bench, &format!("Action=CreateTags&ResourceId.1={}{tags}", vpc(bench))).await
}

fn one(key: &str, value: &str) -> String {
    format!("&Tag.1.Key={key}&Tag.1.Value={value}")
}

fn tags(rule: &'static Rule, bad: fn() -> String, good: fn() -> String) -> Case {
    case(rule, move |bench: Bench| async move {
        accepted(&tag(&bench, &good()).await)?;
        refused(&tag(&bench, &bad()).await, rule.answer)
    })
}

/// Keys that DescribeTags finds with a filter.
async fn found(bench: &Bench, name: &str, values: &[&str]) -> Result<Vec<String>, String> {
    let mut call = format!("Action=DescribeTags&Filter.1.Name={name}");
    for (n, value) in (1..).zip(values) {
        call += &format!("&Filter.1.Value.{n}={value}");
    }
    let text = ec2(bench, &call).await;
    accepted(&text)?;
    Ok(text.split("<key>").skip(1).map(|rest| rest.split('<').next().unwrap().to_owned()).collect())
}

const SPECIFIED: &str = "&TagSpecification.1.ResourceType=instance&TagSpecification.1.Tag.1.Key=k";

fn of_tags() -> Vec<Case> {
    vec![
        case(&rules::LIMIT, async |bench: Bench| {
            let many =
                |count| -> String { (1..=count).map(|n| format!("&Tag.{n}.Key=k{n}")).collect() };
            refused(&tag(&bench, &many(51)).await, "TagLimitExceeded")?;
            accepted(&tag(&bench, &many(50)).await)?;
            accepted(&tag(&bench, &one("k50", "new")).await)?;
            refused(&tag(&bench, &one("k51", "")).await, "TagLimitExceeded")
        }),
        tags(&rules::KEY_LENGTH, || one(&"k".repeat(129), ""), || one(&"%C3%A9".repeat(128), "")),
        tags(
            &rules::VALUE_LENGTH,
            || one("k", &"v".repeat(257)),
            || one("k", &"%E2%82%AC".repeat(256)),
        ),
        tags(
            &rules::RESERVED,
            || one("aws%3Aowner", "me"),
            || one("aws", "a%3Ab%2Fc+%C3%A4%3C%26"),
        ),
        tags(
            &rules::DUPLICATE,
            || "&Tag.1.Key=k&Tag.2.Key=k".to_owned(),
            || "&Tag.1.Key=k&Tag.2.Key=K".to_owned(),
        ),
        tags(&rules::NEEDED, String::new, || one("k", "")),
        case(&rules::RESOURCE_FORM, async |bench: Bench| {
            let call = "Action=CreateTags&ResourceId.1=machine&Tag.1.Key=k";
            refused(&ec2(&bench, call).await, "InvalidID")
        }),
        case(&rules::RESOURCE, async |bench: Bench| {
            let more = "&ResourceId.2=i-0123456789abcdef0&Tag.1.Key=k";
            refused(&tag(&bench, more).await, "InvalidInstanceID.NotFound")?;
            same(tag_count(&bench), 0)
        }),
        case(&rules::DELETE_BY_VALUE, async |bench: Bench| {
            accepted(&tag(&bench, "&Tag.1.Key=a&Tag.1.Value=1&Tag.2.Key=b&Tag.2.Value=2").await)?;
            let delete =
                |tags: &str| format!("Action=DeleteTags&ResourceId.1={}{tags}", vpc(&bench));
            let left = || tag_count(&bench);
            accepted(&ec2(&bench, &delete(&one("a", "2"))).await)?;
            accepted(&ec2(&bench, &delete(&one("a", ""))).await)?;
            same(left(), 2)?;
            accepted(&ec2(&bench, &delete("&Tag.1.Key=a")).await)?;
            same(left(), 1)?;
            accepted(&ec2(&bench, &delete("")).await)?;
            same(left(), 0)
        }),
        case(&rules::SPECIFICATION_TYPE, async |bench: Bench| {
            accepted(&launch(&bench, SPECIFIED).await.1)?;
            let image = SPECIFIED.replace("=instance", "=image");
            refused(&launch(&bench, &image).await.1, "InvalidParameterValue")
        }),
        case(&rules::SPECIFICATION_ONCE, async |bench: Bench| {
            let twice =
                format!("{SPECIFIED}{}", SPECIFIED.replace("Specification.1", "Specification.2"));
            refused(&launch(&bench, &twice).await.1, "InvalidParameterValue")
        }),
    ]
}

fn of_filters() -> Vec<Case> {
    vec![
        case(&rules::FILTER_NAME, async |bench: Bench| {
            let call =
                |name| format!("Action=DescribeInstances&Filter.1.Name={name}&Filter.1.Value.1=x");
            for known in ["tag-key", "tag%3Aa%3Ab", "instance-state-name"] {
                accepted(&ec2(&bench, &call(known)).await)?;
            }
            refused(&ec2(&bench, &call("colour")).await, "InvalidParameterValue")
        }),
        case(&rules::FILTER_VALUE_NEEDED, async |bench: Bench| {
            let call = "Action=DescribeInstances&Filter.1.Name=tag-key";
            refused(&ec2(&bench, call).await, "InvalidParameterValue")
        }),
        case(&rules::FILTER_LIMIT, async |bench: Bench| {
            let call = |second| {
                let mut text =
                    "Action=DescribeInstances&Filter.1.Name=tag-key&Filter.2.Name=tag-value"
                        .to_owned();
                text.extend((1..=100).map(|n| format!("&Filter.1.Value.{n}=k{n}")));
                text.extend((1..=second).map(|n| format!("&Filter.2.Value.{n}=k{n}")));
                text
            };
            accepted(&ec2(&bench, &call(100)).await)?;
            refused(&ec2(&bench, &call(101)).await, "FilterLimitExceeded")
        }),
        case(&rules::FILTER_WILDCARD, async |bench: Bench| {
            accepted(
                &tag(&bench, "&Tag.1.Key=a%2Ab&Tag.1.Value=x&Tag.2.Key=axb&Tag.2.Value=X").await,
            )?;
            same(found(&bench, "key", &["a%2A"]).await?.len(), 2)?;
            same(found(&bench, "key", &["a%3Fb"]).await?.len(), 2)?;
            same(found(&bench, "key", &["a%5C%2Ab"]).await?, vec!["a*b".to_owned()])?;
            same(found(&bench, "value", &["X", "y"]).await?, vec!["axb".to_owned()])?;
            same(found(&bench, "tag%3Aaxb", &["%3F"]).await?, vec!["axb".to_owned()])
        }),
    ]
}

pub fn cases() -> Vec<Case> {
    let mut all = of_tags();
    all.extend(of_filters());
    all
}

#[tokio::test]
async fn a_tag_of_any_character_comes_back_as_it_was() {
    let bench = Bench::new();
    let text = tag(&bench, &one("nixl%3A%3C%C3%A9%3E", "%22a+%26%5C%2A%27%0Ab%22")).await;
    accepted(&text).unwrap();
    let text = ec2(&bench, "Action=DescribeTags").await;
    assert_eq!(element(&text, "key"), "nixl:&lt;é&gt;");
    assert_eq!(element(&text, "value"), "&quot;a &amp;\\*'\nb&quot;");
}

/// The one operation that has another name for them.
#[tokio::test]
async fn a_capacity_reservation_is_made_with_its_tags() {
    let bench = Bench::new();
    let tags = "TagSpecifications.1.ResourceType=capacity-reservation&TagSpecifications.1.Tag.1.Key=nixl:cluster&TagSpecifications.1.Tag.1.Value=x";
    let create = "Action=CreateCapacityReservation&InstanceType=g5.12xlarge&InstancePlatform=Linux/UNIX&AvailabilityZone=us-east-1a&InstanceCount=2";
    accepted(&bench.query("ec2", &format!("{create}&{tags}")).await.1).unwrap();
    let look =
        "Action=DescribeCapacityReservations&Filter.1.Name=tag:nixl:cluster&Filter.1.Value.1=x";
    let (_, text) = bench.query("ec2", look).await;
    assert!(text.contains("<value>x</value>"), "{text}");
}
