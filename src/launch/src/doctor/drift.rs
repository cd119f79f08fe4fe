//! What was launched one way and is another way now, by somebody else's hand.

use super::lifetime::{same_end, schedule, timer};
use super::network::group_rules;
use super::{Read, fix};
use crate::check::Check;
use crate::node_says::NodeSays;
use crate::plan::{is_live, is_ours};
use jiff::Timestamp;
use nixl_aws::ec2::{Instance, SecurityGroup};
use nixl_cluster::ClusterName;
use nixl_cluster::check::Verdict;
use std::collections::{BTreeMap, BTreeSet};

/// What a drift shows in.
#[derive(Debug)]
pub struct Seen<'a> {
    /// Cluster.
    pub cluster: &'a ClusterName,
    /// Region.
    pub region: &'a str,
    /// Its nodes.
    pub nodes: &'a [Instance],
    /// Its security groups.
    pub groups: &'a [SecurityGroup],
    /// When schedules end the nodes, by instance id.
    pub scheduled: &'a Read<BTreeMap<String, String>>,
    /// What nodes said, by instance id.
    pub says: &'a BTreeMap<String, Result<NodeSays, String>>,
    /// Now.
    pub now: Timestamp,
}

/// Every drift; none where all is as it was launched.
#[must_use]
pub fn drift(seen: &Seen<'_>) -> Vec<Check> {
    let Seen { cluster, region, nodes, groups, scheduled, says, now } = *seen;
    let mut checks = group_rules(cluster, groups, nodes);
    checks.push(same_type(nodes));
    checks.extend(same_place(nodes));
    match same_end(nodes) {
        Err(check) => checks.push(check),
        // Who may not read schedules still has a status.
        Ok(_) if scheduled.is_ok() => checks.push(schedule(scheduled, nodes, now)),
        Ok(_) => {}
    }
    let group = groups.iter().find(|group| is_ours(cluster, &group.tags));
    for node in nodes.iter().filter(|node| node.state == "running") {
        let mut own = of_node(node, &cluster.node_role(region), group);
        own.extend(says.get(&node.id).and_then(|it| it.as_ref().ok()).map(|it| timer(node, it)));
        checks.extend(own.into_iter().map(|check| check.of(cluster.node(node.launch_index))));
    }
    checks.retain(|check| check.verdict >= Verdict::Warn);
    checks
}

/// A type can be changed while an instance is stopped.
pub(super) fn same_type(nodes: &[Instance]) -> Check {
    const NAME: &str = "instance-type";
    let types: BTreeSet<&str> =
        nodes.iter().filter(|it| is_live(it)).map(|it| it.instance_type.as_str()).collect();
    let told = types.iter().copied().collect::<Vec<_>>().join(", ");
    match types.len() {
        0 => Check::skip(NAME, "no node runs"),
        1 => Check::pass(NAME, told),
        _ => Check::fail(NAME, format!("nodes are of several types: {told}"), fix::again(nodes)),
    }
}

fn same_place(nodes: &[Instance]) -> Option<Check> {
    let live = nodes.iter().filter(|node| is_live(node));
    let used: BTreeSet<Option<&str>> = live.map(|node| node.placement_group.as_deref()).collect();
    let fix = || fix::again(nodes);
    (used.len() > 1).then(|| Check::warn("placement-group", "not all nodes are in the same", fix()))
}

/// Of a node that runs: what nobody but EC2 has to be asked for.
pub(super) fn of_node(node: &Instance, profile: &str, group: Option<&SecurityGroup>) -> Vec<Check> {
    let mut checks = vec![self::profile(node, profile)];
    checks.extend(metadata(node));
    checks.extend(group.and_then(|group| membership(node, group)));
    checks
}

fn profile(node: &Instance, expected: &str) -> Check {
    let name = "node-profile";
    let id = &node.id;
    let found = match node.profile_arn.as_deref().and_then(|arn| arn.rsplit('/').next()) {
        Some(there) if there == expected => return Check::pass(name, there),
        Some(there) => format!("it has {there} instead of {expected}"),
        None => format!("it has no instance profile: {expected} was taken away"),
    };
    let fix = if node.profile_arn.is_some() {
        format!(
            "`aws ec2 describe-iam-instance-profile-associations --filters Name=instance-id,Values={id}` tells the association's ID; `aws ec2 replace-iam-instance-profile-association --association-id ID --iam-instance-profile Name={expected}`"
        )
    } else {
        format!(
            "`aws ec2 associate-iam-instance-profile --instance-id {id} --iam-instance-profile Name={expected}`"
        )
    };
    Check::fail(name, found, fix)
}

fn metadata(node: &Instance) -> Option<Check> {
    let name = "imds";
    let options = node.metadata?;
    let set = |flag: &str| {
        let id = &node.id;
        format!("`aws ec2 modify-instance-metadata-options --instance-id {id} {flag}`")
    };
    Some(if !options.endpoint {
        let found = "off: the node gets no credentials and does not know what it is";
        Check::fail(name, found, set("--http-endpoint enabled"))
    } else if !options.tags {
        let found = "tells no tags: a daemon that starts again does not find its cluster";
        Check::fail(name, found, set("--instance-metadata-tags enabled"))
    } else if !options.tokens_required {
        let found = "answers without a token (IMDSv1)";
        Check::warn(name, found, set("--http-tokens required"))
    } else {
        Check::pass(name, "version 2, with tags")
    })
}

fn membership(node: &Instance, group: &SecurityGroup) -> Option<Check> {
    let outside = node.interfaces.iter().find(|it| !it.group_ids.contains(&group.id))?;
    let (id, group_id) = (&outside.id, &group.id);
    let found = format!("{id} is not in {group_id}: traffic between members is dropped");
    let fix = format!(
        "`aws ec2 modify-network-interface-attribute --network-interface-id {id} --groups {group_id}`"
    );
    Some(Check::fail("membership", found, fix))
}
