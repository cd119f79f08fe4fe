//! StopInstances and StartInstances.

use super::instances::{check_ids, needed_ids};
use super::market::{shortage, unreserved};
use super::{dry_run, power_change, quota};
use crate::api::{Answer, ApiError, Call, params::Params, timestamp_of};
use crate::lifecycle;
use crate::rules::{Rules, instances, power as rules};
use crate::state::State;
use crate::state::capacity::Market;
use crate::state::ec2::{Instance, InstanceState};
use crate::state::power::Cause;
use jiff::Timestamp;
use serde_json::json;
use std::collections::BTreeMap;

/// Powers off all of the instances or, if one may not be, none.
pub fn stop(call: &Call<'_>, p: &Params) -> Answer {
    let ids = needed_ids(call, p)?;
    // Force too lets the system shut down first, and uses force after a while.
    let _ = p.flag("Force")?;
    let orderly = !p.flag("SkipOsShutdown")?;
    let in_force = &call.region.rules;
    let mut state = call.state();
    check_ids(&state, &ids)?;
    in_force.check(&rules::STOP_HIBERNATE, !p.flag("Hibernate")?, || {
        let message = "Hibernation is not configured for the instances.";
        ApiError::new("UnsupportedHibernationConfiguration", message)
    })?;
    for id in &ids {
        may_stop(in_force, &state.ec2.instances[id])?;
    }
    dry_run(p)?;
    let mut changes = Vec::new();
    for id in &ids {
        let Some(instance) = state.ec2.instances.get_mut(id) else { continue };
        let before = instance.state;
        if !matches!(before, InstanceState::Stopping | InstanceState::Stopped) {
            instance.state = InstanceState::Stopping;
            if in_force.on(&rules::REASON) {
                instance.turn(InstanceState::Stopping, &Cause::User(call.region.clock.now()));
            }
            lifecycle::stop(call.region, id, orderly);
        }
        changes.push(power_change(id, instance.state, before));
    }
    Ok(json!({"instancesSet": changes}))
}

fn may_stop(in_force: &Rules, instance: &Instance) -> Result<(), ApiError> {
    use InstanceState as S;
    let id = &instance.id;
    let wrong = |message: String| ApiError::new("IncorrectInstanceState", message);
    let not_so =
        || wrong(format!("This instance '{id}' is not in a state from which it can be stopped."));
    in_force.check(&instances::STOP_PROTECTED, !instance.attributes.disable_api_stop, || {
        let message = format!(
            "The instance '{id}' may not be stopped. Modify its 'disableApiStop' instance attribute and try again."
        );
        ApiError::new("OperationNotPermitted", message)
    })?;
    let one_time = instance.market == Market::Spot && instance.state.holds_resources();
    in_force.check(&rules::STOP_SPOT, !one_time, || {
        ApiError::new(
            "UnsupportedOperation",
            format!("You can't stop the Spot Instance '{id}' because it is associated with a one-time Spot Instance request. You can only stop Spot Instances associated with persistent Spot Instance requests."),
        )
    })?;
    in_force.check(&rules::STOP_PENDING, instance.state != S::Pending, || {
        if instance.has_run {
            return not_so();
        }
        wrong(format!(
            "Instance '{id}' cannot be stopped as it has never reached the 'running' state."
        ))
    })?;
    let kept = !matches!(instance.state, S::ShuttingDown | S::Terminated);
    in_force.check(&rules::STOP_STATE, kept, not_so)?;
    let again = matches!(instance.state, S::Stopping | S::Stopped);
    if again && !in_force.on(&rules::AGAIN) { Err(not_so()) } else { Ok(()) }
}

/// Starts all of the instances or, if one cannot be, none.
pub fn start(call: &Call<'_>, p: &Params) -> Answer {
    let ids = needed_ids(call, p)?;
    let in_force = &call.region.rules;
    let mut state = call.state();
    check_ids(&state, &ids)?;
    for id in &ids {
        may_start(in_force, &state.ec2.instances[id])?;
    }
    let now = call.region.clock.now();
    quota::check_start(&state, &ids, now)?;
    in_force.check(&rules::START_CAPACITY, room(&state, &ids, now), || {
        shortage("Insufficient capacity.")
    })?;
    dry_run(p)?;
    let mut changes = Vec::new();
    for id in &ids {
        let public_ip = state.ec2.free_public_ip();
        let Some(instance) = state.ec2.instances.get_mut(id) else { continue };
        let before = instance.state;
        if !matches!(before, InstanceState::Pending | InstanceState::Running) {
            let launched = instance.started.clone();
            instance.start_again(timestamp_of(now));
            if !in_force.on(&rules::LAUNCH_TIME) {
                instance.started = launched;
            }
            if instance.wants_public_ip && instance.public_ip.is_none() {
                instance.public_ip = public_ip;
            }
            lifecycle::start(call.region, instance);
        }
        changes.push(power_change(id, instance.state, before));
    }
    Ok(json!({"instancesSet": changes}))
}

fn may_start(in_force: &Rules, instance: &Instance) -> Result<(), ApiError> {
    use InstanceState as S;
    let not_so = || {
        let id = &instance.id;
        let message =
            format!("The instance '{id}' is not in a state from which it can be started.");
        ApiError::new("IncorrectInstanceState", message)
    };
    let kept = !matches!(instance.state, S::Stopping | S::ShuttingDown | S::Terminated);
    in_force.check(&rules::START_STATE, kept, not_so)?;
    let again = matches!(instance.state, S::Pending | S::Running);
    if again && !in_force.on(&rules::AGAIN) { Err(not_so()) } else { Ok(()) }
}

/// Whether all that are stopped have room at once.
fn room(state: &State, ids: &[String], now: Timestamp) -> bool {
    let mut wanted = BTreeMap::new();
    let stopped = ids
        .iter()
        .filter_map(|id| state.ec2.instances.get(id))
        .filter(|instance| instance.state == InstanceState::Stopped);
    for i in stopped {
        *wanted.entry((&i.zone, &i.instance_type, i.market)).or_insert(0) += 1;
    }
    wanted.into_iter().all(|((zone, kind, market), count)| {
        unreserved(state, zone, kind, market, now).is_none_or(|room| count <= room)
    })
}
