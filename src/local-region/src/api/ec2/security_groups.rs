//! Security groups; their rules are in `rules`.

use super::{check_specifications, dry_run, filter::Filters, page, rules, specified_tags, tag_set};
use crate::api::{Answer, ApiError, Call, params::Params};
use crate::state::ec2::{Ec2, Peer, SecurityGroup};
use crate::state::ids;
use serde_json::json;

/// CreateSecurityGroup.
pub fn create(call: &Call<'_>, p: &Params) -> Answer {
    let name = p.need("GroupName")?.to_owned();
    let description = p.need("GroupDescription")?.to_owned();
    let allowed = |text: &str| {
        text.chars().count() <= 255
            && text
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || " ._-:/()#,@[]+=&;{}!$*".contains(c))
    };
    for (field, text) in [("groupName", &name), ("groupDescription", &description)] {
        if !allowed(text) {
            return Err(ApiError::new(
                "InvalidParameterValue",
                format!(
                    "Value ({text}) for parameter {field} is invalid. Character sets beyond ASCII are not supported."
                ),
            ));
        }
    }
    if name.starts_with("sg-") {
        return Err(ApiError::new(
            "InvalidParameterValue",
            format!(
                "Invalid value '{name}' for groupName. Group names may not be in the format sg-*"
            ),
        ));
    }
    check_specifications(p, &["security-group"])?;
    let tags = specified_tags(p, "security-group")?;
    let vpc = p.get("VpcId").map(str::to_owned);
    let mut state = call.state();
    if let Some(vpc) = vpc.filter(|vpc| *vpc != state.ec2.vpc_id) {
        return Err(ApiError::new(
            "InvalidVpcID.NotFound",
            format!("The vpc ID '{vpc}' does not exist"),
        ));
    }
    if state.ec2.groups.values().any(|group| group.name == name) {
        return Err(ApiError::new(
            "InvalidGroup.Duplicate",
            format!("The security group '{name}' already exists for VPC '{}'", state.ec2.vpc_id),
        ));
    }
    dry_run(p)?;
    let group = SecurityGroup {
        id: ids::resource("sg"),
        name,
        description,
        rules: vec![Ec2::default_egress()],
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
    state.ec2.groups.insert(group.id.clone(), group);
    Ok(answer)
}

/// A group by id or name.
pub fn find(ec2: &Ec2, p: &Params) -> Result<String, ApiError> {
    if let Some(id) = p.get("GroupId") {
        return check_id(ec2, id).map(|()| id.to_owned());
    }
    let name = p.need("GroupName")?;
    let group = ec2.groups.values().find(|group| group.name == name);
    group.map(|group| group.id.clone()).ok_or_else(|| missing(name))
}

fn missing(name: &str) -> ApiError {
    ApiError::new("InvalidGroup.NotFound", format!("The security group '{name}' does not exist"))
}

/// Whether there is a group of this id.
pub fn check_id(ec2: &Ec2, id: &str) -> Result<(), ApiError> {
    if !id.starts_with("sg-") {
        return Err(ApiError::new(
            "InvalidGroupId.Malformed",
            format!("Invalid id: \"{id}\" (expecting \"sg-...\")"),
        ));
    }
    if ec2.groups.contains_key(id) { Ok(()) } else { Err(missing(id)) }
}

/// DescribeSecurityGroups.
pub fn describe(call: &Call<'_>, p: &Params) -> Answer {
    let filters = Filters::read(
        p,
        &[
            "group-id",
            "group-name",
            "vpc-id",
            "description",
            "owner-id",
            "ip-permission.group-id",
            "egress.ip-permission.group-id",
        ],
    )?;
    let ids = p.list("GroupId");
    let names = p.list("GroupName");
    dry_run(p)?;
    let state = call.state();
    let ec2 = &state.ec2;
    for id in &ids {
        check_id(ec2, id)?;
    }
    if let Some(name) = names.iter().find(|name| !ec2.groups.values().any(|g| g.name == **name)) {
        return Err(missing(name));
    }
    let account = &call.region.config.account_id;
    let peers = |group: &SecurityGroup, egress: bool| -> Vec<String> {
        let rules = group.rules.iter().filter(|rule| rule.egress == egress);
        rules
            .filter_map(|rule| match &rule.peer {
                Peer::Group(id) => Some(id.clone()),
                _ => None,
            })
            .collect()
    };
    let shown = ec2
        .groups
        .values()
        .filter(|group| ids.is_empty() || ids.contains(&group.id))
        .filter(|group| names.is_empty() || names.contains(&group.name))
        .filter(|group| {
            filters.keep(&ec2.tags_of(&group.id), |field| match field {
                "group-id" => vec![group.id.clone()],
                "group-name" => vec![group.name.clone()],
                "vpc-id" => vec![ec2.vpc_id.clone()],
                "description" => vec![group.description.clone()],
                "owner-id" => vec![account.clone()],
                "ip-permission.group-id" => peers(group, false),
                _ => peers(group, true),
            })
        })
        .map(|group| {
            json!({
                "groupId": group.id,
                "groupName": group.name,
                "groupDescription": group.description,
                "vpcId": ec2.vpc_id,
                "ownerId": account,
                "securityGroupArn": call.arn(&format!("security-group/{}", group.id)),
                "ipPermissions": rules::permissions(group, false, account),
                "ipPermissionsEgress": rules::permissions(group, true, account),
                "tagSet": tag_set(&ec2.tags_of(&group.id)),
            })
        })
        .collect();
    let (items, next) = page(shown, p, (5, 1000))?;
    Ok(json!({"securityGroupInfo": items, "nextToken": next}))
}

/// DeleteSecurityGroup; refused while an interface or another group uses it.
pub fn delete(call: &Call<'_>, p: &Params) -> Answer {
    let mut state = call.state();
    let id = find(&state.ec2, p)?;
    if state.ec2.groups[&id].name == "default" {
        return Err(ApiError::new(
            "CannotDelete",
            format!("the specified group: \"{id}\" name: \"default\" cannot be deleted by a user"),
        ));
    }
    let by_interface = state
        .ec2
        .live()
        .any(|instance| instance.interfaces.iter().any(|n| n.group_ids.contains(&id)));
    let by_group = state.ec2.groups.values().any(|group| {
        group.id != id && group.rules.iter().any(|rule| rule.peer == Peer::Group(id.clone()))
    });
    if by_interface || by_group {
        return Err(ApiError::new(
            "DependencyViolation",
            format!("resource {id} has a dependent object"),
        ));
    }
    dry_run(p)?;
    if let Some(group) = state.ec2.groups.remove(&id) {
        for rule in group.rules {
            state.ec2.tags.remove(&rule.id);
        }
    }
    state.ec2.tags.remove(&id);
    Ok(json!({"return": true, "groupId": id}))
}
