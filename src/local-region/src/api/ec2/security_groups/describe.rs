//! DescribeSecurityGroups.

use super::super::{dry_run, filter::Filters, paging::page, tag_set};
use super::{check_id, missing, named, rules};
use crate::api::{Answer, Call, params::Params};
use crate::rules::security_groups as table;
use crate::state::ec2::{Peer, SecurityGroup};
use serde_json::json;

const FILTERS: &[&str] = &[
    "group-id",
    "group-name",
    "vpc-id",
    "description",
    "owner-id",
    "ip-permission.group-id",
    "egress.ip-permission.group-id",
];

/// Groups that a group's rules name.
fn peers(group: &SecurityGroup, egress: bool) -> Vec<String> {
    let rules = group.rules.iter().filter(|rule| rule.egress == egress);
    rules
        .filter_map(|rule| match &rule.peer {
            Peer::Group(id) => Some(id.clone()),
            _ => None,
        })
        .collect()
}

/// Groups by id, name and filter.
pub fn describe(call: &Call<'_>, p: &Params) -> Answer {
    let filters = Filters::read(call, p, FILTERS)?;
    let ids = p.list("GroupId");
    let names = p.list("GroupName");
    dry_run(p)?;
    let state = call.state();
    let ec2 = &state.ec2;
    for id in &ids {
        check_id(&state, id)?;
    }
    for name in &names {
        state.rules.check(&table::UNKNOWN, named(ec2, name).is_some(), || missing(name))?;
    }
    let account = &call.region.config.account_id;
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
                "ipPermissions": rules::permissions(&group.rules, false, account),
                "ipPermissionsEgress": rules::permissions(&group.rules, true, account),
                "tagSet": tag_set(&ec2.tags_of(&group.id)),
            })
        })
        .collect();
    let (items, next) = page(call, shown, p, (5, 1000))?;
    Ok(json!({"securityGroupInfo": items, "nextToken": next}))
}
