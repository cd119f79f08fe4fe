//! Rules that a request names, in `IpPermissions` or in the flat form.

use super::super::plan::invalid;
use super::{cidr, is_plain, missing, named};
use crate::api::{ApiError, params::Params};
use crate::rules::security_groups as table;
use crate::state::State;
use crate::state::ec2::{Peer, Rule};
use crate::state::ids;

/// The other side of a rule and the rule's description.
type Side = (Peer, Option<String>);

/// Reads and checks them.
pub fn read(state: &State, p: &Params, egress: bool) -> Result<Vec<Rule>, ApiError> {
    let mut entries = p.groups("IpPermissions");
    if entries.is_empty() && p.get("IpProtocol").is_some() {
        entries.push(p.clone());
    }
    if entries.is_empty() {
        return Err(ApiError::new(
            "MissingParameter",
            "Either 'ipPermissions' or 'securityGroupRuleIds' should be provided.",
        ));
    }
    let mut rules: Vec<Rule> = Vec::new();
    for entry in entries {
        let protocol = protocol(state, &entry)?;
        let ports = ports(state, &entry, &protocol)?;
        for (peer, description) in sides(state, &entry)? {
            let id = ids::resource("sgr");
            let protocol = protocol.clone();
            let rule = Rule { id, egress, protocol, ports, peer, description };
            let twice = rules.iter().any(|other| other.same(&rule));
            state.rules.check(&table::REPEATED, !twice, || {
                invalid("The same permission must not appear multiple times")
            })?;
            rules.push(rule);
        }
    }
    Ok(rules)
}

fn protocol(state: &State, entry: &Params) -> Result<String, ApiError> {
    let protocol = match entry.need("IpProtocol")? {
        "6" => "tcp",
        "17" => "udp",
        "1" => "icmp",
        "58" => "icmpv6",
        "all" => "-1",
        other => other,
    };
    let named = matches!(protocol, "-1" | "tcp" | "udp" | "icmp" | "icmpv6");
    state.rules.check(&table::PROTOCOL, named || protocol.parse::<u8>().is_ok(), || {
        invalid(format!("Invalid value '{protocol}' for IP protocol. Unknown protocol."))
    })?;
    Ok(protocol.to_owned())
}

/// Ports, or ICMP type and code; other protocols have none.
fn ports(state: &State, entry: &Params, protocol: &str) -> Result<Option<(i32, i32)>, ApiError> {
    let both = (entry.number("FromPort")?, entry.number("ToPort")?);
    if !matches!(protocol, "tcp" | "udp" | "icmp" | "icmpv6") {
        return Ok(None);
    }
    let ports = match both {
        (Some(from), Some(to)) => Some((from, to)),
        _ => None,
    };
    state.rules.check(&table::PORTS_NEEDED, ports.is_some(), || {
        let name = protocol.to_uppercase();
        invalid(format!(
            "Invalid value 'Must specify both from and to ports with {name}.' for portRange."
        ))
    })?;
    let Some((from, to)) = ports else { return Ok(None) };
    if matches!(protocol, "tcp" | "udp") {
        let kept = 0 <= from && from <= to && to <= 65535;
        state.rules.check(&table::PORT_RANGE, kept, || {
            invalid(format!("Invalid TCP/UDP port range ({from}:{to})"))
        })?;
    } else {
        let range = -1..=255;
        let kept = range.contains(&from) && range.contains(&to) && (from != -1 || to == -1);
        state.rules.check(&table::ICMP_TYPE, kept, || {
            invalid(format!(
                "ICMP code (to port: {to}) for ICMP type (from port: {from}) is invalid."
            ))
        })?;
    }
    Ok(ports)
}

fn sides(state: &State, entry: &Params) -> Result<Vec<Side>, ApiError> {
    let mut sides = Vec::new();
    for side in entry.groups("IpRanges") {
        let range = range(state, side.need("CidrIp")?, cidr::canonical_v4)?;
        sides.push((Peer::Cidr(range), description(state, &side)?));
    }
    if let Some(text) = entry.get("CidrIp") {
        sides.push((Peer::Cidr(range(state, text, cidr::canonical_v4)?), None));
    }
    for side in entry.groups("Ipv6Ranges") {
        let range = range(state, side.need("CidrIpv6")?, cidr::canonical_v6)?;
        sides.push((Peer::Cidr6(range), description(state, &side)?));
    }
    for side in entry.groups("Groups") {
        let _ = (side.get("UserId"), side.get("VpcId"));
        sides.push((Peer::Group(reference(state, &side)?), description(state, &side)?));
    }
    state.rules.check(&table::SOURCE_NEEDED, !sides.is_empty(), || {
        ApiError::new(
            "MissingParameter",
            "Missing source specification: include source security group or CIDR information",
        )
    })?;
    Ok(sides)
}

fn range(
    state: &State,
    text: &str,
    canonical: fn(&str) -> Option<String>,
) -> Result<String, ApiError> {
    let found = canonical(text);
    state.rules.check(&table::CIDR, found.is_some(), || {
        invalid(format!("CIDR block {text} is malformed"))
    })?;
    Ok(found.filter(|_| state.rules.on(&table::CIDR_CANONICAL)).unwrap_or_else(|| text.to_owned()))
}

/// The group that a rule names.
fn reference(state: &State, side: &Params) -> Result<String, ApiError> {
    let (id, name) = match side.get("GroupId") {
        Some(id) => {
            super::check_form(&state.rules, id)?;
            (Some(id.to_owned()).filter(|id| state.ec2.groups.contains_key(id)), id)
        }
        None => {
            let name = side.need("GroupName")?;
            (named(&state.ec2, name), name)
        }
    };
    state.rules.check(&table::REFERENCE, id.is_some(), || missing(name))?;
    Ok(id.unwrap_or_else(|| name.to_owned()))
}

fn description(state: &State, side: &Params) -> Result<Option<String>, ApiError> {
    let text = side.get("Description");
    state.rules.check(&table::RULE_DESCRIPTION, text.is_none_or(is_plain), || {
        invalid("Invalid rule description. Valid descriptions are strings less than 256 characters from the following set:  a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*")
    })?;
    Ok(text.map(str::to_owned))
}
