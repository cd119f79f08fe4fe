//! Proofs of the rules of network interfaces that are made for themselves or
//! outlive their instance.

use super::instances::{in_state, launched};
use super::launch::{accepted, launch, refused, subnet};
use super::{Case, Found, case, same};
use crate::rules::interfaces as rules;
use crate::testing::{Bench, element};

async fn ec2(bench: &Bench, call: &str) -> String {
    bench.query("ec2", &format!("Action={call}")).await.1
}

async fn create(bench: &Bench, more: &str) -> String {
    let subnet = subnet(bench, 1);
    ec2(bench, &format!("CreateNetworkInterface&SubnetId={subnet}{more}")).await
}

async fn created(bench: &Bench) -> Result<String, String> {
    let text = create(bench, "").await;
    accepted(&text)?;
    Ok(element(&text, "networkInterfaceId").to_owned())
}

fn with(interface: &str, more: &str) -> String {
    format!(
        "&NetworkInterface.1.DeviceIndex=0&NetworkInterface.1.NetworkInterfaceId={interface}{more}"
    )
}

async fn described(bench: &Bench, id: &str) -> String {
    ec2(bench, &format!("DescribeNetworkInterfaces&NetworkInterfaceId.1={id}")).await
}

async fn modify(bench: &Bench, id: &str, more: &str) -> String {
    ec2(bench, &format!("ModifyNetworkInterfaceAttribute&NetworkInterfaceId={id}{more}")).await
}

fn first_interface(bench: &Bench, instance: &str) -> crate::state::interfaces::Interface {
    bench.region.inner.state().ec2.instances[instance].interfaces[0].clone()
}

/// What is left of an instance: an interface with its address, groups and tags,
/// until somebody deletes it.
async fn outlives(bench: Bench) -> Found {
    let create = "CreateSecurityGroup&GroupName=g&GroupDescription=d";
    let group = element(&ec2(&bench, create).await, "groupId").to_owned();
    let free = || bench.region.inner.state().ec2.subnets[0].free();
    let before = free();
    let nic = format!(
        "&NetworkInterface.1.DeviceIndex=0&NetworkInterface.1.DeleteOnTermination=false&NetworkInterface.1.SecurityGroupId.1={group}&TagSpecification.1.ResourceType=network-interface&TagSpecification.1.Tag.1.Key=owner"
    );
    let id = launched(&bench, &nic, "running").await?;
    let interface = first_interface(&bench, &id);
    accepted(&ec2(&bench, &format!("TerminateInstances&InstanceId.1={id}")).await)?;
    in_state(&bench, &id, "terminated").await;
    let text = described(&bench, &interface.id).await;
    accepted(&text)?;
    same(element(&text, "status"), "available")?;
    same(element(&text, "key"), "owner")?;
    same((text.contains("<attachment>"), free()), (false, before - 1))?;
    let delete_group = format!("DeleteSecurityGroup&GroupId={group}");
    refused(&ec2(&bench, &delete_group).await, "DependencyViolation")?;
    let again = launched(&bench, &with(&interface.id, ""), "running").await?;
    same(first_interface(&bench, &again).private_ip, interface.private_ip)?;
    accepted(&ec2(&bench, &format!("TerminateInstances&InstanceId.1={again}")).await)?;
    in_state(&bench, &again, "terminated").await;
    let delete = format!("DeleteNetworkInterface&NetworkInterfaceId={}", interface.id);
    accepted(&ec2(&bench, &delete).await)?;
    accepted(&ec2(&bench, &delete_group).await)?;
    same(free(), before)
}

pub fn cases() -> Vec<Case> {
    vec![
        case(&rules::EXISTING_USED, async |bench: Bench| {
            let id = created(&bench).await?;
            accepted(&launch(&bench, &with(&id, "")).await.1)?;
            refused(&launch(&bench, &with(&id, "")).await.1, "InvalidNetworkInterface.InUse")
        }),
        case(&rules::EXISTING_AS_IT_IS, async |bench: Bench| {
            let id = created(&bench).await?;
            let goes = with(&id, "&NetworkInterface.1.DeleteOnTermination=true");
            refused(&launch(&bench, &goes).await.1, "InvalidParameterCombination")?;
            accepted(&launch(&bench, &with(&id, "")).await.1)
        }),
        case(&rules::EXISTING_ONCE, async |bench: Bench| {
            let id = created(&bench).await?;
            let two = with(&id, "&MaxCount=2");
            refused(&launch(&bench, &two).await.1, "InvalidParameterCombination")
        }),
        case(&rules::OUTLIVES, outlives),
        case(&rules::TOKEN, async |bench: Bench| {
            let made = create(&bench, "&ClientToken=t").await;
            let again = create(&bench, "&ClientToken=t").await;
            let id = |text: &str| element(text, "networkInterfaceId").to_owned();
            same(id(&made), id(&again))?;
            let other = create(&bench, "&ClientToken=t&Description=d").await;
            refused(&other, "IdempotentParameterMismatch")
        }),
        case(&rules::UNKNOWN, async |bench: Bench| {
            let id = created(&bench).await?;
            same(element(&described(&bench, &id).await, "availabilityZone"), "us-east-1b")?;
            let unknown = described(&bench, "eni-0123456789abcdef0").await;
            refused(&unknown, "InvalidNetworkInterfaceID.NotFound")
        }),
        case(&rules::DELETE_IN_USE, async |bench: Bench| {
            let id = launched(&bench, "", "running").await?;
            let nic = first_interface(&bench, &id).id;
            let delete = format!("DeleteNetworkInterface&NetworkInterfaceId={nic}");
            refused(&ec2(&bench, &delete).await, "InvalidParameterValue")
        }),
        case(&rules::MODIFY_ONE, async |bench: Bench| {
            let id = created(&bench).await?;
            accepted(&modify(&bench, &id, "&Description.Value=mine").await)?;
            same(element(&described(&bench, &id).await, "description"), "mine")?;
            let two = "&Description.Value=mine&SourceDestCheck.Value=false";
            refused(&modify(&bench, &id, two).await, "InvalidParameterCombination")
        }),
        case(&rules::ATTACHMENT, async |bench: Bench| {
            let id = launched(&bench, "", "running").await?;
            let nic = first_interface(&bench, &id);
            let keep = |attachment: &str| {
                format!(
                    "&Attachment.AttachmentId={attachment}&Attachment.DeleteOnTermination=false"
                )
            };
            let attachment = nic.attachment.map(|attachment| attachment.id).unwrap_or_default();
            accepted(&modify(&bench, &nic.id, &keep(&attachment)).await)?;
            let text = described(&bench, &nic.id).await;
            same(element(&text, "deleteOnTermination"), "false")?;
            let other = keep("eni-attach-0123456789abcdef0");
            refused(&modify(&bench, &nic.id, &other).await, "InvalidAttachmentID.NotFound")
        }),
    ]
}
