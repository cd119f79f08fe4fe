//! Instance profiles.

use super::{add_tags, conflict, missing, name, no_role, path, roles};
use crate::api::{Answer, ApiError, Call, params::Params, tags, tags::Tags, timestamp};
use crate::state::iam::{Iam, Profile};
use crate::state::ids;
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

/// CreateInstanceProfile.
pub fn create(call: &Call<'_>, p: &Params) -> Answer {
    let name = name(p, FIELD, 128)?.to_owned();
    let path = path(p)?;
    let mut tags = Tags::new();
    add_tags(p, &mut tags)?;
    let mut state = call.state();
    if state.iam.profiles.contains_key(&name) {
        return Err(conflict(
            "EntityAlreadyExists",
            format!("Instance Profile {name} already exists."),
        ));
    }
    let profile = Profile {
        id: ids::unique("AIPA"),
        arn: format!("arn:aws:iam::{}:instance-profile{path}{name}", call.region.config.account_id),
        path,
        created: timestamp(),
        role: None,
        tags,
        name: name.clone(),
    };
    let answer = json!({ "InstanceProfile": show(&state.iam, &profile) });
    state.iam.profiles.insert(name, profile);
    Ok(answer)
}

/// GetInstanceProfile.
pub fn get(call: &Call<'_>, p: &Params) -> Answer {
    let name = name(p, FIELD, 128)?;
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
    Ok(json!({"InstanceProfiles": shown, "IsTruncated": false}))
}

/// ListInstanceProfilesForRole.
pub fn list_for_role(call: &Call<'_>, p: &Params) -> Answer {
    let role = name(p, "RoleName", 64)?;
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
    Ok(json!({"InstanceProfiles": shown, "IsTruncated": false}))
}

/// AddRoleToInstanceProfile; a profile holds one role.
pub fn add_role(call: &Call<'_>, p: &Params) -> Answer {
    let profile_name = name(p, FIELD, 128)?;
    let role = name(p, "RoleName", 64)?.to_owned();
    let mut state = call.state();
    if !state.iam.roles.contains_key(&role) {
        return Err(no_role(&role));
    }
    let profile = state.iam.profiles.get_mut(profile_name).ok_or_else(|| unknown(profile_name))?;
    if profile.role.is_some() {
        return Err(conflict(
            "LimitExceeded",
            "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1",
        ));
    }
    profile.role = Some(role);
    Ok(json!({}))
}

/// RemoveRoleFromInstanceProfile.
pub fn remove_role(call: &Call<'_>, p: &Params) -> Answer {
    let role = name(p, "RoleName", 64)?;
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
    let name = name(p, FIELD, 128)?;
    let mut state = call.state();
    let profile = state.iam.profiles.get(name).ok_or_else(|| unknown(name))?;
    if profile.role.is_some() {
        return Err(conflict(
            "DeleteConflict",
            "Cannot delete entity, must remove roles from instance profile first.",
        ));
    }
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
    let name = name(p, FIELD, 128)?;
    let state = call.state();
    let profile = state.iam.profiles.get(name).ok_or_else(|| unknown(name))?;
    Ok(json!({"Tags": tags::list(&profile.tags, "Key", "Value"), "IsTruncated": false}))
}

fn change(
    call: &Call<'_>,
    p: &Params,
    change: impl FnOnce(&mut Profile) -> Result<(), ApiError>,
) -> Answer {
    let name = name(p, FIELD, 128)?;
    let mut state = call.state();
    change(state.iam.profiles.get_mut(name).ok_or_else(|| unknown(name))?)?;
    Ok(json!({}))
}
