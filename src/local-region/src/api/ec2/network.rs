//! Zones, the default VPC, its subnets, and network interfaces.

use super::paging::{self, page};
use super::{dry_run, filter::Filters, tag_set};
use crate::api::{Answer, ApiError, Call, params::Params, tags::Tags};
use crate::rules::pagination;
use crate::state::ec2::{Ec2, Instance, InstanceState, Interface, ZONES};
use serde_json::{Value, json};

/// DescribeAvailabilityZones.
pub fn zones(call: &Call<'_>, p: &Params) -> Answer {
    let filters = Filters::read(
        call,
        p,
        &["zone-name", "zone-id", "state", "region-name", "zone-type", "opt-in-status"],
    )?;
    let names = p.list("ZoneName");
    let ids = p.list("ZoneId");
    let _ = p.flag("AllAvailabilityZones")?;
    dry_run(p)?;
    if let Some(name) = names.iter().find(|name| !ZONES.iter().any(|(zone, _)| zone == name)) {
        return Err(ApiError::new(
            "InvalidParameterValue",
            format!("Invalid availability zone: [{name}]"),
        ));
    }
    let shown: Vec<Value> = ZONES
        .iter()
        .filter(|(name, _)| names.is_empty() || names.iter().any(|n| n == name))
        .filter(|(_, id)| ids.is_empty() || ids.iter().any(|i| i == id))
        .filter(|(name, id)| {
            filters.keep(&Tags::new(), |field| {
                vec![match field {
                    "zone-name" => (*name).to_owned(),
                    "zone-id" => (*id).to_owned(),
                    "state" => "available".to_owned(),
                    "region-name" => "us-east-1".to_owned(),
                    "zone-type" => "availability-zone".to_owned(),
                    _ => "opt-in-not-required".to_owned(),
                }]
            })
        })
        .map(|(name, id)| {
            json!({
                "zoneName": name, "zoneId": id, "zoneState": "available", "regionName": "us-east-1",
                "messageSet": [], "zoneType": "availability-zone", "optInStatus": "opt-in-not-required",
                "groupName": "us-east-1-zg-1", "networkBorderGroup": "us-east-1",
            })
        })
        .collect();
    Ok(json!({"availabilityZoneInfo": shown}))
}

/// DescribeRegions: this one.
pub fn regions(call: &Call<'_>, p: &Params) -> Answer {
    let filters = Filters::read(call, p, &["endpoint", "opt-in-status", "region-name"])?;
    let _ = p.flag("AllRegions")?;
    let name = &call.region.config.region;
    if let Some(other) = p.list("RegionName").iter().find(|other| *other != name) {
        return Err(ApiError::new("InvalidParameterValue", format!("Invalid region: [{other}]")));
    }
    dry_run(p)?;
    let endpoint = format!("ec2.{name}.amazonaws.com");
    let kept = filters.keep(&Tags::new(), |field| {
        vec![match field {
            "endpoint" => endpoint.clone(),
            "region-name" => name.clone(),
            _ => "opt-in-not-required".to_owned(),
        }]
    });
    let shown = json!({
        "regionName": name, "regionEndpoint": endpoint, "optInStatus": "opt-in-not-required",
    });
    Ok(json!({"regionInfo": if kept { vec![shown] } else { Vec::new() }}))
}

/// DescribeVpcs.
pub fn vpcs(call: &Call<'_>, p: &Params) -> Answer {
    let filters = Filters::read(
        call,
        p,
        &["vpc-id", "is-default", "isDefault", "state", "cidr", "owner-id"],
    )?;
    let ids = p.list("VpcId");
    dry_run(p)?;
    let state = call.state();
    let ec2 = &state.ec2;
    if let Some(id) = ids.iter().find(|id| **id != ec2.vpc_id) {
        return Err(ApiError::new(
            "InvalidVpcID.NotFound",
            format!("The vpc ID '{id}' does not exist"),
        ));
    }
    let tags = ec2.tags_of(&ec2.vpc_id);
    let account = &call.region.config.account_id;
    let kept = filters.keep(&tags, |field| {
        vec![match field {
            "vpc-id" => ec2.vpc_id.clone(),
            "is-default" | "isDefault" => "true".to_owned(),
            "state" => "available".to_owned(),
            "cidr" => "10.77.0.0/16".to_owned(),
            _ => account.clone(),
        }]
    });
    let vpc = json!({
        "vpcId": ec2.vpc_id, "ownerId": account, "state": "available", "cidrBlock": "10.77.0.0/16",
        "dhcpOptionsId": "default", "instanceTenancy": "default", "isDefault": true, "tagSet": tag_set(&tags),
        "cidrBlockAssociationSet": [{"cidrBlock": "10.77.0.0/16", "associationId": "vpc-cidr-assoc-local", "cidrBlockState": {"state": "associated"}}],
    });
    let (items, next) = page(call, if kept { vec![vpc] } else { Vec::new() }, p, (5, 1000))?;
    Ok(json!({"vpcSet": items, "nextToken": next}))
}

/// DescribeSubnets.
pub fn subnets(call: &Call<'_>, p: &Params) -> Answer {
    let filters = Filters::read(
        call,
        p,
        &[
            "subnet-id",
            "vpc-id",
            "availability-zone",
            "availabilityZone",
            "availability-zone-id",
            "default-for-az",
            "defaultForAz",
            "state",
            "cidr-block",
            "map-public-ip-on-launch",
        ],
    )?;
    let ids = p.list("SubnetId");
    dry_run(p)?;
    let state = call.state();
    let ec2 = &state.ec2;
    if let Some(id) = ids.iter().find(|id| !ec2.subnets.iter().any(|subnet| subnet.id == **id)) {
        return Err(ApiError::new(
            "InvalidSubnetID.NotFound",
            format!("The subnet ID '{id}' does not exist"),
        ));
    }
    let shown = ec2
        .subnets
        .iter()
        .filter(|subnet| ids.is_empty() || ids.contains(&subnet.id))
        .filter(|subnet| {
            filters.keep(&ec2.tags_of(&subnet.id), |field| {
                vec![match field {
                    "subnet-id" => subnet.id.clone(),
                    "vpc-id" => ec2.vpc_id.clone(),
                    "availability-zone" | "availabilityZone" => subnet.zone.to_owned(),
                    "availability-zone-id" => subnet.zone_id.to_owned(),
                    "state" => "available".to_owned(),
                    "cidr-block" => format!("{}/20", subnet.base),
                    _ => "true".to_owned(),
                }]
            })
        })
        .map(|subnet| {
            json!({
                "subnetId": subnet.id,
                "subnetArn": call.arn(&format!("subnet/{}", subnet.id)),
                "state": "available",
                "ownerId": call.region.config.account_id,
                "vpcId": ec2.vpc_id,
                "cidrBlock": format!("{}/20", subnet.base),
                "availableIpAddressCount": subnet.free(),
                "availabilityZone": subnet.zone,
                "availabilityZoneId": subnet.zone_id,
                "defaultForAz": true,
                "mapPublicIpOnLaunch": true,
                "assignIpv6AddressOnCreation": false,
                "ipv6CidrBlockAssociationSet": [],
                "tagSet": tag_set(&ec2.tags_of(&subnet.id)),
            })
        })
        .collect();
    let (items, next) = page(call, shown, p, (5, 1000))?;
    Ok(json!({"subnetSet": items, "nextToken": next}))
}

/// DescribeNetworkInterfaces.
pub fn interfaces(call: &Call<'_>, p: &Params) -> Answer {
    let filters = Filters::read(
        call,
        p,
        &[
            "network-interface-id",
            "attachment.instance-id",
            "vpc-id",
            "subnet-id",
            "group-id",
            "status",
            "private-ip-address",
            "interface-type",
            "availability-zone",
            "description",
        ],
    )?;
    let ids = p.list("NetworkInterfaceId");
    let whole = (&pagination::INTERFACE_IDS, "networkInterfaceIdSet");
    paging::whole_if_by_id(call, p, &ids, whole)?;
    dry_run(p)?;
    let state = call.state();
    let ec2 = &state.ec2;
    if let Some(id) = ids.iter().find(|id| !ec2.exists(id)) {
        return Err(ApiError::new(
            "InvalidNetworkInterfaceID.NotFound",
            format!("The networkInterface ID '{id}' does not exist"),
        ));
    }
    let account = &call.region.config.account_id;
    let shown = ec2
        .live()
        .flat_map(|instance| instance.interfaces.iter().map(move |n| (instance, n)))
        .filter(|(_, n)| ids.is_empty() || ids.contains(&n.id))
        .filter(|(instance, n)| {
            filters.keep(&ec2.tags_of(&n.id), |field| match field {
                "network-interface-id" => vec![n.id.clone()],
                "attachment.instance-id" => vec![instance.id.clone()],
                "vpc-id" => vec![ec2.vpc_id.clone()],
                "subnet-id" => vec![n.subnet_id.clone()],
                "group-id" => n.group_ids.clone(),
                "status" => vec!["in-use".to_owned()],
                "private-ip-address" => n.private_ip.iter().map(ToString::to_string).collect(),
                "interface-type" => vec![n.kind.clone()],
                "availability-zone" => vec![instance.zone.clone()],
                _ => vec![n.description.clone()],
            })
        })
        .map(|(instance, n)| {
            let mut shown = show_of_instance(ec2, instance, n, account);
            shown["availabilityZone"] = json!(instance.zone);
            shown["requesterManaged"] = json!(false);
            shown["attachment"]["instanceId"] = json!(instance.id);
            shown["attachment"]["instanceOwnerId"] = json!(account);
            shown["tagSet"] = tag_set(&ec2.tags_of(&n.id));
            shown
        })
        .collect();
    let (items, next) = page(call, shown, p, (5, 1000))?;
    Ok(json!({"networkInterfaceSet": items, "nextToken": next}))
}

/// An interface inside its instance.
pub fn show_of_instance(ec2: &Ec2, instance: &Instance, n: &Interface, account: &str) -> Value {
    let attached =
        if instance.state == InstanceState::ShuttingDown { "detaching" } else { "attached" };
    let association = (n.device == 0 && n.card == 0)
        .then_some(instance.public_ip)
        .flatten()
        .map(|ip| json!({"publicIp": ip.to_string(), "ipOwnerId": "amazon"}));
    let addresses: Vec<Value> = n
        .private_ip
        .iter()
        .map(|ip| json!({"privateIpAddress": ip.to_string(), "primary": true, "association": association}))
        .collect();
    json!({
        "networkInterfaceId": n.id,
        "subnetId": n.subnet_id,
        "vpcId": ec2.vpc_id,
        "description": n.description,
        "ownerId": account,
        "status": "in-use",
        "macAddress": n.mac,
        "interfaceType": n.kind,
        "privateIpAddress": n.private_ip.map(|ip| ip.to_string()),
        "privateIpAddressesSet": addresses,
        "association": association,
        "sourceDestCheck": true,
        "groupSet": groups_of(ec2, n),
        "ipv6AddressesSet": [],
        "attachment": {
            "attachmentId": n.attachment_id,
            "deviceIndex": n.device,
            "networkCardIndex": n.card,
            "status": attached,
            "attachTime": instance.launched,
            "deleteOnTermination": true,
        },
    })
}

/// Security groups of an interface.
pub fn groups_of(ec2: &Ec2, n: &Interface) -> Value {
    n.group_ids
        .iter()
        .filter_map(|id| ec2.groups.get(id))
        .map(|group| json!({"groupId": group.id, "groupName": group.name}))
        .collect()
}
