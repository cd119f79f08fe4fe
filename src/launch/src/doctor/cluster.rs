//! What the nodes share: security group, place, role, end, tracking server.

use super::{Facts, unread};
use crate::check::Check;
use crate::keys;
use crate::lifetime::End;
use crate::node_says::NodeSays;
use crate::plan::{SSM_CORE_POLICY, is_live, is_ours};
use jiff::Timestamp;
use nixl_aws::Tag;
use nixl_aws::ec2::{Instance, SecurityGroup};
use nixl_cluster::ClusterName;
use std::collections::BTreeSet;

const END_FIX: &str = "`nixl-launch extend` or `nixl-launch down`";

pub(super) fn judge(facts: &Facts, nodes: &[Instance]) -> Vec<Check> {
    let mut checks = security_group(facts);
    checks.push(zone(nodes));
    checks.push(placement(facts, nodes));
    checks.extend(role(facts));
    checks.push(end(facts, nodes));
    checks.push(schedule(facts, nodes));
    checks.push(timer(facts, nodes));
    checks.extend(tracking(facts, nodes));
    checks
}

fn security_group(facts: &Facts) -> Vec<Check> {
    let groups = match &facts.groups {
        Ok(groups) => groups,
        Err(error) => return vec![unread("security-group", error)],
    };
    group_rules(&facts.cluster, groups)
}

/// The rules of the cluster's group.
pub(super) fn group_rules(cluster: &ClusterName, groups: &[SecurityGroup]) -> Vec<Check> {
    let Some(group) = groups.iter().find(|group| is_ours(cluster, &group.tags)) else {
        let fix = "`nixl-launch up` makes it again";
        return vec![Check::fail("security-group", "the cluster has none", fix)];
    };
    vec![
        Check::pass("security-group", format!("{} ({})", group.id, group.name)),
        rule(group, "self-ingress", group.self_ingress, "ingress"),
        rule(group, "self-egress", group.self_egress, "egress"),
        open_egress(group),
    ]
}

fn rule(group: &SecurityGroup, name: &str, there: bool, direction: &str) -> Check {
    let id = &group.id;
    if there {
        return Check::pass(name, "all traffic between members is allowed").of(id);
    }
    let found = format!(
        "no {direction} rule names the group itself: EFA traffic is dropped, 0.0.0.0/0 does not count for it (libfabric error 4126)"
    );
    let fix = format!(
        "`nixl-launch up` restores it, or: aws ec2 authorize-security-group-{direction} --group-id {id} --ip-permissions 'IpProtocol=-1,UserIdGroupPairs=[{{GroupId={id}}}]'"
    );
    Check::fail(name, found, fix).of(id)
}

fn open_egress(group: &SecurityGroup) -> Check {
    let id = &group.id;
    if group.open_egress {
        return Check::pass("egress", "nodes may reach AWS").of(id);
    }
    let fix = format!(
        "unless VPC endpoints with rules of their own are meant: aws ec2 authorize-security-group-egress --group-id {id} --ip-permissions 'IpProtocol=-1,IpRanges=[{{CidrIp=0.0.0.0/0}}]'"
    );
    Check::warn("egress", "nothing lets nodes out to SSM, EC2, S3 and SageMaker", fix).of(id)
}

fn zone(nodes: &[Instance]) -> Check {
    let zones: BTreeSet<&str> = nodes.iter().map(|node| node.zone.as_str()).collect();
    let told = zones.iter().copied().collect::<Vec<_>>().join(", ");
    if zones.len() == 1 {
        return Check::pass("zone", told);
    }
    let fix = "`nixl-launch down`, then `nixl-launch up`: EFA does not cross zones";
    Check::fail("zone", format!("nodes are in {told}"), fix)
}

fn placement(facts: &Facts, nodes: &[Instance]) -> Check {
    let name = "placement-group";
    let used: BTreeSet<Option<&str>> =
        nodes.iter().map(|node| node.placement_group.as_deref()).collect();
    let fix = "`nixl-launch down`, then `nixl-launch up`";
    let group = match used.iter().copied().collect::<Vec<_>>()[..] {
        [Some(group)] => group,
        [None] if nodes.iter().any(|node| node.reservation_used.is_some()) => {
            return Check::pass(name, "none, as the nodes are in a reservation");
        }
        [None] => return Check::warn(name, "none: the nodes may be far from each other", fix),
        _ => return Check::warn(name, "not all nodes are in the same", fix),
    };
    match &facts.placement {
        Err(error) => unread(name, error),
        Ok(groups) => match groups.iter().find(|it| it.name == group) {
            Some(it) if it.state == "available" => Check::pass(name, group),
            Some(it) => Check::warn(name, format!("{group} is {}", it.state), fix),
            None => Check::warn(name, format!("{group} is not this cluster's or gone"), fix),
        },
    }
}

fn role(facts: &Facts) -> Vec<Check> {
    let name = facts.cluster.node_role(&facts.region);
    let again = "`nixl-launch up` makes it again; an SSM agent that missed it tries again after up to 30 minutes, or reboot the node";
    let role = match &facts.role {
        Err(error) => return vec![unread("role", error)],
        Ok(None) => return vec![Check::fail("role", format!("{name} is gone"), again)],
        Ok(Some(role)) if !is_ours(&facts.cluster, &role.tags) => {
            let found = format!("{name} is there and not this cluster's");
            return vec![Check::fail("role", found, "choose another --cluster")];
        }
        Ok(Some(role)) => Check::pass("role", &role.name),
    };
    let profile = match &facts.profile {
        Err(error) => unread("profile", error),
        Ok(Some(profile)) if profile.roles.contains(&name) => Check::pass("profile", &profile.name),
        Ok(Some(profile)) => {
            Check::fail("profile", format!("{} does not hold the role", profile.name), again)
        }
        Ok(None) => Check::fail("profile", format!("{name} is gone"), again),
    };
    let policy = match &facts.attached {
        Err(error) => unread("ssm-policy", error),
        Ok(arns) if arns.iter().any(|arn| arn.ends_with(SSM_CORE_POLICY)) => {
            Check::pass("ssm-policy", SSM_CORE_POLICY)
        }
        Ok(_) => {
            let found = format!("the role lacks {SSM_CORE_POLICY}: SSM does not reach the nodes");
            Check::fail("ssm-policy", found, again)
        }
    };
    vec![role, profile, policy]
}

/// The end of all nodes that live, if any does.
pub(super) fn same_end(nodes: &[Instance]) -> Result<Option<End>, Check> {
    let live = nodes.iter().filter(|node| is_live(node));
    let ends: Result<BTreeSet<End>, _> = live.map(End::of).collect();
    let ends = ends.map_err(|error| Check::fail("end", error.to_string(), END_FIX))?;
    let first = ends.first().copied();
    match first {
        Some(first) if ends.len() > 1 => {
            let found = format!("nodes end at different times, the first at {first}");
            Err(Check::warn("end", found, END_FIX))
        }
        first => Ok(first),
    }
}

fn end(facts: &Facts, nodes: &[Instance]) -> Check {
    let first = match same_end(nodes) {
        Err(check) => return check,
        Ok(None) => return Check::skip("end", "no node runs"),
        Ok(Some(first)) => first,
    };
    match first.left_secs(facts.now) {
        None => Check::warn("end", "never: somebody has to take the cluster down", END_FIX),
        Some(left) if left < 0 => {
            Check::fail("end", format!("{first} is over and nodes still run"), END_FIX)
        }
        Some(left) => {
            Check::pass("end", format!("{first}, in {}", crate::render::age(left.unsigned_abs())))
        }
    }
}

/// An `extend` that was cut off leaves the later layers at the old end.
const MEND: &str = "`nixl-launch up` moves what is too early, `nixl-launch extend` moves all";

/// The layer that works with a dead node.
fn schedule(facts: &Facts, nodes: &[Instance]) -> Check {
    let scheduled = match &facts.scheduled {
        Ok(scheduled) => scheduled,
        Err(error) => return unread("schedule", error),
    };
    let ends = |node: &&Instance| {
        let left = End::of(node).ok().and_then(|end| end.left_secs(facts.now));
        node.state == "running" && left.is_some_and(|left| left > 0)
    };
    let without: Vec<&str> = nodes
        .iter()
        .filter(ends)
        .filter(|node| !scheduled.contains_key(&node.id))
        .map(|node| node.id.as_str())
        .collect();
    let other: Vec<String> = nodes
        .iter()
        .filter(ends)
        .filter_map(|node| {
            let (end, at) = (End::of(node).ok()?, scheduled.get(&node.id)?);
            let differs = format!("{at}Z") != end.to_string();
            differs
                .then(|| format!("{} ends at {at}Z by its schedule, its tag says {end}", node.id))
        })
        .collect();
    if !other.is_empty() {
        return Check::warn("schedule", other.join("; "), MEND);
    }
    if without.is_empty() {
        return Check::pass("schedule", "EventBridge Scheduler ends each node that has an end");
    }
    let found = format!("none for {}: only its own timers end it", without.join(", "));
    Check::warn("schedule", found, "`nixl-launch up` makes it again")
}

/// The layer that works without AWS.
fn timer(facts: &Facts, nodes: &[Instance]) -> Check {
    let (mut same, mut other) = (0, Vec::new());
    for node in nodes.iter().filter(|node| is_live(node)) {
        let Some(Ok(NodeSays { end: Some(kept), .. })) = facts.says.get(&node.id) else { continue };
        let Ok(kept) = Timestamp::from_second(*kept) else { continue };
        match End::of(node) {
            Ok(end) if end == End::At(kept) => same += 1,
            Ok(end) => other.push(format!(
                "{} ends at {} by its own timer, its tag says {end}",
                node.id,
                End::At(kept)
            )),
            Err(_) => {}
        }
    }
    match (same, other.is_empty()) {
        (_, false) => Check::warn("timer", other.join("; "), MEND),
        (0, true) => Check::skip("timer", "no node says when its own timer ends it"),
        (_, true) => Check::pass("timer", "the nodes' own timers end them when their tags say"),
    }
}

fn tracking(facts: &Facts, nodes: &[Instance]) -> Vec<Check> {
    let told = nodes.iter().find_map(|node| Tag::find(&node.tags, keys::TRACKING_ARN));
    let Some(arn) = told else {
        return vec![Check::skip("mlflow", "the nodes were told of no tracking server")];
    };
    match &facts.tracking {
        Err(error) => vec![unread("mlflow", error)],
        Ok(None) => {
            let fix = "`nixl-launch up` makes one of this cluster again";
            vec![Check::fail("mlflow", format!("{arn} is gone"), fix)]
        }
        Ok(Some(server)) if server.arn != arn => {
            let found = format!("the nodes were told {arn}, but it is {}", server.arn);
            vec![Check::fail("mlflow", found, "`nixl-launch down`, then `nixl-launch up`")]
        }
        Ok(Some(server)) if !server.active => {
            let fix = "`nixl-launch mlflow start`, or wait while it is being made";
            vec![Check::fail("mlflow", format!("{arn} is {}", server.status), fix)]
        }
        Ok(Some(_)) => vec![Check::pass("mlflow", arn)],
    }
}
