//! CreateNetworkInterface.

use super::super::{dry_run, security_groups, tag_specifications};
use super::{kind, show};
use crate::api::{Answer, ApiError, Call, params::Params};
use crate::rules::{capacity, interfaces as rules, launch};
use crate::state::interfaces::Interface;
use serde_json::json;

/// Makes an interface that is attached to nothing.
pub fn create(call: &Call<'_>, p: &Params) -> Answer {
    let in_force = &call.region.rules;
    let account = &call.region.config.account_id;
    let mut state = call.state();
    let token = p.get("ClientToken").unwrap_or_default().to_owned();
    let fingerprint = p.fingerprint(&["DryRun"]);
    if let Some((old, id)) = state.ec2.interface_tokens.get(&token)
        && in_force.on(&rules::TOKEN)
    {
        in_force.check(&rules::TOKEN, *old == fingerprint, || {
            ApiError::new(
                "IdempotentParameterMismatch",
                "Arguments on this idempotent request are inconsistent with arguments used in previous request(s).",
            )
        })?;
        p.read_all();
        let (instance, made) = state.ec2.interface(id).ok_or_else(|| super::unknown(id))?;
        dry_run(p)?;
        let shown = show(&state.ec2, instance, made, account);
        return Ok(json!({"networkInterface": shown, "clientToken": token}));
    }
    let subnet_id = p.need("SubnetId")?;
    let subnet = state.ec2.subnets.iter().position(|subnet| subnet.id == subnet_id);
    in_force.check(&launch::SUBNET, subnet.is_some(), || {
        let message = format!("The subnet ID '{subnet_id}' does not exist");
        ApiError::new("InvalidSubnetID.NotFound", message)
    })?;
    let subnet = subnet.unwrap_or_default();
    let kind = kind(in_force, p.get("InterfaceType"))?;
    let group_ids = security_groups::of_interface(&state, p.list("SecurityGroupId"))?;
    tag_specifications::check(in_force, p, &["network-interface"])?;
    let tags = tag_specifications::specified(in_force, p, "network-interface")?;
    let room = kind == "efa-only" || state.ec2.subnets[subnet].free() > 0;
    in_force.check(&capacity::ADDRESSES, room, || {
        let message = format!("There are not enough free addresses in subnet '{subnet_id}'.");
        ApiError::new("InsufficientFreeAddressesInSubnet", message)
    })?;
    dry_run(p)?;
    let description = p.get("Description").unwrap_or_default();
    let made = Interface::new(&mut state.ec2.subnets[subnet], &kind, group_ids, description);
    if !tags.is_empty() {
        state.ec2.tags.insert(made.id.clone(), tags);
    }
    if !token.is_empty() {
        state.ec2.interface_tokens.insert(token.clone(), (fingerprint, made.id.clone()));
    }
    let shown = show(&state.ec2, None, &made, account);
    state.ec2.interfaces.insert(made.id.clone(), made);
    Ok(json!({"networkInterface": shown, "clientToken": token}))
}
