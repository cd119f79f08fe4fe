//! Proofs of the rules of every EC2 request: each operation is called.

use super::iam::role;
use super::launch::{accepted, launch, refused};
use super::sts::assume;
use super::{Case, Found, case, same};
use crate::api::ec2::operations;
use crate::rules::requests as rules;
use crate::testing::{Bench, element};
use http::{Method, StatusCode};
use serde_json::json;

const BLOCK: &str = "InstanceType=p5.48xlarge&InstanceCount=1&CapacityDurationHours=24";

/// Something of each kind.
struct World {
    ami: String,
    own_ami: String,
    loose_snapshot: String,
    instance: String,
    group: String,
    spare_group: String,
    rules: [String; 2],
    spot_request: String,
    reservation: String,
    block_offering: String,
    subnet: String,
    interface: String,
    address: String,
    association: String,
}

async fn made(bench: &Bench, call: &str, id: &str) -> Result<String, String> {
    let (_, text) = bench.query("ec2", call).await;
    accepted(&text)?;
    Ok(element(&text, id).to_owned())
}

async fn world(bench: &Bench) -> Result<World, String> {
    let (_, text) = launch(bench, "&InstanceMarketOptions.MarketType=spot").await;
    accepted(&text)?;
    let spot_request = element(&text, "spotInstanceRequestId").to_owned();
    let (_, text) = launch(bench, "").await;
    accepted(&text)?;
    let instance = element(&text, "instanceId").to_owned();
    bench
        .until(|region| {
            let state = region.inner.state();
            state.ec2.instances.values().all(|i| i.state.told().1 == "running").then_some(())
        })
        .await;
    let group = "Action=CreateSecurityGroup&GroupDescription=d&GroupName=";
    let reservation = "Action=CreateCapacityReservation&InstanceType=g5.12xlarge&InstancePlatform=Linux/UNIX&AvailabilityZone=us-east-1a&InstanceCount=1";
    let reservation = made(bench, reservation, "capacityReservationId").await?;
    let search = format!("Action=DescribeCapacityBlockOfferings&{BLOCK}");
    let block_offering = made(bench, &search, "capacityBlockOfferingId").await?;
    let spare_group = made(bench, &format!("{group}spare"), "groupId").await?;
    let group = made(bench, &format!("{group}mine"), "groupId").await?;
    let inbound = format!(
        "Action=AuthorizeSecurityGroupIngress&GroupId={group}&IpProtocol=-1&CidrIp=10.0.0.0/8"
    );
    let inbound = made(bench, &inbound, "securityGroupRuleId").await?;
    made(bench, "Action=CreatePlacementGroup&GroupName=mine", "state").await?;
    let template = "LaunchTemplateName=mine&LaunchTemplateData.InstanceType=g5.12xlarge";
    made(bench, &format!("Action=CreateLaunchTemplate&{template}"), "launchTemplateId").await?;
    let subnet = super::launch::subnet(bench, 0);
    let interface = format!("Action=CreateNetworkInterface&SubnetId={subnet}");
    let interface = made(bench, &interface, "networkInterfaceId").await?;
    let address = made(bench, "Action=AllocateAddress", "allocationId").await?;
    let associate = format!("Action=AssociateAddress&AllocationId={address}&InstanceId={instance}");
    let association = made(bench, &associate, "associationId").await?;
    let mut state = bench.region.inner.state();
    let outbound = state.ec2.groups[&group].rules[0].id.clone();
    let ami = state.ec2.images.keys().next().unwrap().clone();
    let own_ami = "ami-00000000000000001".to_owned();
    let image = crate::state::ec2::Image {
        id: own_ami.clone(),
        owner: "111122223333".to_owned(),
        ..state.ec2.images[&ami].clone()
    };
    let loose_snapshot = "snap-00000000000000001".to_owned();
    let loose = crate::state::ec2::Image { snapshot_id: loose_snapshot.clone(), ..image.clone() };
    state.ec2.loose_snapshots.insert(loose_snapshot.clone(), loose);
    state.ec2.images.insert(own_ami.clone(), image);
    let rules = [inbound, outbound];
    Ok(World {
        ami,
        own_ami,
        loose_snapshot,
        instance,
        group,
        spare_group,
        rules,
        spot_request,
        reservation,
        block_offering,
        subnet,
        interface,
        address,
        association,
    })
}

/// A request that would succeed, for an operation that describes nothing.
fn request(world: &World, operation: &str) -> String {
    let World { instance, group, rules, interface, address, .. } = world;
    match operation {
        "RunInstances" => {
            format!("ImageId={}&InstanceType=g5.12xlarge&MinCount=1&MaxCount=1", world.ami)
        }
        "TerminateInstances" | "RebootInstances" | "StopInstances" | "StartInstances" => {
            format!("InstanceId.1={instance}")
        }
        "GetConsoleOutput" => format!("InstanceId={instance}"),
        "DescribeInstanceAttribute" => format!("InstanceId={instance}&Attribute=userData"),
        "ModifyInstanceAttribute" => {
            format!("InstanceId={instance}&DisableApiTermination.Value=true")
        }
        "ModifyInstanceMetadataOptions" => format!("InstanceId={instance}&HttpTokens=required"),
        "CreateTags" | "DeleteTags" => format!("ResourceId.1={instance}&Tag.1.Key=k"),
        "ModifySnapshotAttribute" => format!(
            "SnapshotId={}&CreateVolumePermission.Add.1.UserId=222233334444",
            world.loose_snapshot
        ),
        "DescribeSnapshotAttribute" => {
            format!("SnapshotId={}&Attribute=createVolumePermission", world.loose_snapshot)
        }
        "DeleteSnapshot" => format!("SnapshotId={}", world.loose_snapshot),
        "DeregisterImage" | "DisableImageDeprecation" => format!("ImageId={}", world.own_ami),
        "CopyImage" => {
            format!("Name=copy&SourceRegion=us-east-1&SourceImageId={}", world.own_ami)
        }
        "ModifyImageAttribute" => format!("ImageId={}&ImdsSupport.Value=v2.0", world.own_ami),
        "DescribeImageAttribute" => {
            format!("ImageId={}&Attribute=launchPermission", world.own_ami)
        }
        "EnableImageDeprecation" => {
            format!("ImageId={}&DeprecateAt=2030-01-01T00:00:00Z", world.own_ami)
        }
        "CreateSecurityGroup" => "GroupName=new&GroupDescription=d".to_owned(),
        "DeleteSecurityGroup" => format!("GroupId={}", world.spare_group),
        "AuthorizeSecurityGroupIngress" | "AuthorizeSecurityGroupEgress" => {
            format!("GroupId={group}&IpPermissions.1.IpProtocol=-1&IpPermissions.1.IpRanges.1.CidrIp=11.0.0.0/8")
        }
        "RevokeSecurityGroupIngress" => {
            format!("GroupId={group}&SecurityGroupRuleId.1={}", rules[0])
        }
        "RevokeSecurityGroupEgress" => {
            format!("GroupId={group}&SecurityGroupRuleId.1={}", rules[1])
        }
        "CreatePlacementGroup" => "GroupName=new".to_owned(),
        "CreateLaunchTemplate" => {
            "LaunchTemplateName=new&LaunchTemplateData.InstanceType=g5.12xlarge".to_owned()
        }
        "DescribeLaunchTemplateVersions" | "DeleteLaunchTemplate" => {
            "LaunchTemplateName=mine".to_owned()
        }
        "DeletePlacementGroup" => "GroupName=mine".to_owned(),
        "CancelSpotInstanceRequests" => format!("SpotInstanceRequestId.1={}", world.spot_request),
        "CreateCapacityReservation" => {
            "InstanceType=g5.12xlarge&InstancePlatform=Linux/UNIX&AvailabilityZone=us-east-1a&InstanceCount=1".to_owned()
        }
        "DescribeCapacityBlockOfferings" => BLOCK.to_owned(),
        "PurchaseCapacityBlock" => {
            let id = &world.block_offering;
            format!("CapacityBlockOfferingId={id}&InstancePlatform=Linux/UNIX")
        }
        "CancelCapacityReservation" => format!("CapacityReservationId={}", world.reservation),
        "CreateNetworkInterface" => format!("SubnetId={}", world.subnet),
        "ModifyNetworkInterfaceAttribute" => {
            format!("NetworkInterfaceId={interface}&Description.Value=new")
        }
        "DeleteNetworkInterface" => format!("NetworkInterfaceId={interface}"),
        "AssociateAddress" => format!("AllocationId={address}&NetworkInterfaceId={interface}"),
        "DisassociateAddress" => format!("AssociationId={}", world.association),
        "ReleaseAddress" => format!("AllocationId={address}"),
        _ => String::new(),
    }
}

/// All that a call could change.
fn told(bench: &Bench) -> String {
    let state = bench.region.inner.state();
    let ec2 = &state.ec2;
    format!(
        "{:?}",
        (
            &ec2.instances,
            &ec2.groups,
            &ec2.launch_templates,
            &ec2.placement_groups,
            &ec2.images,
            &ec2.reservations,
            &ec2.tags,
            &ec2.spot_requests
        )
    )
}

async fn dry_runs_do_nothing(bench: Bench) -> Found {
    let world = world(&bench).await?;
    let before = told(&bench);
    for operation in operations() {
        let body = format!("Action={operation}&DryRun=true&{}", request(&world, operation));
        let (status, text) = bench.query("ec2", &body).await;
        refused(&text, "DryRunOperation").map_err(|why| format!("{operation}: {why}"))?;
        same(status, StatusCode::PRECONDITION_FAILED)?;
    }
    same(told(&bench) == before, true)
}

async fn dry_runs_are_denied(bench: Bench) -> Found {
    let world = world(&bench).await?;
    role(&bench, "nobody", json!({"AWS": "arn:aws:iam::111122223333:root"})).await;
    let nobody = assume(&bench, None, "nobody", "").await?;
    for operation in operations() {
        let body = format!("Action={operation}&DryRun=true&{}", request(&world, operation));
        let sent = bench.send("ec2", Some(&nobody), &[], Method::POST, "/", &body);
        let (status, text) = sent.await;
        refused(&text, "UnauthorizedOperation").map_err(|why| format!("{operation}: {why}"))?;
        same(status, StatusCode::FORBIDDEN)?;
    }
    Ok(())
}

pub fn cases() -> Vec<Case> {
    vec![
        case(&rules::UNKNOWN_PARAMETER, async |bench: Bench| {
            for bad in [
                "DescribeInstances&Colour=red",
                "DescribeInstances&Filter.1.Name=tag-key&Filter.1.Value=k",
                "DescribeInstances&Filter.Name=tag-key",
                "CreateSecurityGroup&GroupName=g&GroupDescription=d&Description=d",
                "RunInstances&SecurityGroupIds.1=sg-1",
            ] {
                let (_, text) = bench.query("ec2", &format!("Action={bad}")).await;
                refused(&text, "UnknownParameter").map_err(|why| format!("{bad}: {why}"))?;
            }
            let good = "Action=DescribeInstances&Version=2016-11-15&Filter.1.Name=tag-key&Filter.1.Value.1=k";
            accepted(&bench.query("ec2", good).await.1)
        }),
        case(&rules::DRY_RUN, dry_runs_do_nothing),
        case(&rules::DRY_RUN_DENIED, dry_runs_are_denied),
    ]
}
