//! DeleteNetworkInterface.

use super::super::{done, dry_run, plan::invalid};
use super::check_id;
use crate::api::{Answer, Call, params::Params};
use crate::rules::interfaces as rules;

/// Deletes an interface that is attached to nothing.
pub fn delete(call: &Call<'_>, p: &Params) -> Answer {
    let id = p.need("NetworkInterfaceId")?;
    let mut state = call.state();
    check_id(&state, id)?;
    let attached = state.ec2.interface(id).is_some_and(|(instance, _)| instance.is_some());
    state.rules.check(&rules::DELETE_IN_USE, !attached, || {
        invalid(format!("Network interface '{id}' is currently in use."))
    })?;
    dry_run(p)?;
    if let Some(interface) = state.ec2.interfaces.remove(id) {
        let in_force = state.rules.clone();
        state.ec2.delete_interface(&interface, &in_force);
    }
    done()
}
