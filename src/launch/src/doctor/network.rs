//! What lets packets through: place, security group, way out of the subnet.

use super::{Facts, fix, unread};
use crate::check::Check;
use crate::plan::{default_route, is_ours};
use nixl_aws::ec2::{Instance, SecurityGroup};
use nixl_cluster::ClusterName;
use std::collections::BTreeSet;

pub(super) fn judge(facts: &Facts, nodes: &[Instance]) -> Vec<Check> {
    let mut checks = vec![zone(nodes), placement(facts, nodes)];
    checks.extend(security_group(facts, nodes));
    checks.extend(nodes.iter().find(|node| node.state == "running").map(|it| way_out(facts, it)));
    checks
}

fn security_group(facts: &Facts, nodes: &[Instance]) -> Vec<Check> {
    let groups = match &facts.groups {
        Ok(groups) => groups,
        Err(error) => return vec![unread("security-group", error)],
    };
    group_rules(&facts.cluster, groups, nodes)
}

/// The rules of the cluster's group.
pub(super) fn group_rules(
    cluster: &ClusterName,
    groups: &[SecurityGroup],
    nodes: &[Instance],
) -> Vec<Check> {
    let Some(group) = groups.iter().find(|group| is_ours(cluster, &group.tags)) else {
        let fix = format!("{} makes it again", fix::up(nodes));
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
        "`aws ec2 authorize-security-group-{direction} --group-id {id} --ip-permissions 'IpProtocol=-1,UserIdGroupPairs=[{{GroupId={id}}}]'`"
    );
    Check::fail(name, found, fix).of(id)
}

fn open_egress(group: &SecurityGroup) -> Check {
    let id = &group.id;
    if group.open_egress {
        return Check::pass("egress", "nodes may reach AWS").of(id);
    }
    let fix = format!(
        "unless VPC endpoints with rules of their own are meant: `aws ec2 authorize-security-group-egress --group-id {id} --ip-permissions 'IpProtocol=-1,IpRanges=[{{CidrIp=0.0.0.0/0}}]'`"
    );
    Check::warn("egress", "nothing lets nodes out to SSM, EC2, S3 and SageMaker", fix).of(id)
}

fn zone(nodes: &[Instance]) -> Check {
    let zones: BTreeSet<&str> = nodes.iter().map(|node| node.zone.as_str()).collect();
    let told = zones.iter().copied().collect::<Vec<_>>().join(", ");
    if zones.len() == 1 {
        return Check::pass("zone", told);
    }
    let found = format!("nodes are in {told}, and EFA does not cross zones");
    Check::fail("zone", found, fix::again(nodes))
}

fn placement(facts: &Facts, nodes: &[Instance]) -> Check {
    let name = "placement-group";
    let used: BTreeSet<Option<&str>> =
        nodes.iter().map(|node| node.placement_group.as_deref()).collect();
    let fix = fix::again(nodes);
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

/// How the nodes reach AWS now: a public address leads nowhere without a route.
fn way_out(facts: &Facts, node: &Instance) -> Check {
    const NAME: &str = "way-out";
    let (Some(tables), Some(vpc_id), Some(subnet_id)) =
        (facts.known.routes.value(), &node.vpc_id, &node.subnet_id)
    else {
        return Check::skip(NAME, "where the subnet's routes lead is not known");
    };
    let endpoints = "VPC endpoints (ec2, ssm, ssmmessages, ec2messages, sagemaker.api, s3)";
    match (default_route(tables, vpc_id, subnet_id).flatten(), &node.public_ip) {
        (Some(target), Some(_)) if target.starts_with("igw-") => {
            Check::pass(NAME, format!("public addresses, out by {target}"))
        }
        (Some(target), None) if target.starts_with("igw-") => Check::warn(
            NAME,
            format!(
                "{subnet_id} leads out by {target}, which needs a public address, and the nodes have none"
            ),
            format!("give each an Elastic IP, or see to a NAT gateway or {endpoints}"),
        ),
        (Some(target), _) => Check::pass(NAME, format!("out by {target}")),
        (None, _) => Check::warn(
            NAME,
            format!("{subnet_id} has no default route: the nodes reach AWS only by VPC endpoints"),
            format!("route 0.0.0.0/0 of {subnet_id} to a gateway, or see to {endpoints}"),
        ),
    }
}
