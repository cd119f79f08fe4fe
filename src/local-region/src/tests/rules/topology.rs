//! Proofs of the rules of topology.

use super::instances::launched;
use super::launch::{accepted, refused};
use super::{Case, case, same};
use crate::rules::topology as rules;
use crate::testing::Bench;
use jiff::SignedDuration;

const TYPE: &str = "&InstanceType=g6e.24xlarge";

async fn ec2(bench: &Bench, call: &str) -> String {
    bench.query("ec2", &format!("Action={call}")).await.1
}

/// Texts of an element, in order.
fn all(text: &str, name: &str) -> Vec<String> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let parts = text.split(&open).skip(1);
    parts.filter_map(|part| Some(part.split_once(&close)?.0.to_owned())).collect()
}

pub fn cases() -> Vec<Case> {
    vec![
        case(&rules::RUNNING, async |bench: Bench| {
            let running = launched(&bench, TYPE, "running").await?;
            launched(&bench, "", "running").await?;
            launched(&bench, TYPE, "stopped").await?;
            let text = ec2(&bench, "DescribeInstanceTopology").await;
            accepted(&text)?;
            same(all(&text, "instanceId"), vec![running])
        }),
        case(&rules::NODES, async |bench: Bench| {
            accepted(&ec2(&bench, "CreatePlacementGroup&GroupName=g").await)?;
            bench.region.inner.clock.advance(SignedDuration::from_secs(2));
            let zone = format!("{TYPE}&Placement.AvailabilityZone=us-east-1b");
            let near = format!("{zone}&Placement.GroupName=g");
            for more in [&near, &near, &zone] {
                launched(&bench, more, "running").await?;
            }
            let by_group = ec2(&bench, "DescribeInstanceTopology&GroupName.1=g").await;
            let nodes = all(&by_group, "networkNodeSet");
            same(
                (nodes.len(), nodes[0] == nodes[1], nodes[0].matches("nn-").count()),
                (2, true, 3),
            )?;
            let everyone = all(&ec2(&bench, "DescribeInstanceTopology").await, "networkNodeSet");
            let tops: std::collections::BTreeSet<&str> =
                everyone.iter().filter_map(|nodes| nodes.split("</item>").next()).collect();
            let ways: std::collections::BTreeSet<&String> = everyone.iter().collect();
            same((tops.len(), ways.len()), (1, 2))
        }),
        case(&rules::IDS, async |bench: Bench| {
            let id = launched(&bench, TYPE, "running").await?;
            let by_id = format!("DescribeInstanceTopology&InstanceId.1={id}");
            accepted(&ec2(&bench, &by_id).await)?;
            refused(
                &ec2(&bench, &format!("{by_id}&MaxResults=5")).await,
                "InvalidParameterCombination",
            )
        }),
    ]
}
