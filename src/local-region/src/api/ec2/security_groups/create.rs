//! CreateSecurityGroup.

use super::super::plan::invalid;
use super::super::{dry_run, seen_at, tag_set, tag_specifications};
use super::is_plain;
use crate::api::{Answer, ApiError, Call, params::Params};
use crate::rules::{consistency, security_groups as table};
use crate::state::ec2::{Rule, SecurityGroup};
use crate::state::ids;
use crate::windows::GROUP_VISIBLE;
use serde_json::json;

/// Groups of an account in a region.
const MAX_GROUPS: usize = 2500;

/// Makes a group in the default VPC.
pub fn create(call: &Call<'_>, p: &Params) -> Answer {
    let in_force = &call.region.rules;
    let name = p.need("GroupName")?.to_owned();
    let description = p.need("GroupDescription")?.to_owned();
    for (rule, field, text) in [
        (&table::NAME, "groupName", &name),
        (&table::DESCRIPTION, "groupDescription", &description),
    ] {
        in_force.check(rule, is_plain(text), || {
            invalid(format!(
                "Value ({text}) for parameter {field} is invalid. It has at most 255 of the characters a-z, A-Z, 0-9, spaces, and ._-:/()#,@[]+=&;{{}}!$*"
            ))
        })?;
    }
    in_force.check(&table::NAME_LIKE_ID, !name.to_lowercase().starts_with("sg-"), || {
        invalid(format!(
            "Invalid value '{name}' for groupName. Group names may not be in the format sg-*"
        ))
    })?;
    tag_specifications::check(in_force, p, &["security-group"])?;
    let tags = tag_specifications::specified(in_force, p, "security-group")?;
    let mut state = call.state();
    let vpc_id = state.ec2.vpc_id.clone();
    let vpc = p.get("VpcId").unwrap_or(&vpc_id);
    in_force.check(&table::VPC, vpc == vpc_id, || {
        ApiError::new("InvalidVpcID.NotFound", format!("The vpc ID '{vpc}' does not exist"))
    })?;
    let taken = state.ec2.groups.values().any(|group| group.name.eq_ignore_ascii_case(&name));
    in_force.check(&table::DUPLICATE, !taken, || {
        let message = format!("The security group '{name}' already exists for VPC '{vpc_id}'");
        ApiError::new("InvalidGroup.Duplicate", message)
    })?;
    in_force.check(&table::LIMIT, state.ec2.groups.len() < MAX_GROUPS, || {
        let message =
            format!("The maximum number of security groups for VPC '{vpc_id}' has been reached.");
        ApiError::new("SecurityGroupLimitExceeded", message)
    })?;
    dry_run(p)?;
    let group = SecurityGroup {
        id: ids::resource("sg"),
        name,
        description,
        rules: vec![Rule::all_outbound()],
    };
    let answer = json!({
        "return": true,
        "groupId": group.id,
        "tagSet": tag_set(&tags),
        "securityGroupArn": call.arn(&format!("security-group/{}", group.id)),
    });
    if !tags.is_empty() {
        state.ec2.tags.insert(group.id.clone(), tags);
    }
    if let Some(until) = seen_at(call, &consistency::GROUP, &GROUP_VISIBLE) {
        state.ec2.hide(&group.id, until);
    }
    state.ec2.groups.insert(group.id.clone(), group);
    Ok(answer)
}
