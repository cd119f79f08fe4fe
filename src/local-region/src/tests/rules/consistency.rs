//! Proofs of eventual consistency: the window is widened and the clock moved.

use super::instances::launched;
use super::launch::{accepted, launch, refused};
use super::{Case, Found, case, same};
use crate::rules::consistency as rules;
use crate::testing::{Bench, element};
use crate::windows::{GROUP_VISIBLE, INSTANCE_VISIBLE, TAGS_VISIBLE, Window};
use jiff::SignedDuration;

async fn ec2(bench: &Bench, call: &str) -> String {
    bench.query("ec2", &format!("Action={call}")).await.1
}

fn widen(bench: &Bench, window: &Window) {
    bench.region.inner.windows.set(window.name, Some(SignedDuration::from_secs(30)));
}

fn wait(bench: &Bench) {
    bench.region.inner.clock.advance(SignedDuration::from_secs(31));
}

async fn instance(bench: Bench) -> Found {
    widen(&bench, &INSTANCE_VISIBLE);
    let id = launched(&bench, "&ClientToken=t", "running").await?;
    let calls = [
        format!("DescribeInstances&InstanceId.1={id}"),
        format!("CreateTags&ResourceId.1={id}&Tag.1.Key=k"),
        format!("TerminateInstances&InstanceId.1={id}"),
    ];
    for call in &calls {
        refused(&ec2(&bench, call).await, "InvalidInstanceID.NotFound")?;
    }
    same(ec2(&bench, "DescribeInstances").await.contains(&id), false)?;
    let (_, again) = launch(&bench, "&ClientToken=t").await;
    same(element(&again, "instanceId"), &*id)?;
    wait(&bench);
    for call in &calls {
        accepted(&ec2(&bench, call).await)?;
    }
    Ok(())
}

async fn group(bench: Bench) -> Found {
    widen(&bench, &GROUP_VISIBLE);
    let text = ec2(&bench, "CreateSecurityGroup&GroupName=g&GroupDescription=d").await;
    let group = format!("&SecurityGroupId.1={}", element(&text, "groupId"));
    refused(&launch(&bench, &group).await.1, "InvalidGroup.NotFound")?;
    wait(&bench);
    accepted(&launch(&bench, &group).await.1)
}

async fn tags(bench: Bench) -> Found {
    let id = launched(&bench, "", "running").await?;
    widen(&bench, &TAGS_VISIBLE);
    let tagged =
        |value: &str| format!("CreateTags&ResourceId.1={id}&Tag.1.Key=k&Tag.1.Value={value}");
    let found = "DescribeInstances&Filter.1.Name=tag-key&Filter.1.Value.1=k";
    accepted(&ec2(&bench, &tagged("1")).await)?;
    same(ec2(&bench, found).await.contains(&id), false)?;
    same(ec2(&bench, "DescribeTags").await.contains(&id), false)?;
    wait(&bench);
    same(ec2(&bench, found).await.contains(&id), true)?;
    accepted(&ec2(&bench, &tagged("2")).await)?;
    accepted(&ec2(&bench, &format!("DeleteTags&ResourceId.1={id}&Tag.1.Key=k")).await)?;
    same(element(&ec2(&bench, "DescribeTags").await, "value"), "1")?;
    wait(&bench);
    same(ec2(&bench, "DescribeTags").await.contains(&id), false)
}

pub fn cases() -> Vec<Case> {
    vec![case(&rules::INSTANCE, instance), case(&rules::GROUP, group), case(&rules::TAGS, tags)]
}
