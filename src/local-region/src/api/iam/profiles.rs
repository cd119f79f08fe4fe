//! Instance profiles.

use super::{add_tags, conflict, missing, name, no_role, page, path, roles};
use crate::api::{Answer, ApiError, Call, params::Params, tags, tags::Tags, timestamp};
use crate::rules::iam as rules;
use crate::state::iam::{Iam, Profile};
use crate::state::ids;
use crate::windows::PROFILE_VISIBLE;
use jiff::Timestamp;
use serde_json::{Value, json};

const FIELD: &str = "InstanceProfileName";

fn unknown(name: &str) -> ApiError {
    missing(&format!("Instance Profile {name} cannot be found."))
}

fn show(iam: &Iam, profile: &Profile) -> Value {
    let role = profile.role.as_ref().and_then(|name| iam.roles.get(name));
    json!({
        "Path": profile.path,
        "InstanceProfileName": profile.name,
        "InstanceProfileId": profile.id,
        "Arn": profile.arn,
        "CreateDate": profile.created,
        "Roles": role.map(roles::show).into_iter().collect::<Vec<_>>(),
        "Tags": tags::list(&profile.tags, "Key", "Value"),
    })
}

/// When launches see what is made now.
fn visible(call: &Call<'_>) -> Timestamp {
    let now = call.region.clock.now();
    now.saturating_add(call.region.windows.of(&PROFILE_VISIBLE)).unwrap_or(now)
}

/// CreateInstanceProfile.
pub fn create(call: &Call<'_>, p: &Params) -> Answer {
    let name = name(call, p, FIELD, 128)?.to_owned();
    let path = path(call, p)?;
    let mut tags = Tags::new();
    add_tags(p, &mut tags)?;
    let mut state = call.state();
    let taken = state.iam.profiles.keys().any(|other| other.eq_ignore_ascii_case(&name));
    call.region.rules.check(&rules::PROFILE_EXISTS, !taken, || {
        conflict("EntityAlreadyExists", format!("Instance Profile {name} already exists."))
    })?;
    let profile = Profile {
        id: ids::unique("AIPA"),
        arn: format!("arn:aws:iam::{}:instance-profile{path}{name}", call.region.config.account_id),
        path,
        created: timestamp(),
        visible: visible(call),
        role: None,
        role_visible: visible(call),
        tags,
        name: name.clone(),
    };
    let answer = json!({ "InstanceProfile": show(&state.iam, &profile) });
    state.iam.profiles.insert(name, profile);
    Ok(answer)
}

/// GetInstanceProfile.
pub fn get(call: &Call<'_>, p: &Params) -> Answer {
    let name = name(call, p, FIELD, 128)?;
    let state = call.state();
    let profile = state.iam.profiles.get(name).ok_or_else(|| unknown(name))?;
    Ok(json!({ "InstanceProfile": show(&state.iam, profile) }))
}

/// ListInstanceProfiles.
pub fn list(call: &Call<'_>, p: &Params) -> Answer {
    let prefix = p.get("PathPrefix").unwrap_or("/").to_owned();
    let state = call.state();
    let shown: Vec<Value> = state
        .iam
        .profiles
        .values()
        .filter(|profile| profile.path.starts_with(&prefix))
        .map(|profile| show(&state.iam, profile))
        .collect();
    page(call, p, "InstanceProfiles", shown)
}

/// ListInstanceProfilesForRole.
pub fn list_for_role(call: &Call<'_>, p: &Params) -> Answer {
    let role = name(call, p, "RoleName", 64)?;
    let state = call.state();
    if !state.iam.roles.contains_key(role) {
        return Err(no_role(role));
    }
    let shown: Vec<Value> = state
        .iam
        .profiles
        .values()
        .filter(|profile| profile.role.as_deref() == Some(role))
        .map(|profile| show(&state.iam, profile))
        .collect();
    page(call, p, "InstanceProfiles", shown)
}

/// AddRoleToInstanceProfile; a profile holds one role.
pub fn add_role(call: &Call<'_>, p: &Params) -> Answer {
    let profile_name = name(call, p, FIELD, 128)?;
    let role = name(call, p, "RoleName", 64)?.to_owned();
    let mut state = call.state();
    if !state.iam.roles.contains_key(&role) {
        return Err(no_role(&role));
    }
    let profile = state.iam.profiles.get_mut(profile_name).ok_or_else(|| unknown(profile_name))?;
    call.region.rules.check(&rules::ONE_ROLE, profile.role.is_none(), || {
        let message = "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1";
        conflict("LimitExceeded", message)
    })?;
    profile.role = Some(role);
    profile.role_visible = visible(call);
    Ok(json!({}))
}

/// RemoveRoleFromInstanceProfile.
pub fn remove_role(call: &Call<'_>, p: &Params) -> Answer {
    let role = name(call, p, "RoleName", 64)?;
    change(call, p, |profile| {
        if profile.role.as_deref() != Some(role) {
            return Err(no_role(role));
        }
        profile.role = None;
        Ok(())
    })
}

/// DeleteInstanceProfile; refused while it holds a role.
pub fn delete(call: &Call<'_>, p: &Params) -> Answer {
    let name = name(call, p, FIELD, 128)?;
    let mut state = call.state();
    let profile = state.iam.profiles.get(name).ok_or_else(|| unknown(name))?;
    call.region.rules.check(&rules::PROFILE_IN_USE, profile.role.is_none(), || {
        let message = "Cannot delete entity, must remove roles from instance profile first.";
        conflict("DeleteConflict", message)
    })?;
    state.iam.profiles.remove(name);
    Ok(json!({}))
}

/// TagInstanceProfile.
pub fn tag(call: &Call<'_>, p: &Params) -> Answer {
    change(call, p, |profile| add_tags(p, &mut profile.tags))
}

/// UntagInstanceProfile.
pub fn untag(call: &Call<'_>, p: &Params) -> Answer {
    let keys = p.list("TagKeys");
    change(call, p, |profile| {
        profile.tags.retain(|key, _| !keys.contains(key));
        Ok(())
    })
}

/// ListInstanceProfileTags.
pub fn list_tags(call: &Call<'_>, p: &Params) -> Answer {
    let name = name(call, p, FIELD, 128)?;
    let state = call.state();
    let profile = state.iam.profiles.get(name).ok_or_else(|| unknown(name))?;
    page(call, p, "Tags", tags::entries(&profile.tags, "Key", "Value"))
}

fn change(
    call: &Call<'_>,
    p: &Params,
    change: impl FnOnce(&mut Profile) -> Result<(), ApiError>,
) -> Answer {
    let name = name(call, p, FIELD, 128)?;
    let mut state = call.state();
    change(state.iam.profiles.get_mut(name).ok_or_else(|| unknown(name))?)?;
    Ok(json!({}))
}
