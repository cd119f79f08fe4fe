//! Proofs of the rules of Elastic IP addresses.

use super::instances::{in_state, launched};
use super::launch::{accepted, launch, refused};
use super::{Case, Found, case, same};
use crate::backend::Directory;
use crate::rules::addresses as rules;
use crate::testing::{Bench, element};

async fn ec2(bench: &Bench, call: &str) -> String {
    bench.query("ec2", &format!("Action={call}")).await.1
}

/// Allocates an address: its id and the address.
async fn allocated(bench: &Bench) -> Result<(String, String), String> {
    let text = ec2(bench, "AllocateAddress&Domain=vpc").await;
    accepted(&text)?;
    Ok((element(&text, "allocationId").to_owned(), element(&text, "publicIp").to_owned()))
}

async fn associate(bench: &Bench, address: &str, more: &str) -> String {
    ec2(bench, &format!("AssociateAddress&AllocationId={address}{more}")).await
}

fn public_ip(bench: &Bench, id: &str) -> Option<String> {
    bench.region.instance(id).and_then(|view| view.public_ip).map(|ip| ip.to_string())
}

fn of_association() -> Vec<Case> {
    vec![
        case(&rules::TARGET, async |bench: Bench| {
            let (address, _) = allocated(&bench).await?;
            refused(&associate(&bench, &address, "").await, "InvalidParameterCombination")
        }),
        case(&rules::STATE, async |bench: Bench| {
            let (address, _) = allocated(&bench).await?;
            let (_, text) = launch(&bench, "").await;
            accepted(&text)?;
            let id = element(&text, "instanceId").to_owned();
            let to = format!("&InstanceId={id}");
            in_state(&bench, &id, "running").await;
            accepted(&associate(&bench, &address, &to).await)?;
            accepted(&ec2(&bench, &format!("TerminateInstances&InstanceId.1={id}")).await)?;
            in_state(&bench, &id, "terminated").await;
            refused(&associate(&bench, &address, &to).await, "InvalidInstanceID")
        }),
        case(&rules::ONE_INTERFACE, async |bench: Bench| {
            let (address, _) = allocated(&bench).await?;
            let two = "&NetworkInterface.1.DeviceIndex=0&NetworkInterface.2.DeviceIndex=1";
            let id = launched(&bench, two, "running").await?;
            refused(
                &associate(&bench, &address, &format!("&InstanceId={id}")).await,
                "InvalidInstanceID",
            )?;
            let nic = {
                let state = bench.region.inner.state();
                state.ec2.instances[&id].interfaces[0].id.clone()
            };
            accepted(&associate(&bench, &address, &format!("&NetworkInterfaceId={nic}")).await)
        }),
        case(&rules::REASSOCIATION, async |bench: Bench| {
            let (address, ip) = allocated(&bench).await?;
            let one = launched(&bench, "", "running").await?;
            let other = launched(&bench, "", "running").await?;
            accepted(&associate(&bench, &address, &format!("&InstanceId={one}")).await)?;
            let to = format!("&InstanceId={other}");
            let strict = format!("{to}&AllowReassociation=false");
            refused(&associate(&bench, &address, &strict).await, "Resource.AlreadyAssociated")?;
            accepted(&associate(&bench, &address, &to).await)?;
            same(public_ip(&bench, &other), Some(ip.clone()))?;
            same(public_ip(&bench, &one) == Some(ip), false)
        }),
        case(&rules::SHOWN, shown),
        case(&rules::FREED, async |bench: Bench| {
            let (address, ip) = allocated(&bench).await?;
            let id = launched(&bench, "", "running").await?;
            accepted(&associate(&bench, &address, &format!("&InstanceId={id}")).await)?;
            accepted(&ec2(&bench, &format!("TerminateInstances&InstanceId.1={id}")).await)?;
            in_state(&bench, &id, "terminated").await;
            let text = ec2(&bench, "DescribeAddresses").await;
            same(element(&text, "publicIp"), &*ip)?;
            same(text.contains("<associationId>"), false)
        }),
        case(&rules::RELEASED_DISASSOCIATED, async |bench: Bench| {
            let (address, ip) = allocated(&bench).await?;
            let id = launched(&bench, "", "running").await?;
            accepted(&associate(&bench, &address, &format!("&InstanceId={id}")).await)?;
            accepted(&ec2(&bench, &format!("ReleaseAddress&AllocationId={address}")).await)?;
            same(public_ip(&bench, &id).is_some_and(|now| now != ip), true)
        }),
    ]
}

/// It is the instance's public address wherever one is told, until it is
/// taken away: then the instance gets another.
async fn shown(bench: Bench) -> Found {
    let (address, ip) = allocated(&bench).await?;
    let id = launched(&bench, "", "running").await?;
    let text = associate(&bench, &address, &format!("&InstanceId={id}")).await;
    accepted(&text)?;
    let association = element(&text, "associationId").to_owned();
    same(public_ip(&bench, &id), Some(ip.clone()))?;
    let text = ec2(&bench, &format!("DescribeInstances&InstanceId.1={id}")).await;
    same(element(&text, "ipAddress"), &*ip)?;
    let found = format!(
        "DescribeNetworkInterfaces&Filter.1.Name=association.public-ip&Filter.1.Value.1={ip}"
    );
    same(element(&ec2(&bench, &found).await, "allocationId"), &*address)?;
    let text = ec2(&bench, "DescribeAddresses").await;
    same((element(&text, "instanceId"), element(&text, "associationId")), (&*id, &*association))?;
    accepted(&ec2(&bench, &format!("DisassociateAddress&AssociationId={association}")).await)?;
    same(public_ip(&bench, &id).is_some_and(|now| now != ip), true)
}

pub fn cases() -> Vec<Case> {
    let mut all = vec![
        case(&rules::LIMIT, async |bench: Bench| {
            for _ in 0..5 {
                allocated(&bench).await?;
            }
            refused(&ec2(&bench, "AllocateAddress").await, "AddressLimitExceeded")
        }),
        case(&rules::UNKNOWN, async |bench: Bench| {
            let call = "ReleaseAddress&AllocationId=eipalloc-0123456789abcdef0";
            refused(&ec2(&bench, call).await, "InvalidAllocationID.NotFound")
        }),
        case(&rules::ASSOCIATION_UNKNOWN, async |bench: Bench| {
            let call = "DisassociateAddress&AssociationId=eipassoc-0123456789abcdef0";
            refused(&ec2(&bench, call).await, "InvalidAssociationID.NotFound")
        }),
    ];
    all.extend(of_association());
    all
}
