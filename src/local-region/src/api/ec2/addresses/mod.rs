//! Elastic IP addresses: AllocateAddress, DescribeAddresses, ReleaseAddress.

mod associate;

pub use associate::{associate, disassociate};

use super::{done, dry_run, filter::Filters, tag_set, tag_specifications};
use crate::api::{Answer, ApiError, Call, params::Params};
use crate::rules::addresses as rules;
use crate::state::State;
use crate::state::addresses::Address;
use crate::state::{ec2::Ec2, ids};
use serde_json::{Value, json};

/// Addresses of an account in a region.
const MAX_ADDRESSES: usize = 5;

const FILTERS: &[&str] = &[
    "allocation-id",
    "association-id",
    "instance-id",
    "network-interface-id",
    "network-interface-owner-id",
    "private-ip-address",
    "public-ip",
];

/// Whether the address is allocated.
fn check_id(state: &State, id: &str) -> Result<(), ApiError> {
    state.rules.check(&rules::UNKNOWN, state.ec2.addresses.contains_key(id), || {
        let message = format!("The allocation ID '{id}' does not exist");
        ApiError::new("InvalidAllocationID.NotFound", message)
    })
}

/// AllocateAddress.
pub fn allocate(call: &Call<'_>, p: &Params) -> Answer {
    let in_force = &call.region.rules;
    // There is no other: every address is of a VPC.
    let _ = p.get("Domain");
    tag_specifications::check(in_force, p, &["elastic-ip"])?;
    let tags = tag_specifications::specified(in_force, p, "elastic-ip")?;
    let mut state = call.state();
    let full = || {
        ApiError::new("AddressLimitExceeded", "The maximum number of addresses has been reached.")
    };
    in_force.check(&rules::LIMIT, state.ec2.addresses.len() < MAX_ADDRESSES, full)?;
    let public_ip = state.ec2.free_public_ip().ok_or_else(full)?;
    dry_run(p)?;
    let address = Address { id: ids::resource("eipalloc"), public_ip, association: None };
    if !tags.is_empty() {
        state.ec2.tags.insert(address.id.clone(), tags);
    }
    let region = &call.region.config.region;
    let shown = json!({
        "allocationId": address.id, "publicIp": public_ip.to_string(), "domain": "vpc",
        "publicIpv4Pool": "amazon", "networkBorderGroup": region,
    });
    state.ec2.addresses.insert(address.id.clone(), address);
    Ok(shown)
}

fn show(call: &Call<'_>, ec2: &Ec2, address: &Address) -> Value {
    let association = address.association.as_ref();
    let interface = association.and_then(|a| ec2.interface(&a.interface_id));
    let instance = interface.and_then(|(instance, _)| instance);
    let account = &call.region.config.account_id;
    json!({
        "allocationId": address.id,
        "publicIp": address.public_ip.to_string(),
        "domain": "vpc",
        "publicIpv4Pool": "amazon",
        "networkBorderGroup": call.region.config.region,
        "associationId": association.map(|a| &a.id),
        "instanceId": instance.map(|instance| &instance.id),
        "networkInterfaceId": interface.map(|(_, n)| &n.id),
        "networkInterfaceOwnerId": interface.map(|_| account),
        "privateIpAddress": interface.and_then(|(_, n)| n.private_ip).map(|ip| ip.to_string()),
        "tagSet": tag_set(&ec2.tags_of(&address.id)),
    })
}

/// DescribeAddresses.
pub fn describe(call: &Call<'_>, p: &Params) -> Answer {
    let filters = Filters::read(call, p, FILTERS)?;
    let ids = p.list("AllocationId");
    let public_ips = p.list("PublicIp");
    let state = call.state();
    let ec2 = &state.ec2;
    for id in &ids {
        check_id(&state, id)?;
    }
    let known = |ip: &String| ec2.addresses.values().any(|a| a.public_ip.to_string() == *ip);
    if let Some(ip) = public_ips.iter().find(|ip| !known(ip)) {
        return Err(ApiError::new("InvalidAddress.NotFound", format!("Address '{ip}' not found.")));
    }
    dry_run(p)?;
    let field = |shown: &Value, name: &str| -> Vec<String> {
        let key = match name {
            "allocation-id" => "allocationId",
            "association-id" => "associationId",
            "instance-id" => "instanceId",
            "network-interface-id" => "networkInterfaceId",
            "network-interface-owner-id" => "networkInterfaceOwnerId",
            "private-ip-address" => "privateIpAddress",
            _ => "publicIp",
        };
        shown[key].as_str().map(str::to_owned).into_iter().collect()
    };
    let shown: Vec<Value> = ec2
        .addresses
        .values()
        .filter(|a| ids.is_empty() || ids.contains(&a.id))
        .filter(|a| public_ips.is_empty() || public_ips.contains(&a.public_ip.to_string()))
        .map(|a| (a, show(call, ec2, a)))
        .filter(|(a, shown)| filters.keep(&ec2.tags_of(&a.id), |name| field(shown, name)))
        .map(|(_, shown)| shown)
        .collect();
    Ok(json!({ "addressesSet": shown }))
}

/// ReleaseAddress. In the default VPC, as here, an association ends with it.
pub fn release(call: &Call<'_>, p: &Params) -> Answer {
    let id = p.need("AllocationId")?;
    let mut state = call.state();
    check_id(&state, id)?;
    let association = state.ec2.addresses.get(id).and_then(|a| a.association.clone());
    let taken = association.is_some() && !state.rules.on(&rules::RELEASED_DISASSOCIATED);
    if taken {
        return Err(ApiError::new("InvalidIPAddress.InUse", format!("Address {id} is in use.")));
    }
    dry_run(p)?;
    if let Some(ended) = association {
        state.ec2.disassociate(|association| association.id == ended.id);
    }
    state.ec2.addresses.remove(id);
    state.ec2.tags.remove(id);
    done()
}
