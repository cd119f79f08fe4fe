//! Roles.

use super::{add_tags, conflict, encoded, name, no_role, page, path, validation};
use crate::api::{
    Answer, ApiError, Call, params::Params, policy_document, tags, tags::Tags, timestamp, trust,
};
use crate::rules::iam as rules;
use crate::state::{iam::Role, ids};
use crate::windows::POLICY_VISIBLE;
use serde_json::{Value, json};

/// A role as the API shows it.
pub fn show(role: &Role) -> Value {
    json!({
        "Path": role.path,
        "RoleName": role.name,
        "RoleId": role.id,
        "Arn": role.arn,
        "CreateDate": role.created,
        "AssumeRolePolicyDocument": encoded(&role.trust),
        "Description": role.description,
        "MaxSessionDuration": role.max_session_secs,
        "Tags": tags::list(&role.tags, "Key", "Value"),
    })
}

fn trust_policy(call: &Call<'_>, document: &str) -> Result<Value, ApiError> {
    let in_force = &call.region.rules;
    let policy = policy_document::parse(in_force, document, policy_document::Kind::Trust)?;
    let account = &call.region.config.account_id;
    let unknown = trust::unknown_principal(&policy, &call.state().iam, account);
    in_force.check(&rules::PRINCIPAL, unknown.is_none(), || {
        let which = unknown.unwrap_or_default();
        ApiError::new("MalformedPolicyDocument", format!("Invalid principal in policy: {which}"))
    })?;
    Ok(policy)
}

/// CreateRole.
pub fn create(call: &Call<'_>, p: &Params) -> Answer {
    let name = name(call, p, "RoleName", 64)?.to_owned();
    let path = path(call, p)?;
    let in_force = &call.region.rules;
    let trust = trust_policy(call, p.need("AssumeRolePolicyDocument")?)?;
    let max_session_secs = p.number("MaxSessionDuration")?.unwrap_or(3600);
    in_force.check(&rules::MAX_SESSION, (3600..=43200).contains(&max_session_secs), || {
        validation("MaxSessionDuration must be 3600 to 43200.")
    })?;
    let mut tags = Tags::new();
    add_tags(p, &mut tags)?;
    let description = p.get("Description").map(str::to_owned);
    let mut state = call.state();
    // Names differ in more than their case.
    let taken = state.iam.roles.keys().any(|other| other.eq_ignore_ascii_case(&name));
    in_force.check(&rules::ROLE_EXISTS, !taken, || {
        conflict("EntityAlreadyExists", format!("Role with name {name} already exists."))
    })?;
    let role = Role {
        id: ids::unique("AROA"),
        arn: format!("arn:aws:iam::{}:role{path}{name}", call.region.config.account_id),
        path,
        trust,
        created: timestamp(),
        description,
        max_session_secs,
        inline: Default::default(),
        attached: Default::default(),
        before: None,
        tags,
        name: name.clone(),
    };
    let answer = json!({ "Role": show(&role) });
    state.iam.roles.insert(name, role);
    Ok(answer)
}

/// GetRole.
pub fn get(call: &Call<'_>, p: &Params) -> Answer {
    let name = name(call, p, "RoleName", 64)?;
    let state = call.state();
    let role = state.iam.roles.get(name).ok_or_else(|| no_role(name))?;
    Ok(json!({ "Role": show(role) }))
}

/// ListRoles.
pub fn list(call: &Call<'_>, p: &Params) -> Answer {
    let prefix = p.get("PathPrefix").unwrap_or("/").to_owned();
    let state = call.state();
    let roles = state.iam.roles.values().filter(|role| role.path.starts_with(&prefix));
    page(call, p, "Roles", roles.map(show).collect())
}

/// DeleteRole; refused while anything hangs on it.
pub fn delete(call: &Call<'_>, p: &Params) -> Answer {
    let name = name(call, p, "RoleName", 64)?;
    let mut state = call.state();
    let role = state.iam.roles.get(name).ok_or_else(|| no_role(name))?;
    let in_profile =
        state.iam.profiles.values().any(|profile| profile.role.as_deref() == Some(name));
    let why = if in_profile {
        Some("must remove roles from instance profile first.")
    } else if !role.inline.is_empty() {
        Some("must delete policies first.")
    } else if !role.attached.is_empty() {
        Some("must detach all policies first.")
    } else {
        None
    };
    call.region.rules.check(&rules::ROLE_IN_USE, why.is_none(), || {
        conflict("DeleteConflict", format!("Cannot delete entity, {}", why.unwrap_or_default()))
    })?;
    state.iam.roles.remove(name);
    Ok(json!({}))
}

/// UpdateAssumeRolePolicy.
pub fn update_trust(call: &Call<'_>, p: &Params) -> Answer {
    let trust = trust_policy(call, p.need("PolicyDocument")?)?;
    change(call, p, |role| {
        role.trust = trust;
        Ok(())
    })
}

/// TagRole.
pub fn tag(call: &Call<'_>, p: &Params) -> Answer {
    change(call, p, |role| add_tags(p, &mut role.tags))
}

/// UntagRole.
pub fn untag(call: &Call<'_>, p: &Params) -> Answer {
    let keys = p.list("TagKeys");
    change(call, p, |role| {
        role.tags.retain(|key, _| !keys.contains(key));
        Ok(())
    })
}

/// ListRoleTags.
pub fn list_tags(call: &Call<'_>, p: &Params) -> Answer {
    let name = name(call, p, "RoleName", 64)?;
    let state = call.state();
    let role = state.iam.roles.get(name).ok_or_else(|| no_role(name))?;
    page(call, p, "Tags", tags::entries(&role.tags, "Key", "Value"))
}

/// Changes the role of the request.
pub fn change(
    call: &Call<'_>,
    p: &Params,
    change: impl FnOnce(&mut Role) -> Result<(), ApiError>,
) -> Answer {
    let name = name(call, p, "RoleName", 64)?;
    let mut state = call.state();
    change(state.iam.roles.get_mut(name).ok_or_else(|| no_role(name))?)?;
    Ok(json!({}))
}

/// Changes what the role of the request may do; that takes effect later.
pub fn change_policies(
    call: &Call<'_>,
    p: &Params,
    what: impl FnOnce(&mut Role) -> Result<(), ApiError>,
) -> Answer {
    let now = call.region.clock.now();
    let window = call.region.windows.of(&POLICY_VISIBLE);
    let late = window.is_positive() && call.region.rules.on(&rules::POLICY_VISIBLE);
    change(call, p, |role| {
        let before = role.policies(now);
        what(role)?;
        role.before = late.then(|| (now.saturating_add(window).unwrap_or(now), before));
        Ok(())
    })
}
