//! Zones, the default VPC and its subnets.

use super::{dry_run, filter::Filters, paging::page, tag_set};
use crate::api::{Answer, ApiError, Call, params::Params, tags::Tags};
use crate::elsewhere;
use crate::state::ec2::ZONES;
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

/// DescribeRegions: those that every account has.
pub fn regions(call: &Call<'_>, p: &Params) -> Answer {
    let filters = Filters::read(call, p, &["endpoint", "opt-in-status", "region-name"])?;
    let _ = p.flag("AllRegions")?;
    let names = elsewhere::names(call.region);
    let wanted = p.list("RegionName");
    if let Some(other) = wanted.iter().find(|other| !names.contains(*other)) {
        return Err(ApiError::new("InvalidParameterValue", format!("Invalid region: [{other}]")));
    }
    dry_run(p)?;
    let endpoint = |name: &str| format!("ec2.{name}.amazonaws.com");
    let kept = |name: &&String| {
        (wanted.is_empty() || wanted.contains(name))
            && filters.keep(&Tags::new(), |field| {
                vec![match field {
                    "endpoint" => endpoint(name),
                    "region-name" => (*name).clone(),
                    _ => "opt-in-not-required".to_owned(),
                }]
            })
    };
    let shown = names.iter().filter(kept).map(|name| {
        json!({
            "regionName": name, "regionEndpoint": endpoint(name),
            "optInStatus": "opt-in-not-required",
        })
    });
    Ok(json!({"regionInfo": shown.collect::<Vec<_>>()}))
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
