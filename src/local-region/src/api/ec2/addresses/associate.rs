//! AssociateAddress and DisassociateAddress.

use super::super::plan::combination;
use super::super::{done, dry_run, instances, interfaces};
use super::check_id;
use crate::api::{Answer, ApiError, Call, params::Params};
use crate::rules::{addresses as rules, interfaces as of_interfaces};
use crate::state::State;
use crate::state::addresses::Association;
use crate::state::ec2::{Instance, InstanceState};
use crate::state::ids;
use serde_json::json;

/// Lets an address lead to an instance or interface.
pub fn associate(call: &Call<'_>, p: &Params) -> Answer {
    let in_force = &call.region.rules;
    let allocation_id = p.need("AllocationId")?;
    let mut state = call.state();
    check_id(&state, allocation_id)?;
    let interface_id = target(&state, p)?;
    let old = state.ec2.addresses.get(allocation_id).and_then(|a| a.association.clone());
    if let Some(old) = old.as_ref().filter(|old| old.interface_id == interface_id) {
        dry_run(p)?;
        return Ok(json!({"return": true, "associationId": old.id}));
    }
    let forbidden = p.get("AllowReassociation").is_some() && !p.flag("AllowReassociation")?;
    in_force.check(&rules::REASSOCIATION, old.is_none() || !forbidden, || {
        let message =
            format!("resource {allocation_id} is already associated with another resource");
        ApiError::new("Resource.AlreadyAssociated", message)
    })?;
    dry_run(p)?;
    let ec2 = &mut state.ec2;
    let moved = |a: &Association| {
        a.interface_id == interface_id || old.as_ref().is_some_and(|old| old.id == a.id)
    };
    ec2.disassociate(moved);
    // Without the rule the address leads nowhere.
    let interface_id = if in_force.on(&rules::SHOWN) { interface_id } else { String::new() };
    let primary = |i: &&mut Instance| i.interfaces.first().is_some_and(|n| n.id == interface_id);
    // The address out of Amazon's pool goes back to it.
    if let Some(instance) = ec2.instances.values_mut().find(primary) {
        instance.public_ip = None;
    }
    let association = Association { id: ids::resource("eipassoc"), interface_id };
    let answer = json!({"return": true, "associationId": association.id});
    if let Some(address) = ec2.addresses.get_mut(allocation_id) {
        address.association = Some(association);
    }
    Ok(answer)
}

/// The interface that the call means.
fn target(state: &State, p: &Params) -> Result<String, ApiError> {
    let in_force = &state.rules;
    let (instance_id, interface_id) = (p.get("InstanceId"), p.get("NetworkInterfaceId"));
    in_force.check(&rules::TARGET, instance_id.is_some() != interface_id.is_some(), || {
        combination("Either the instance ID or the network interface ID is specified.")
    })?;
    if let Some(id) = interface_id {
        let found = state.ec2.interface(id);
        in_force.check(&of_interfaces::UNKNOWN, found.is_some(), || interfaces::unknown(id))?;
        if let Some((Some(instance), _)) = found {
            check_state(state, instance, "IncorrectInstanceState")?;
        }
        return Ok(id.to_owned());
    }
    let id = instance_id.unwrap_or_default().to_owned();
    instances::check_ids(state, std::slice::from_ref(&id))?;
    let Some(instance) = state.ec2.instances.get(&id) else { return Ok(String::new()) };
    check_state(state, instance, "InvalidInstanceID")?;
    in_force.check(&rules::ONE_INTERFACE, instance.interfaces.len() < 2, || {
        let message = format!(
            "There are multiple interfaces attached to instance '{id}'. Please specify an interface ID for the operation instead."
        );
        ApiError::new("InvalidInstanceID", message)
    })?;
    Ok(instance.interfaces.first().map(|n| n.id.clone()).unwrap_or_default())
}

fn check_state(state: &State, instance: &Instance, code: &str) -> Result<(), ApiError> {
    use InstanceState as S;
    let kept = matches!(instance.state, S::Running | S::Stopping | S::Stopped);
    state.rules.check(&rules::STATE, kept, || {
        let (_, name) = instance.state.told();
        let id = &instance.id;
        let message =
            format!("The {name} instance '{id}' is not in a valid state for this operation.");
        ApiError::new(code, message)
    })
}

/// Ends an association.
pub fn disassociate(call: &Call<'_>, p: &Params) -> Answer {
    let id = p.need("AssociationId")?;
    let mut state = call.state();
    let is = |association: &Association| association.id == id;
    let known = state.ec2.addresses.values().any(|a| a.association.as_ref().is_some_and(is));
    state.rules.check(&rules::ASSOCIATION_UNKNOWN, known, || {
        let message = format!("The association ID '{id}' does not exist");
        ApiError::new("InvalidAssociationID.NotFound", message)
    })?;
    dry_run(p)?;
    state.ec2.disassociate(is);
    done()
}
