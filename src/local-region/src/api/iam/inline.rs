//! Inline policies of roles.

use super::{conflict, encoded, missing, name, no_role, page, roles::change_policies};
use crate::api::{Answer, Call, params::Params, policy_document};
use crate::rules::iam as rules;
use serde_json::json;

/// All inline policies of a role together, white space not counted.
const MAX_CHARS: usize = 10_240;

/// PutRolePolicy.
pub fn put(call: &Call<'_>, p: &Params) -> Answer {
    let policy_name = name(call, p, "PolicyName", 128)?.to_owned();
    let in_force = &call.region.rules;
    let text = p.need("PolicyDocument")?;
    let document = policy_document::parse(in_force, text, policy_document::Kind::Identity)?;
    change_policies(call, p, |role| {
        let others = role.inline.iter().filter(|(name, _)| **name != policy_name);
        let size: usize = others.map(|(_, other)| other.to_string().len()).sum();
        let fits = size + document.to_string().len() <= MAX_CHARS;
        in_force.check(&rules::POLICY_SIZE, fits, || {
            let message =
                format!("Maximum policy size of {MAX_CHARS} bytes exceeded for role {}", role.name);
            conflict("LimitExceeded", message)
        })?;
        role.inline.insert(policy_name, document);
        Ok(())
    })
}

/// GetRolePolicy.
pub fn get(call: &Call<'_>, p: &Params) -> Answer {
    let role_name = name(call, p, "RoleName", 64)?;
    let policy_name = name(call, p, "PolicyName", 128)?;
    let state = call.state();
    let role = state.iam.roles.get(role_name).ok_or_else(|| no_role(role_name))?;
    let document = role.inline.get(policy_name).ok_or_else(|| {
        missing(&format!("The role policy with name {policy_name} cannot be found."))
    })?;
    Ok(json!({
        "RoleName": role_name, "PolicyName": policy_name, "PolicyDocument": encoded(document),
    }))
}

/// ListRolePolicies.
pub fn list(call: &Call<'_>, p: &Params) -> Answer {
    let role_name = name(call, p, "RoleName", 64)?;
    let state = call.state();
    let role = state.iam.roles.get(role_name).ok_or_else(|| no_role(role_name))?;
    page(call, p, "PolicyNames", role.inline.keys().map(|name| json!(name)).collect())
}

/// DeleteRolePolicy.
pub fn delete(call: &Call<'_>, p: &Params) -> Answer {
    let policy_name = name(call, p, "PolicyName", 128)?;
    change_policies(call, p, |role| match role.inline.remove(policy_name) {
        Some(_) => Ok(()),
        None => Err(missing(&format!("The role policy with name {policy_name} cannot be found."))),
    })
}
