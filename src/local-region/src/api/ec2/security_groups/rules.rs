//! The rules of a group: Authorize-, Revoke-, DescribeSecurityGroupRules.

use super::super::{dry_run, filter::Filters, paging::page, tag_set, tag_specifications};
use super::{find, permission};
use crate::api::{Answer, ApiError, Call, params::Params};
use crate::rules::security_groups as table;
use crate::state::State;
use crate::state::ec2::{Ec2, Peer, Rule};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Inbound or outbound rules of a group.
const MAX_RULES: usize = 60;

/// First and last port, if the protocol has ports.
type Ports = Option<(i32, i32)>;

/// Rules as `IpPermissions`: one entry for each protocol and range.
pub fn permissions(rules: &[Rule], egress: bool, account: &str) -> Value {
    let mut entries: BTreeMap<(String, Ports), Vec<&Rule>> = BTreeMap::new();
    for rule in rules.iter().filter(|rule| rule.egress == egress) {
        entries.entry((rule.protocol.clone(), rule.ports)).or_default().push(rule);
    }
    let told = |rules: &[&Rule], pick: fn(&Peer) -> Option<(&'static str, &str)>| -> Vec<Value> {
        let mut out = Vec::new();
        for rule in rules {
            if let Some((name, value)) = pick(&rule.peer) {
                let mut entry = json!({name: value, "description": rule.description});
                if name == "groupId" {
                    entry["userId"] = json!(account);
                }
                out.push(entry);
            }
        }
        out
    };
    entries
        .into_iter()
        .map(|((protocol, ports), rules)| {
            json!({
                "ipProtocol": protocol,
                "fromPort": ports.map(|(from, _)| from),
                "toPort": ports.map(|(_, to)| to),
                "groups": told(&rules, |peer| match peer { Peer::Group(id) => Some(("groupId", id)), _ => None }),
                "ipRanges": told(&rules, |peer| match peer { Peer::Cidr(range) => Some(("cidrIp", range)), _ => None }),
                "ipv6Ranges": told(&rules, |peer| match peer { Peer::Cidr6(range) => Some(("cidrIpv6", range)), _ => None }),
                "prefixListIds": [],
            })
        })
        .collect()
}

fn show(group_id: &str, rule: &Rule, account: &str, ec2: &Ec2) -> Value {
    let (v4, v6, peer) = match &rule.peer {
        Peer::Cidr(range) => (Some(range), None, None),
        Peer::Cidr6(range) => (None, Some(range), None),
        Peer::Group(id) => (None, None, Some(json!({"groupId": id, "userId": account}))),
    };
    json!({
        "securityGroupRuleId": rule.id,
        "groupId": group_id,
        "groupOwnerId": account,
        "isEgress": rule.egress,
        "ipProtocol": rule.protocol,
        "fromPort": rule.ports.map_or(-1, |(from, _)| from),
        "toPort": rule.ports.map_or(-1, |(_, to)| to),
        "cidrIpv4": v4,
        "cidrIpv6": v6,
        "referencedGroupInfo": peer,
        "description": rule.description,
        "tagSet": tag_set(&ec2.tags_of(&rule.id)),
    })
}

fn described(rule: &Rule) -> String {
    let ports = rule
        .ports
        .map_or("ALL".to_owned(), |(from, to)| format!("from port: {from}, to port: {to}"));
    let protocol =
        if rule.protocol == "-1" { "ALL".to_owned() } else { rule.protocol.to_uppercase() };
    let peer = match &rule.peer {
        Peer::Cidr(text) | Peer::Cidr6(text) | Peer::Group(text) => text,
    };
    format!("peer: {peer}, {protocol}, {ports}, ALLOW")
}

/// AuthorizeSecurityGroupIngress and -Egress.
pub fn authorize(call: &Call<'_>, p: &Params, egress: bool) -> Answer {
    let in_force = &call.region.rules;
    let mut state = call.state();
    let id = find(&state, p)?;
    tag_specifications::check(in_force, p, &["security-group-rule"])?;
    let tags = tag_specifications::specified(in_force, p, "security-group-rule")?;
    let new = permission::read(&state, p, egress)?;
    let old = state.ec2.groups.get(&id).map(|group| &group.rules[..]).unwrap_or_default();
    if let Some(rule) = new.iter().find(|rule| old.iter().any(|old| old.same(rule))) {
        in_force.check(&table::RULE_DUPLICATE, false, || {
            let message = format!("the specified rule \"{}\" already exists", described(rule));
            ApiError::new("InvalidPermission.Duplicate", message)
        })?;
    }
    let count = old.iter().filter(|rule| rule.egress == egress).count() + new.len();
    in_force.check(&table::RULE_LIMIT, count <= MAX_RULES, || {
        ApiError::new(
            "RulesPerSecurityGroupLimitExceeded",
            "The maximum number of rules per security group has been reached.",
        )
    })?;
    dry_run(p)?;
    let account = &call.region.config.account_id;
    for rule in new.iter().filter(|_| !tags.is_empty()) {
        state.ec2.tags.insert(rule.id.clone(), tags.clone());
    }
    let shown: Vec<Value> = new.iter().map(|rule| show(&id, rule, account, &state.ec2)).collect();
    if let Some(group) = state.ec2.groups.get_mut(&id) {
        group.rules.extend(new);
    }
    Ok(json!({"return": true, "securityGroupRuleSet": shown}))
}

/// RevokeSecurityGroupIngress and -Egress. In a default VPC, as here, what
/// matches no rule is no error: it is told in the answer.
pub fn revoke(call: &Call<'_>, p: &Params, egress: bool) -> Answer {
    let in_force = &call.region.rules;
    let mut state = call.state();
    let id = find(&state, p)?;
    let rule_ids = p.list("SecurityGroupRuleId");
    let in_group = |rule_id: &str| {
        let mut rules = state.ec2.groups.get(&id).into_iter().flat_map(|group| &group.rules);
        rules.any(|rule| rule.id == rule_id && rule.egress == egress)
    };
    check_rule_ids(&state, &rule_ids, in_group)?;
    let mut unknown = Vec::new();
    let mut gone = rule_ids;
    if gone.is_empty() {
        let old = state.ec2.groups.get(&id).map(|group| &group.rules[..]).unwrap_or_default();
        for wanted in permission::read(&state, p, egress)? {
            match old.iter().find(|rule| rule.same(&wanted)) {
                Some(rule) => gone.push(rule.id.clone()),
                None => unknown.push(wanted),
            }
        }
    }
    let told = in_force.on(&table::REVOKE_UNMATCHED);
    if !unknown.is_empty() && !told {
        return Err(ApiError::new(
            "InvalidPermission.NotFound",
            "The specified rule does not exist in this security group.",
        ));
    }
    dry_run(p)?;
    let mut revoked = Vec::new();
    if let Some(group) = state.ec2.groups.get_mut(&id) {
        revoked = group.rules.extract_if(.., |rule| gone.contains(&rule.id)).collect();
    }
    for rule in &gone {
        state.ec2.tags.remove(rule);
    }
    let revoked: Vec<Value> = revoked.iter().map(|rule| show_revoked(&id, rule)).collect();
    Ok(json!({
        "return": true,
        "revokedSecurityGroupRuleSet": revoked,
        "unknownIpPermissionSet": permissions(&unknown, egress, &call.region.config.account_id),
    }))
}

fn show_revoked(group_id: &str, rule: &Rule) -> Value {
    let (v4, v6, group) = match &rule.peer {
        Peer::Cidr(range) => (Some(range), None, None),
        Peer::Cidr6(range) => (None, Some(range), None),
        Peer::Group(id) => (None, None, Some(id)),
    };
    json!({
        "securityGroupRuleId": rule.id,
        "groupId": group_id,
        "isEgress": rule.egress,
        "ipProtocol": rule.protocol,
        "fromPort": rule.ports.map_or(-1, |(from, _)| from),
        "toPort": rule.ports.map_or(-1, |(_, to)| to),
        "cidrIpv4": v4,
        "cidrIpv6": v6,
        "referencedGroupId": group,
        "description": rule.description,
    })
}

fn check_rule_ids(
    state: &State,
    ids: &[String],
    known: impl Fn(&str) -> bool,
) -> Result<(), ApiError> {
    let in_force = &state.rules;
    for id in ids {
        in_force.check(&table::RULE_MALFORMED, id.starts_with("sgr-"), || {
            let message = format!("Invalid id: \"{id}\" (expecting \"sgr-...\")");
            ApiError::new("InvalidSecurityGroupRuleId.Malformed", message)
        })?;
        in_force.check(&table::RULE_UNKNOWN, known(id), || {
            let message = format!("The security group rule ID '{id}' does not exist");
            ApiError::new("InvalidSecurityGroupRuleId.NotFound", message)
        })?;
    }
    Ok(())
}

/// DescribeSecurityGroupRules.
pub fn describe(call: &Call<'_>, p: &Params) -> Answer {
    let filters = Filters::read(call, p, &["group-id", "security-group-rule-id"])?;
    let ids = p.list("SecurityGroupRuleId");
    let state = call.state();
    check_rule_ids(&state, &ids, |id| state.ec2.exists(id))?;
    dry_run(p)?;
    let account = &call.region.config.account_id;
    let mut shown = Vec::new();
    for group in state.ec2.groups.values() {
        for rule in group.rules.iter().filter(|rule| ids.is_empty() || ids.contains(&rule.id)) {
            let kept = filters.keep(&state.ec2.tags_of(&rule.id), |field| {
                vec![if field == "group-id" { group.id.clone() } else { rule.id.clone() }]
            });
            if kept {
                shown.push(show(&group.id, rule, account, &state.ec2));
            }
        }
    }
    let (items, next) = page(call, shown, p, (5, 1000))?;
    Ok(json!({"securityGroupRuleSet": items, "nextToken": next}))
}
