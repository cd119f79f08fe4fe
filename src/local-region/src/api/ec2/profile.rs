//! The instance profile of a launch.

use super::plan::{combination, invalid};
use crate::api::{ApiError, Call, params::Params};
use crate::rules::iam as rules;
use crate::state::State;
use crate::state::iam::{Iam, Profile};
use jiff::Timestamp;

/// How the request names its profile: the parameter and what it is called in a refusal.
struct Named<'a> {
    parameter: &'static str,
    what: &'static str,
    value: &'a str,
}

impl<'a> Named<'a> {
    fn read(p: &'a Params) -> Result<Option<Self>, ApiError> {
        let name = p.get("IamInstanceProfile.Name");
        let arn = p.get("IamInstanceProfile.Arn");
        match (name, arn) {
            (Some(_), Some(_)) => Err(combination(
                "The parameter 'iamInstanceProfile.name' may not be used in combination with 'iamInstanceProfile.arn'",
            )),
            (Some(value), None) => Ok(Some(Self { parameter: "name", what: "name", value })),
            (None, Some(value)) => Ok(Some(Self { parameter: "arn", what: "ARN", value })),
            (None, None) => Ok(None),
        }
    }

    fn find<'i>(&self, iam: &'i Iam) -> Option<&'i Profile> {
        match self.parameter {
            "name" => iam.profiles.get(self.value),
            _ => iam.profiles.values().find(|profile| profile.arn == self.value),
        }
    }
}

/// Name of the profile, if it can be used now.
pub fn named(state: &State, p: &Params, now: Timestamp) -> Result<Option<String>, ApiError> {
    let Some(named) = Named::read(p)? else { return Ok(None) };
    let in_force = &state.rules;
    let unseen = || {
        let Named { parameter, what, value } = &named;
        invalid(format!(
            "Value ({value}) for parameter iamInstanceProfile.{parameter} is invalid. Invalid IAM Instance Profile {what}"
        ))
    };
    let found = named.find(&state.iam);
    in_force.check(&rules::PROFILE_UNKNOWN, found.is_some(), unseen)?;
    let Some(profile) = found else { return Ok(None) };
    in_force.check(&rules::PROFILE_VISIBLE, profile.visible <= now, unseen)?;
    let no_role =
        || invalid(format!("IAM Instance Profile \"{}\" has no associated IAM Roles", profile.arn));
    in_force.check(&rules::PROFILE_EMPTY, profile.role.is_some(), no_role)?;
    in_force.check(&rules::PROFILE_ROLE_VISIBLE, profile.role_visible <= now, no_role)?;
    Ok(Some(profile.name.clone()))
}

/// Refuses a launch that hands a machine a role the caller may not pass.
pub fn pass_role(call: &Call<'_>, p: &Params) -> Result<(), ApiError> {
    let Some(named) = Named::read(p)? else { return Ok(()) };
    let arn = {
        let state = call.state();
        let role = named.find(&state.iam).and_then(|profile| profile.role.as_ref());
        role.and_then(|name| state.iam.roles.get(name)).map(|role| role.arn.clone())
    };
    arn.map_or(Ok(()), |arn| call.pass_role(&arn, "ec2.amazonaws.com"))
}
