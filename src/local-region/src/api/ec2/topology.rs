//! DescribeInstanceTopology: how near instances are to each other in AWS's network.

use super::instances::check_ids;
use super::paging::{page_by, whole_if_by_id};
use super::placement_groups::check_known;
use super::{dry_run, filter::Filters};
use crate::api::{Answer, Call, params::Params, tags::Tags};
use crate::rules::topology as rules;
use crate::state::ec2::{Ec2, Instance, InstanceState};
use serde_json::{Value, json};
use std::hash::{DefaultHasher, Hash, Hasher};

/// Families whose topology is told in three levels.
const THREE_LEVELS: &[&str] = &[
    "g6e", "g7e", "hpc6a", "hpc6id", "hpc7a", "hpc7g", "hpc8a", "p3dn", "p4d", "p4de", "p5", "p5e",
    "p5en", "trn1", "trn1n", "trn2", "trn2u",
];
/// Families whose topology is told in four levels.
const FOUR_LEVELS: &[&str] = &["p6-b200"];

/// How many levels are told of a type, if any.
fn levels(instance_type: &str) -> Option<usize> {
    let (family, _) = instance_type.split_once('.')?;
    let in_list = |list: &[&str]| list.contains(&family);
    if in_list(THREE_LEVELS) { Some(3) } else { in_list(FOUR_LEVELS).then_some(4) }
}

/// Network nodes from the top down to the one an instance is connected to.
/// Instances of a cluster placement group share all of them, those of a zone
/// only the top.
fn nodes(ec2: &Ec2, i: &Instance, levels: usize, grouped: bool) -> Vec<String> {
    let group = i.placement_group.as_ref().filter(|name| {
        grouped && ec2.placement_groups.get(*name).is_some_and(|group| group.strategy == "cluster")
    });
    let near = group.unwrap_or(&i.id);
    let node = |level: usize| {
        let mut hasher = DefaultHasher::new();
        (&ec2.vpc_id, &i.zone, level, (level > 0).then_some(near)).hash(&mut hasher);
        format!("nn-0{:016x}", hasher.finish())
    };
    (0..levels).map(node).collect()
}

/// The running instances whose topology is known.
pub fn describe(call: &Call<'_>, p: &Params) -> Answer {
    let in_force = &call.region.rules;
    let filters = Filters::read(call, p, &["availability-zone", "instance-type", "zone-id"])?;
    let ids = p.list("InstanceId");
    let groups = p.list("GroupName");
    whole_if_by_id(call, p, &ids, (&rules::IDS, "instancesSet"))?;
    let state = call.state();
    check_ids(&state, &ids)?;
    check_known(&state, &groups)?;
    dry_run(p)?;
    let ec2 = &state.ec2;
    let all = !in_force.on(&rules::RUNNING);
    let mut found: Vec<Value> = Vec::new();
    for i in ec2.instances.values().filter(|i| all || i.state == InstanceState::Running) {
        let Some(levels) = levels(&i.instance_type) else { continue };
        let asked = (ids.is_empty() || ids.contains(&i.id))
            && (groups.is_empty() || i.placement_group.iter().any(|name| groups.contains(name)));
        let kept = filters.keep(&Tags::new(), |name| {
            vec![match name {
                "availability-zone" => i.zone.clone(),
                "instance-type" => i.instance_type.clone(),
                _ => i.zone_id.clone(),
            }]
        });
        if asked && kept && !ec2.hides(&i.id) {
            found.push(json!({
                "instanceId": i.id,
                "instanceType": i.instance_type,
                "groupName": i.placement_group,
                "networkNodeSet": nodes(ec2, i, levels, in_force.on(&rules::NODES)),
                "availabilityZone": i.zone,
                "zoneId": i.zone_id,
            }));
        }
    }
    let (items, next) = page_by(call, found, p, (1, 100), Some(20))?;
    Ok(json!({"instanceSet": items, "nextToken": next}))
}
