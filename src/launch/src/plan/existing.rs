//! Nodes that are there already: whole, none, or an obstacle.

use super::{PublicAddress, Spec, WantedImage, WayOut};
use crate::check::Check;
use crate::keys;
use nixl_aws::Tag;
use nixl_aws::ec2::{Image, Instance};
use nixl_cluster::{Layout, tag};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Name of the check of nodes that are there already.
const NODES: &str = "nodes";

/// What is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Existing {
    /// No node.
    None,
    /// All nodes, by rank.
    Complete(Vec<Instance>),
}

impl Existing {
    /// Nodes that are still to be launched.
    pub(super) fn missing(&self, spec: &Spec) -> u32 {
        if *self == Self::None { spec.size } else { 0 }
    }

    /// Nodes that need an Elastic IP: those that are there as they were launched,
    /// whatever is asked now.
    pub(super) fn elastic(&self, spec: &Spec) -> u32 {
        match self {
            Self::None => spec.size,
            Self::Complete(nodes) => {
                let elastic = nodes.iter().filter(|it| WayOut::of(it) == Some(WayOut::Elastic));
                u32::try_from(elastic.count()).unwrap_or(u32::MAX)
            }
        }
    }
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

/// With their ranks as launch index: who launches one by one says them in a
/// tag, which no node may write, and EC2's index is 0 then.
#[must_use]
pub fn ranked(mut instances: Vec<Instance>) -> Vec<Instance> {
    for instance in &mut instances {
        let told = Tag::find(&instance.tags, tag::RANK).and_then(|rank| rank.parse().ok());
        instance.launch_index = told.unwrap_or(instance.launch_index);
    }
    instances
}

/// A whole cluster of another size is there.
fn other_size(spec: &Spec, there: &str) -> Check {
    Check::fail(
        NODES,
        format!(
            "cluster {} is there with {there} nodes, {} are asked for",
            spec.cluster, spec.size
        ),
        "run `nixl-launch down` first",
    )
}

pub(super) fn judge(spec: &Spec, instances: &[Instance]) -> Result<Existing, Check> {
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
        let stack = live.iter().find_map(|node| Tag::find(&node.tags, keys::STACK));
        return Err(match stack {
            Some(stack) => Check::fail(
                NODES,
                format!("cluster {} was made by CloudFormation stack {stack}", spec.cluster),
                format!("change it there: update stack {stack}, or delete it first"),
            ),
            None => Check::fail(
                NODES,
                format!("cluster {} is not whole ({})", spec.cluster, seen.join(", ")),
                "run `nixl-launch down`, then `nixl-launch up`",
            ),
        });
    }
    if live.len() as u32 != spec.size {
        return Err(other_size(spec, &size));
    }
    Ok(Existing::Complete(live))
}

/// Of nodes that are there: what was asked and is not so.
pub(super) fn checks(spec: &Spec, image: Option<&Image>, existing: &Existing) -> Vec<Check> {
    let Existing::Complete(nodes) = existing else {
        return vec![Check::pass(NODES, "none is there yet")];
    };
    let mut checks = vec![Check::pass(NODES, format!("all {} are there already", nodes.len()))];
    checks.extend(differences(spec, image, nodes));
    checks
}

fn differences(spec: &Spec, image: Option<&Image>, nodes: &[Instance]) -> Vec<Check> {
    let Some(node) = nodes.first() else { return Vec::new() };
    let told = Tag::find(&node.tags, keys::PROVIDER).unwrap_or("?");
    let roles = |size, prefill| Layout { size, prefill }.roles().map(|roles| roles.to_string());
    let asked_roles = roles(spec.size, spec.prefill);
    let prefill = Tag::find(&node.tags, keys::PREFILL).and_then(|told| told.parse().ok());
    let roles_there = roles(spec.size, prefill).unwrap_or_else(|| "no roles".to_owned());
    let way_out = WayOut::of(node);
    let public_address = match (spec.public_address, way_out) {
        (PublicAddress::None, Some(WayOut::Private)) | (PublicAddress::Auto, _) => None,
        (PublicAddress::None, _) => Some("none"),
        (PublicAddress::Elastic, _) => Some("elastic"),
    };
    let named = image.filter(|_| spec.image != WantedImage::Newest);
    let asked_image = named.map(|image| image.id.as_str());
    let pairs = [
        ("--provider", Some(spec.provider.as_str()), told),
        ("--roles", asked_roles.as_deref(), &roles_there),
        ("--image", asked_image, node.image_id.as_str()),
        ("--public-address", public_address, way_out.map_or("?", WayOut::as_str)),
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
            Some(Check::warn(
                NODES,
                format!("the cluster is already there with {there}; {flag} {asked} has no effect"),
                "run `nixl-launch down` first to have it otherwise",
            ))
        })
        .collect()
}
