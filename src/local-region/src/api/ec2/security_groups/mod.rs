//! Security groups.

mod cidr;
mod create;
mod delete;
mod describe;
mod permission;
pub mod rules;

pub use create::create;
pub use delete::delete;
pub use describe::describe;

use crate::api::{ApiError, params::Params};
use crate::rules::{Rules, security_groups as table};
use crate::state::State;
use crate::state::ec2::Ec2;

/// Most security groups on a network interface.
const MAX_PER_INTERFACE: usize = 5;

/// Text that names and descriptions of groups and rules may hold.
fn is_plain(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || " ._-:/()#,@[]+=&;{}!$*".contains(c);
    text.chars().count() <= 255 && text.chars().all(allowed)
}

/// A group by id or name.
pub fn find(state: &State, p: &Params) -> Result<String, ApiError> {
    if let Some(id) = p.get("GroupId") {
        return check_id(state, id).map(|()| id.to_owned());
    }
    let name = p.need("GroupName")?;
    let id = named(&state.ec2, name);
    state.rules.check(&table::UNKNOWN, id.is_some(), || missing(name))?;
    Ok(id.unwrap_or_default())
}

/// The id of the group of a name.
fn named(ec2: &Ec2, name: &str) -> Option<String> {
    ec2.groups.values().find(|group| group.name == name).map(|group| group.id.clone())
}

fn missing(name: &str) -> ApiError {
    ApiError::new("InvalidGroup.NotFound", format!("The security group '{name}' does not exist"))
}

/// Whether there is a group of this id.
pub fn check_id(state: &State, id: &str) -> Result<(), ApiError> {
    check_form(&state.rules, id)?;
    let known = state.ec2.groups.contains_key(id) && !state.ec2.hides(id);
    state.rules.check(&table::UNKNOWN, known, || missing(id))
}

fn check_form(in_force: &Rules, id: &str) -> Result<(), ApiError> {
    in_force.check(&table::MALFORMED, id.starts_with("sg-"), || {
        let message = format!("Invalid id: \"{id}\" (expecting \"sg-...\")");
        ApiError::new("InvalidGroupId.Malformed", message)
    })
}

/// Groups for a network interface, all known; the default one if none is given.
pub fn of_interface(state: &State, ids: Vec<String>) -> Result<Vec<String>, ApiError> {
    for id in &ids {
        check_id(state, id)?;
    }
    state.rules.check(&table::PER_INTERFACE, ids.len() <= MAX_PER_INTERFACE, || {
        ApiError::new(
            "SecurityGroupsPerInterfaceLimitExceeded",
            "The maximum number of security groups per interface has been reached.",
        )
    })?;
    if !ids.is_empty() {
        return Ok(ids);
    }
    Ok(named(&state.ec2, "default").into_iter().collect())
}
