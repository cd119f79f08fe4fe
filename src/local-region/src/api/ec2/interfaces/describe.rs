//! DescribeNetworkInterfaces.

use super::super::paging::{self, page};
use super::super::{dry_run, filter::Filters, tag_set};
use super::check_id;
use crate::api::{Answer, Call, params::Params};
use crate::rules::pagination;
use crate::state::ec2::{Ec2, Instance, InstanceState};
use crate::state::interfaces::Interface;
use serde_json::{Value, json};

const FILTERS: &[&str] = &[
    "addresses.private-ip-address",
    "association.allocation-id",
    "association.public-ip",
    "attachment.attachment-id",
    "attachment.delete-on-termination",
    "attachment.device-index",
    "attachment.instance-id",
    "attachment.status",
    "availability-zone",
    "description",
    "group-id",
    "group-name",
    "interface-type",
    "mac-address",
    "network-interface-id",
    "owner-id",
    "private-ip-address",
    "source-dest-check",
    "status",
    "subnet-id",
    "vpc-id",
];

/// Values of a filter: what the answer shows at the place the filter means.
fn field(shown: &Value, name: &str) -> Vec<String> {
    let at = |pointer: &str| -> Vec<String> {
        let value = shown.pointer(pointer).filter(|value| !value.is_null());
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        value.map(text).into_iter().collect()
    };
    let each = |key: &str| -> Vec<String> {
        let groups = shown["groupSet"].as_array().into_iter().flatten();
        groups.filter_map(|group| group[key].as_str().map(str::to_owned)).collect()
    };
    match name {
        "addresses.private-ip-address" | "private-ip-address" => at("/privateIpAddress"),
        "association.allocation-id" => at("/association/allocationId"),
        "association.public-ip" => at("/association/publicIp"),
        "attachment.attachment-id" => at("/attachment/attachmentId"),
        "attachment.delete-on-termination" => at("/attachment/deleteOnTermination"),
        "attachment.device-index" => at("/attachment/deviceIndex"),
        "attachment.instance-id" => at("/attachment/instanceId"),
        "attachment.status" => at("/attachment/status"),
        "availability-zone" => at("/availabilityZone"),
        "description" => at("/description"),
        "group-id" => each("groupId"),
        "group-name" => each("groupName"),
        "interface-type" => at("/interfaceType"),
        "mac-address" => at("/macAddress"),
        "network-interface-id" => at("/networkInterfaceId"),
        "owner-id" => at("/ownerId"),
        "source-dest-check" => at("/sourceDestCheck"),
        "status" => at("/status"),
        "subnet-id" => at("/subnetId"),
        _ => at("/vpcId"),
    }
}

/// Interfaces by id and filter.
pub fn describe(call: &Call<'_>, p: &Params) -> Answer {
    let filters = Filters::read(call, p, FILTERS)?;
    let ids = p.list("NetworkInterfaceId");
    let whole = (&pagination::INTERFACE_IDS, "networkInterfaceIdSet");
    paging::whole_if_by_id(call, p, &ids, whole)?;
    let state = call.state();
    for id in &ids {
        check_id(&state, id)?;
    }
    dry_run(p)?;
    let ec2 = &state.ec2;
    let account = &call.region.config.account_id;
    let shown = ec2
        .all_interfaces()
        .filter(|(_, n)| ids.is_empty() || ids.contains(&n.id))
        .map(|(instance, n)| (n, show(ec2, instance, n, account)))
        .filter(|(n, shown)| filters.keep(&ec2.tags_of(&n.id), |name| field(shown, name)))
        .map(|(_, shown)| shown)
        .collect();
    let (items, next) = page(call, shown, p, (5, 1000))?;
    Ok(json!({"networkInterfaceSet": items, "nextToken": next}))
}

/// An interface as the API shows it.
pub fn show(ec2: &Ec2, instance: Option<&Instance>, n: &Interface, account: &str) -> Value {
    let mut shown = base(ec2, instance, n, account);
    let subnet = ec2.subnets.iter().find(|subnet| subnet.id == n.subnet_id);
    shown["availabilityZone"] = json!(subnet.map(|subnet| subnet.zone));
    shown["requesterManaged"] = json!(false);
    shown["tagSet"] = tag_set(&ec2.tags_of(&n.id));
    if let Some(instance) = instance {
        shown["attachment"]["instanceId"] = json!(instance.id);
        shown["attachment"]["instanceOwnerId"] = json!(account);
    }
    if let Some(address) = ec2.address_of(&n.id) {
        let association = address.association.as_ref().map(|association| &association.id);
        shown["association"]["allocationId"] = json!(address.id);
        shown["association"]["associationId"] = json!(association);
        shown["privateIpAddressesSet"][0]["association"] = shown["association"].clone();
    }
    shown
}

/// The same inside its instance, where less is told.
pub fn show_inside(ec2: &Ec2, instance: &Instance, n: &Interface, account: &str) -> Value {
    base(ec2, Some(instance), n, account)
}

fn base(ec2: &Ec2, instance: Option<&Instance>, n: &Interface, account: &str) -> Value {
    let elastic = ec2.address_of(&n.id).map(|address| (address.public_ip, account));
    let amazon = || instance.filter(|_| n.is_primary())?.public_ip.map(|ip| (ip, "amazon"));
    let association = elastic
        .or_else(amazon)
        .map(|(ip, owner)| json!({"publicIp": ip.to_string(), "ipOwnerId": owner}));
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
        "status": if instance.is_some() { "in-use" } else { "available" },
        "macAddress": n.mac,
        "interfaceType": n.kind,
        "privateIpAddress": n.private_ip.map(|ip| ip.to_string()),
        "privateIpAddressesSet": addresses,
        "association": association,
        "sourceDestCheck": n.source_dest_check,
        "groupSet": groups_of(ec2, n),
        "ipv6AddressesSet": [],
        "attachment": instance.and_then(|instance| attachment(instance, n)),
    })
}

fn attachment(instance: &Instance, n: &Interface) -> Option<Value> {
    let attachment = n.attachment.as_ref()?;
    let ending = instance.state == InstanceState::ShuttingDown;
    Some(json!({
        "attachmentId": attachment.id,
        "deviceIndex": attachment.device,
        "networkCardIndex": attachment.card,
        "status": if ending { "detaching" } else { "attached" },
        "attachTime": instance.launched,
        "deleteOnTermination": attachment.delete_on_termination,
    }))
}

/// Security groups of an interface.
pub fn groups_of(ec2: &Ec2, n: &Interface) -> Value {
    n.group_ids
        .iter()
        .filter_map(|id| ec2.groups.get(id))
        .map(|group| json!({"groupId": group.id, "groupName": group.name}))
        .collect()
}
