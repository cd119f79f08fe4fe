//! TerminateInstances.

use super::instances::{check_ids, needed_ids};
use super::{dry_run, power_change};
use crate::api::{Answer, ApiError, Call, params::Params};
use crate::lifecycle;
use crate::rules::instances as rules;
use crate::state::State;
use crate::state::ec2::{Instance, InstanceState};
use crate::state::power::Cause;
use serde_json::json;

/// Ends all of the instances or, if one id is wrong, none. If one is
/// protected, those in other zones are ended though the call fails.
pub fn terminate(call: &Call<'_>, p: &Params) -> Answer {
    let ids = needed_ids(call, p)?;
    // What is ended here loses its disk anyway.
    let _ = (p.flag("Force")?, p.flag("SkipOsShutdown")?);
    let mut state = call.state();
    check_ids(&state, &ids)?;
    let (ids, refusal) = unprotected(&state, ids)?;
    match refusal {
        Some(refusal) if p.flag("DryRun")? => return Err(refusal),
        _ => dry_run(p)?,
    }
    let mut changes = Vec::new();
    for id in &ids {
        let Some(instance) = state.ec2.instances.get_mut(id) else { continue };
        let before = instance.state;
        if instance.state.holds_resources() && instance.state != InstanceState::ShuttingDown {
            instance.turn(InstanceState::ShuttingDown, &Cause::User(call.region.clock.now()));
            lifecycle::terminate(call.region, id);
        }
        changes.push(power_change(id, instance.state, before));
    }
    match refusal {
        Some(refusal) => Err(refusal),
        None => Ok(json!({"instancesSet": changes})),
    }
}

/// The instances that may be ended, and the refusal if a protected one keeps
/// some from it.
fn unprotected(
    state: &State,
    ids: Vec<String>,
) -> Result<(Vec<String>, Option<ApiError>), ApiError> {
    let in_force = &state.rules;
    let asked = || ids.iter().filter_map(|id| state.ec2.instances.get(id));
    let again = asked().any(|i| i.state == InstanceState::Terminated);
    if again && !in_force.on(&rules::TERMINATE_AGAIN) {
        let message = "An instance is not in a state from which it can be terminated.";
        return Err(ApiError::new("IncorrectInstanceState", message));
    }
    let live = |i: &&Instance| i.state.holds_resources() && i.state != InstanceState::ShuttingDown;
    let mut refusal = None;
    let mut zones = Vec::new();
    for i in asked().filter(live) {
        let Some(attribute) = i.attributes.protection() else { continue };
        let rule = match attribute {
            "disableApiStop" => &rules::STOP_PROTECTED,
            _ => &rules::PROTECTED,
        };
        let refused = in_force.check(rule, false, || {
            let id = &i.id;
            let message = format!(
                "The instance '{id}' may not be terminated. Modify its '{attribute}' instance attribute and try again."
            );
            ApiError::new("OperationNotPermitted", message)
        });
        if let Err(error) = refused {
            refusal.get_or_insert(error);
            zones.push(i.zone.clone());
        }
    }
    let elsewhere = in_force.on(&rules::PROTECTED_ZONE);
    let free = |id: &String| {
        let zone = state.ec2.instances.get(id).map(|i| &i.zone);
        refusal.is_none() || (elsewhere && zone.is_some_and(|zone| !zones.contains(zone)))
    };
    Ok((ids.iter().filter(|id| free(id)).cloned().collect(), refusal))
}
