//! Managed policies on roles: AWS's own, those that the region knows.

use super::{missing, name, no_role, page, roles::change_policies};
use crate::api::{Answer, Call, params::Params};
use crate::rules::iam as rules;
use crate::state::iam::managed_policy;
use serde_json::{Value, json};

/// AttachRolePolicy; attaching twice changes nothing.
pub fn attach(call: &Call<'_>, p: &Params) -> Answer {
    let arn = p.need("PolicyArn")?.to_owned();
    let in_force = &call.region.rules;
    in_force.check(&rules::MANAGED_UNKNOWN, managed_policy(&arn).is_some(), || {
        missing(&format!("Policy {arn} does not exist or is not attachable."))
    })?;
    change_policies(call, p, |role| {
        role.attached.insert(arn);
        Ok(())
    })
}

/// DetachRolePolicy.
pub fn detach(call: &Call<'_>, p: &Params) -> Answer {
    let arn = p.need("PolicyArn")?;
    change_policies(call, p, |role| {
        if role.attached.remove(arn) {
            Ok(())
        } else {
            Err(missing(&format!("Policy {arn} was not found.")))
        }
    })
}

/// ListAttachedRolePolicies.
pub fn list(call: &Call<'_>, p: &Params) -> Answer {
    let role_name = name(call, p, "RoleName", 64)?;
    let state = call.state();
    let role = state.iam.roles.get(role_name).ok_or_else(|| no_role(role_name))?;
    let shown: Vec<Value> = role
        .attached
        .iter()
        .map(|arn| json!({"PolicyArn": arn, "PolicyName": arn.rsplit('/').next()}))
        .collect();
    page(call, p, "AttachedPolicies", shown)
}
