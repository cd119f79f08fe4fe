//! Rules of security groups.

use super::{dry_run, filter::Filters, page, security_groups, specified_tags, tag_set};
use crate::api::{Answer, ApiError, Call, params::Params};
use crate::state::ec2::{Ec2, Peer, Rule, SecurityGroup};
use crate::state::ids;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// First and last port, if the protocol has ports.
type Ports = Option<(i32, i32)>;

/// Rules of a group as `IpPermissions`: one entry for each protocol and range.
pub fn permissions(group: &SecurityGroup, egress: bool, account: &str) -> Value {
    let mut entries: BTreeMap<(String, Ports), Vec<&Rule>> = BTreeMap::new();
    for rule in group.rules.iter().filter(|rule| rule.egress == egress) {
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

fn show(group: &SecurityGroup, rule: &Rule, account: &str, ec2: &Ec2) -> Value {
    let (v4, v6, peer) = match &rule.peer {
        Peer::Cidr(range) => (Some(range), None, None),
        Peer::Cidr6(range) => (None, Some(range), None),
        Peer::Group(id) => (None, None, Some(json!({"groupId": id, "userId": account}))),
    };
    json!({
        "securityGroupRuleId": rule.id,
        "groupId": group.id,
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

/// Rules that a request names, in `IpPermissions` or in the flat form.
fn read(ec2: &Ec2, p: &Params, egress: bool, group_id: &str) -> Result<Vec<Rule>, ApiError> {
    let mut entries = p.groups("IpPermissions");
    if entries.is_empty() && p.get("IpProtocol").is_some() {
        entries.push(p.clone());
    }
    if entries.is_empty() && p.get("SourceSecurityGroupName").is_none() {
        return Err(ApiError::new(
            "MissingParameter",
            "Either 'ipPermissions' or 'securityGroupRuleIds' should be provided.",
        ));
    }
    let mut rules = Vec::new();
    for entry in entries {
        let protocol = match entry.need("IpProtocol")? {
            "6" => "tcp",
            "17" => "udp",
            "1" => "icmp",
            "all" => "-1",
            other => other,
        };
        let known = matches!(protocol, "-1" | "tcp" | "udp" | "icmp" | "icmpv6");
        if !known && protocol.parse::<u8>().is_err() {
            return Err(ApiError::new(
                "InvalidParameterValue",
                format!("Invalid value '{protocol}' for IP protocol. Unknown protocol."),
            ));
        }
        let ports = match (entry.number("FromPort")?, entry.number("ToPort")?) {
            _ if !matches!(protocol, "tcp" | "udp" | "icmp" | "icmpv6") => None,
            (Some(from), Some(to)) => Some((from, to)),
            _ => {
                return Err(ApiError::new(
                    "InvalidParameterValue",
                    format!(
                        "Invalid value 'Must specify both from and to ports with {}.' for portRange.",
                        protocol.to_uppercase()
                    ),
                ));
            }
        };
        if let Some((from, to)) = ports
            && matches!(protocol, "tcp" | "udp")
            && !(0 <= from && from <= to && to <= 65535)
        {
            return Err(ApiError::new(
                "InvalidParameterValue",
                format!("Invalid TCP/UDP port range ({from}:{to})"),
            ));
        }
        let mut peers = Vec::new();
        let range = |text: &str| {
            let valid = text.split_once('/').is_some_and(|(address, bits)| {
                let bits = bits.parse::<u8>();
                match address.parse::<std::net::IpAddr>() {
                    Ok(std::net::IpAddr::V4(_)) => bits.is_ok_and(|bits| bits <= 32),
                    Ok(std::net::IpAddr::V6(_)) => bits.is_ok_and(|bits| bits <= 128),
                    Err(_) => false,
                }
            });
            if valid {
                Ok(text.to_owned())
            } else {
                Err(ApiError::new(
                    "InvalidParameterValue",
                    format!("CIDR block {text} is malformed"),
                ))
            }
        };
        for peer in entry.groups("IpRanges") {
            peers.push((
                Peer::Cidr(range(peer.need("CidrIp")?)?),
                peer.get("Description").map(str::to_owned),
            ));
        }
        if let Some(cidr) = entry.get("CidrIp") {
            peers.push((Peer::Cidr(range(cidr)?), None));
        }
        for peer in entry.groups("Ipv6Ranges") {
            peers.push((
                Peer::Cidr6(range(peer.need("CidrIpv6")?)?),
                peer.get("Description").map(str::to_owned),
            ));
        }
        for peer in entry.groups("Groups") {
            let _ = (peer.get("UserId"), peer.get("VpcId"));
            let id = security_groups::find(ec2, &peer)?;
            peers.push((Peer::Group(id), peer.get("Description").map(str::to_owned)));
        }
        if peers.is_empty() {
            return Err(ApiError::new(
                "InvalidParameterValue",
                format!("Rule for group {group_id} names no other side."),
            ));
        }
        for (peer, description) in peers {
            rules.push(Rule {
                id: ids::resource("sgr"),
                egress,
                protocol: protocol.to_owned(),
                ports,
                peer,
                description,
            });
        }
    }
    Ok(rules)
}

fn described(rule: &Rule) -> String {
    let ports = rule
        .ports
        .map_or("ALL".to_owned(), |(from, to)| format!("from port: {from}, to port: {to}"));
    let protocol = if rule.protocol == "-1" { "ALL" } else { &rule.protocol };
    let peer = match &rule.peer {
        Peer::Cidr(text) | Peer::Cidr6(text) | Peer::Group(text) => text,
    };
    format!("peer: {peer}, {protocol}, {ports}, ALLOW")
}

/// AuthorizeSecurityGroupIngress and -Egress.
pub fn authorize(call: &Call<'_>, p: &Params, egress: bool) -> Answer {
    let mut state = call.state();
    let id = security_groups::find(&state.ec2, p)?;
    let tags = specified_tags(p, "security-group-rule")?;
    let new = read(&state.ec2, p, egress, &id)?;
    let group = &state.ec2.groups[&id];
    for (index, rule) in new.iter().enumerate() {
        if group.rules.iter().chain(&new[..index]).any(|old| old.same(rule)) {
            return Err(ApiError::new(
                "InvalidPermission.Duplicate",
                format!("the specified rule \"{}\" already exists", described(rule)),
            ));
        }
    }
    dry_run(p)?;
    let account = &call.region.config.account_id;
    for rule in new.iter().filter(|_| !tags.is_empty()) {
        state.ec2.tags.insert(rule.id.clone(), tags.clone());
    }
    let ec2 = &state.ec2;
    let shown: Vec<Value> =
        new.iter().map(|rule| show(&ec2.groups[&id], rule, account, ec2)).collect();
    if let Some(group) = state.ec2.groups.get_mut(&id) {
        group.rules.extend(new);
    }
    Ok(json!({"return": true, "securityGroupRuleSet": shown}))
}

/// RevokeSecurityGroupIngress and -Egress.
pub fn revoke(call: &Call<'_>, p: &Params, egress: bool) -> Answer {
    let mut state = call.state();
    let id = security_groups::find(&state.ec2, p)?;
    let rule_ids = p.list("SecurityGroupRuleId");
    let group = &state.ec2.groups[&id];
    let mut gone = Vec::new();
    for rule_id in &rule_ids {
        let rule = group.rules.iter().find(|rule| rule.id == *rule_id && rule.egress == egress);
        let rule = rule.ok_or_else(|| {
            ApiError::new(
                "InvalidSecurityGroupRuleId.NotFound",
                format!("The security group rule ID '{rule_id}' does not exist"),
            )
        })?;
        gone.push(rule.id.clone());
    }
    if rule_ids.is_empty() {
        for wanted in read(&state.ec2, p, egress, &id)? {
            let rule = group.rules.iter().find(|rule| rule.same(&wanted)).ok_or_else(|| {
                ApiError::new(
                    "InvalidPermission.NotFound",
                    "The specified rule does not exist in this security group.",
                )
            })?;
            gone.push(rule.id.clone());
        }
    }
    dry_run(p)?;
    if let Some(group) = state.ec2.groups.get_mut(&id) {
        group.rules.retain(|rule| !gone.contains(&rule.id));
    }
    for rule in &gone {
        state.ec2.tags.remove(rule);
    }
    Ok(json!({"return": true}))
}

/// DescribeSecurityGroupRules.
pub fn describe(call: &Call<'_>, p: &Params) -> Answer {
    let filters = Filters::read(p, &["group-id", "security-group-rule-id"])?;
    let ids = p.list("SecurityGroupRuleId");
    dry_run(p)?;
    let state = call.state();
    let account = &call.region.config.account_id;
    let mut shown = Vec::new();
    for group in state.ec2.groups.values() {
        for rule in group.rules.iter().filter(|rule| ids.is_empty() || ids.contains(&rule.id)) {
            let kept = filters.keep(&state.ec2.tags_of(&rule.id), |field| {
                vec![if field == "group-id" { group.id.clone() } else { rule.id.clone() }]
            });
            if kept {
                shown.push(show(group, rule, account, &state.ec2));
            }
        }
    }
    let (items, next) = page(shown, p, (5, 1000))?;
    Ok(json!({"securityGroupRuleSet": items, "nextToken": next}))
}
