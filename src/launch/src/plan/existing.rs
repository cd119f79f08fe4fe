//! Nodes that are there already: whole, none, or an obstacle.

use super::{Finding, Spec};
use crate::keys;
use nixl_aws::Tag;
use nixl_aws::ec2::Instance;
use nixl_cluster::{Layout, tag};
use std::collections::BTreeSet;

/// What is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Existing {
    /// No node.
    None,
    /// All nodes, by rank.
    Complete(Vec<Instance>),
}

/// Whether the instance runs or is about to.
#[must_use]
pub fn is_live(instance: &Instance) -> bool {
    matches!(instance.state.as_str(), "pending" | "running")
}

/// The live instances, by rank.
#[must_use]
pub fn live(instances: &[Instance]) -> Vec<Instance> {
    let mut live: Vec<Instance> = instances.iter().filter(|i| is_live(i)).cloned().collect();
    live.sort_by_key(|instance| instance.launch_index);
    live
}

pub(super) fn judge(spec: &Spec, instances: &[Instance]) -> Result<Existing, Finding> {
    let live = live(instances);
    let gone = |i: &&Instance| !is_live(i) && i.state != "terminated";
    let dying: Vec<&Instance> = instances.iter().filter(gone).collect();
    if live.is_empty() && dying.is_empty() {
        return Ok(Existing::None);
    }
    let size = live.first().and_then(|i| Tag::find(&i.tags, tag::SIZE)).unwrap_or("?").to_owned();
    let reservations: BTreeSet<&str> = live.iter().map(|i| i.reservation_id.as_str()).collect();
    if !dying.is_empty() || reservations.len() != 1 || size != live.len().to_string() {
        let mut seen = vec![format!("{} of {size} nodes live", live.len())];
        seen.extend(dying.iter().map(|i| format!("{} {}", i.id, i.state)));
        if reservations.len() > 1 {
            seen.push(format!("from {} launches", reservations.len()));
        }
        return Err(Finding::Half { cluster: spec.cluster.to_string(), seen: seen.join(", ") });
    }
    if live.len() as u32 != spec.size {
        let cluster = spec.cluster.to_string();
        return Err(Finding::OtherSize { cluster, there: size, asked: spec.size });
    }
    Ok(Existing::Complete(live))
}

/// What was asked and is not so, because the cluster is there already.
pub(super) fn differences(spec: &Spec, nodes: &[Instance]) -> Vec<String> {
    let Some(node) = nodes.first() else { return Vec::new() };
    let told = Tag::find(&node.tags, keys::PROVIDER).unwrap_or("?");
    let roles = |size, prefill| Layout { size, prefill }.roles().map(|roles| roles.to_string());
    let asked_roles = roles(spec.size, spec.prefill);
    let prefill = Tag::find(&node.tags, keys::PREFILL).and_then(|told| told.parse().ok());
    let roles_there = roles(spec.size, prefill).unwrap_or_else(|| "no roles".to_owned());
    let pairs = [
        ("--provider", Some(spec.provider.as_str()), told),
        ("--roles", asked_roles.as_deref(), &roles_there),
        ("--ami", spec.ami.as_deref(), node.image_id.as_str()),
    ];
    let one_of = |asked: &[String], there: &str| {
        (!asked.is_empty() && !asked.iter().any(|it| it == there)).then(|| asked.join(","))
    };
    let types = one_of(&spec.instance_types, &node.instance_type);
    let zones = one_of(&spec.zones, &node.zone);
    let lists = [
        ("--instance-type", types.as_deref(), node.instance_type.as_str()),
        ("--zone", zones.as_deref(), node.zone.as_str()),
    ];
    lists
        .into_iter()
        .chain(pairs)
        .filter_map(|(flag, asked, there)| {
            let asked = asked.filter(|asked| *asked != there)?;
            Some(format!("the cluster is already there with {there}; {flag} {asked} has no effect"))
        })
        .collect()
}
