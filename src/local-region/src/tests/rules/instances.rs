//! Proofs of the rules of instances after the launch.

use super::launch::{accepted, launch, refused};
use super::{Case, Found, case, same};
use crate::lifecycle;
use crate::rules::{Rule, instances as rules};
use crate::testing::{Bench, element};

async fn ec2(bench: &Bench, call: &str) -> String {
    bench.query("ec2", call).await.1
}

/// Launches an instance and waits until it is in a state.
pub async fn launched(bench: &Bench, more: &str, state: &str) -> Result<String, String> {
    let (_, text) = launch(bench, more).await;
    accepted(&text)?;
    let id = element(&text, "instanceId").to_owned();
    in_state(bench, &id, "running").await;
    if state == "stopped" {
        lifecycle::machine_ended(&bench.region.inner, &id, "powered off");
        in_state(bench, &id, "stopped").await;
    }
    Ok(id)
}

pub async fn in_state(bench: &Bench, id: &str, wanted: &str) {
    bench.until(|_| (state(bench, id) == wanted).then_some(())).await;
}

fn state(bench: &Bench, id: &str) -> String {
    let state = bench.region.inner.state();
    state.ec2.instances.get(id).map_or("gone", |i| i.state.told().1).to_owned()
}

async fn terminate(bench: &Bench, ids: &[&str]) -> String {
    let ids: String = (1..).zip(ids).map(|(n, id)| format!("&InstanceId.{n}={id}")).collect();
    ec2(bench, &format!("Action=TerminateInstances{ids}")).await
}

async fn modify(bench: &Bench, id: &str, more: &str) -> String {
    ec2(bench, &format!("Action=ModifyInstanceAttribute&InstanceId={id}{more}")).await
}

async fn attribute(bench: &Bench, id: &str, name: &str) -> Result<String, String> {
    let call = format!("Action=DescribeInstanceAttribute&InstanceId={id}&Attribute={name}");
    let text = ec2(bench, &call).await;
    accepted(&text)?;
    Ok(element(element(&text, name), "value").to_owned())
}

/// A change with `bad` is refused, one with `good` is not, for an instance in
/// a state.
fn modifies(
    rule: &'static Rule,
    state: &'static str,
    bad: &'static str,
    good: &'static str,
) -> Case {
    case(rule, move |bench: Bench| async move {
        let id = launched(&bench, "", state).await?;
        accepted(&modify(&bench, &id, good).await)?;
        refused(&modify(&bench, &id, bad).await, rule.answer)
    })
}

const UNKNOWN: &str = "i-0123456789abcdef0";
const PROTECT: &str = "&DisableApiTermination.Value=true";

fn of_termination() -> Vec<Case> {
    vec![
        case(&rules::ID_FORM, async |bench: Bench| {
            let text = ec2(&bench, "Action=DescribeInstances&InstanceId.1=i-xyz").await;
            refused(&text, "InvalidInstanceID.Malformed")
        }),
        case(&rules::ID_UNKNOWN, async |bench: Bench| {
            let id = launched(&bench, "", "running").await?;
            refused(&terminate(&bench, &[&id, UNKNOWN]).await, "InvalidInstanceID.NotFound")?;
            same(state(&bench, &id), "running".to_owned())?;
            let describe = format!("Action=DescribeInstances&InstanceId.1={UNKNOWN}");
            refused(&ec2(&bench, &describe).await, "InvalidInstanceID.NotFound")
        }),
        case(&rules::ID_NEEDED, async |bench: Bench| {
            refused(&terminate(&bench, &[]).await, "MissingParameter")
        }),
        case(&rules::CONSOLE_KEPT, async |bench: Bench| {
            let id = launched(&bench, "", "running").await?;
            let console = async || {
                let text = ec2(&bench, &format!("Action=GetConsoleOutput&InstanceId={id}")).await;
                element(&text, "output").to_owned()
            };
            same(console().await.as_str(), "bG9naW46")?;
            accepted(&terminate(&bench, &[&id]).await)?;
            in_state(&bench, &id, "terminated").await;
            same(console().await.as_str(), "cG93ZXIgZG93bg==")
        }),
        case(&rules::TERMINATE_AGAIN, async |bench: Bench| {
            let id = launched(&bench, "", "running").await?;
            accepted(&terminate(&bench, &[&id]).await)?;
            in_state(&bench, &id, "terminated").await;
            let text = terminate(&bench, &[&id]).await;
            accepted(&text)?;
            same(element(element(&text, "previousState"), "name"), "terminated")
        }),
        case(&rules::PROTECTED, async |bench: Bench| {
            let id = launched(&bench, "&DisableApiTermination=true", "running").await?;
            refused(&terminate(&bench, &[&id]).await, "OperationNotPermitted")?;
            same(attribute(&bench, &id, "disableApiTermination").await?, "true".to_owned())?;
            accepted(&modify(&bench, &id, "&DisableApiTermination.Value=false").await)?;
            accepted(&terminate(&bench, &[&id]).await)
        }),
        case(&rules::PROTECTED_ZONE, async |bench: Bench| {
            let mut ids = Vec::new();
            for zone in ["a", "a", "b"] {
                let place = format!("&Placement.AvailabilityZone=us-east-1{zone}");
                ids.push(launched(&bench, &place, "running").await?);
            }
            let [protected, beside, elsewhere] = [0, 1, 2].map(|n| ids[n].as_str());
            accepted(&modify(&bench, protected, PROTECT).await)?;
            let text = terminate(&bench, &[protected, beside, elsewhere]).await;
            refused(&text, "OperationNotPermitted")?;
            same(state(&bench, beside), "running".to_owned())?;
            same(state(&bench, elsewhere) == "running", false)
        }),
        case(&rules::STOP_PROTECTED, async |bench: Bench| {
            let id = launched(&bench, "&DisableApiStop=true", "running").await?;
            let stop = format!("Action=StopInstances&InstanceId.1={id}");
            refused(&ec2(&bench, &stop).await, "OperationNotPermitted")?;
            refused(&terminate(&bench, &[&id]).await, "OperationNotPermitted")
        }),
        case(&rules::PROTECT_SPOT, async |bench: Bench| {
            let spot = "&InstanceMarketOptions.MarketType=spot";
            let id = launched(&bench, spot, "running").await?;
            refused(&modify(&bench, &id, PROTECT).await, "UnsupportedOperation")?;
            let more = format!("{spot}&DisableApiTermination=true");
            refused(&launch(&bench, &more).await.1, "UnsupportedOperation")
        }),
        case(&rules::REBOOT_STATE, async |bench: Bench| {
            let id = launched(&bench, "", "running").await?;
            let reboot = format!("Action=RebootInstances&InstanceId.1={id}");
            accepted(&ec2(&bench, &reboot).await)?;
            accepted(&terminate(&bench, &[&id]).await)?;
            refused(&ec2(&bench, &reboot).await, "IncorrectInstanceState")
        }),
    ]
}

fn of_attributes() -> Vec<Case> {
    vec![
        modifies(
            &rules::ATTRIBUTE,
            "running",
            "&Attribute=colour&Value=red",
            "&Attribute=disableApiTermination&Value=true",
        ),
        modifies(
            &rules::ONE_ATTRIBUTE,
            "running",
            "&DisableApiTermination.Value=true&DisableApiStop.Value=true",
            "&InstanceInitiatedShutdownBehavior.Value=terminate",
        ),
        case(&rules::MODIFY_LIVE, async |bench: Bench| {
            let id = launched(&bench, "", "running").await?;
            accepted(&terminate(&bench, &[&id]).await)?;
            refused(&modify(&bench, &id, PROTECT).await, "IncorrectInstanceState")
        }),
        case(&rules::MODIFY_STOPPED, modify_stopped),
        case(&rules::MODIFY_INTERFACE, async |bench: Bench| {
            let two = "&NetworkInterface.1.DeviceIndex=0&NetworkInterface.2.DeviceIndex=1";
            let id = launched(&bench, two, "running").await?;
            let one = launched(&bench, "", "running").await?;
            let change = "&SourceDestCheck.Value=false";
            accepted(&modify(&bench, &one, change).await)?;
            same(attribute(&bench, &one, "sourceDestCheck").await?, "false".to_owned())?;
            refused(&modify(&bench, &id, change).await, "InvalidInstanceID")
        }),
        modifies(
            &rules::INSTANCE_TYPE,
            "stopped",
            "&InstanceType.Value=g5.enormous",
            "&InstanceType.Value=g5.24xlarge",
        ),
        case(&rules::METADATA_STATE, async |bench: Bench| {
            let id = launched(&bench, "", "running").await?;
            let change = "HttpTokens=required&HttpPutResponseHopLimit=3";
            let call = format!("Action=ModifyInstanceMetadataOptions&InstanceId={id}&{change}");
            let text = ec2(&bench, &call).await;
            same(
                (element(&text, "state"), element(&text, "httpPutResponseHopLimit")),
                ("pending", "3"),
            )?;
            let view = crate::backend::Directory::instance(&bench.region, &id);
            same(view.map(|view| view.tokens_required), Some(true))?;
            accepted(&terminate(&bench, &[&id]).await)?;
            refused(&ec2(&bench, &call).await, "IncorrectInstanceState")
        }),
    ]
}

async fn modify_stopped(bench: Bench) -> Found {
    let id = launched(&bench, "", "stopped").await?;
    accepted(&modify(&bench, &id, "&UserData.Value=aGVsbG8%3D").await)?;
    same(attribute(&bench, &id, "userData").await?, "aGVsbG8=".to_owned())?;
    let running = launched(&bench, "", "running").await?;
    let text = modify(&bench, &running, "&UserData.Value=aGVsbG8%3D").await;
    refused(&text, "IncorrectInstanceState")
}

pub fn cases() -> Vec<Case> {
    let mut all = of_termination();
    all.extend(of_attributes());
    all
}

#[tokio::test]
async fn groups_of_an_instance_can_be_replaced_and_every_attribute_is_told() {
    let bench = Bench::new();
    let id = launched(&bench, "", "running").await.unwrap();
    let create = "Action=CreateSecurityGroup&GroupName=g&GroupDescription=d";
    let text = ec2(&bench, create).await;
    let group = element(&text, "groupId");
    accepted(&modify(&bench, &id, &format!("&GroupId.1={group}")).await).unwrap();
    for name in [
        "instanceType",
        "kernel",
        "ramdisk",
        "userData",
        "disableApiTermination",
        "instanceInitiatedShutdownBehavior",
        "rootDeviceName",
        "blockDeviceMapping",
        "productCodes",
        "sourceDestCheck",
        "groupSet",
        "ebsOptimized",
        "sriovNetSupport",
        "enclaveOptions",
        "disableApiStop",
    ] {
        let call = format!("Action=DescribeInstanceAttribute&InstanceId={id}&Attribute={name}");
        let text = ec2(&bench, &call).await;
        accepted(&text).unwrap();
        assert!(text.contains(&format!("<{name}>")), "{text}");
        assert_eq!(text.contains(group), name == "groupSet");
    }
}
