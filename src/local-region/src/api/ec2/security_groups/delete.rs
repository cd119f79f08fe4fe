//! DeleteSecurityGroup.

use super::super::dry_run;
use super::find;
use crate::api::{Answer, ApiError, Call, params::Params};
use crate::rules::security_groups as table;
use crate::state::ec2::{Ec2, Peer};
use serde_json::json;

/// Deletes a group that nothing uses.
pub fn delete(call: &Call<'_>, p: &Params) -> Answer {
    let in_force = &call.region.rules;
    let mut state = call.state();
    let id = find(&state, p)?;
    let default = state.ec2.groups.get(&id).is_some_and(|group| group.name == "default");
    in_force.check(&table::DEFAULT_STAYS, !default, || {
        let message =
            format!("the specified group: \"{id}\" name: \"default\" cannot be deleted by a user");
        ApiError::new("CannotDelete", message)
    })?;
    let used =
        || ApiError::new("DependencyViolation", format!("resource {id} has a dependent object"));
    in_force.check(&table::USED_BY_INTERFACE, !on_interface(&state.ec2, &id), used)?;
    in_force.check(&table::USED_BY_RULE, !in_rule(&state.ec2, &id), used)?;
    dry_run(p)?;
    if let Some(group) = state.ec2.groups.remove(&id) {
        for rule in group.rules {
            state.ec2.tags.remove(&rule.id);
        }
    }
    state.ec2.tags.remove(&id);
    Ok(json!({"return": true, "groupId": id}))
}

fn on_interface(ec2: &Ec2, id: &str) -> bool {
    let has = |groups: &[String]| groups.iter().any(|group| group == id);
    ec2.all_interfaces().any(|(_, n)| has(&n.group_ids))
}

fn in_rule(ec2: &Ec2, id: &str) -> bool {
    let names = |peer: &Peer| matches!(peer, Peer::Group(other) if other == id);
    ec2.groups
        .values()
        .any(|group| group.id != id && group.rules.iter().any(|rule| names(&rule.peer)))
}
