//! Whether an instance type can do what is asked of it.

use super::price::{Price, on_demand};
use super::{Facts, Spec, layout, quota};
use crate::check::Check;
use crate::failure::joined;
use nixl_aws::ec2::{Image, InstanceTypeInfo, Market};
use nixl_cluster::{Provider, instance_type};

/// Types of the same vCPUs and quota that have RDMA read and write.
#[must_use]
pub fn alternatives(name: &str) -> Vec<&'static str> {
    let Some(known) = instance_type::find(name).filter(|known| !known.rdma_write) else {
        return Vec::new();
    };
    let fits = |it: &&instance_type::InstanceType| {
        it.rdma_read
            && it.rdma_write
            && it.vcpus == known.vcpus
            && quota::shared(it.name, name, Market::OnDemand)
    };
    instance_type::TABLE.iter().filter(fits).map(|it| it.name).collect()
}

/// Types that EC2 does not know in this region.
pub(super) fn unknown(spec: &Spec, facts: &Facts) -> Vec<Check> {
    let told = facts.unknown_types.iter().map(|(name, near)| {
        let fix = near.as_ref().map_or("choose another --instance-type".to_owned(), |near| {
            format!("did you mean {near}?")
        });
        Check::fail("instance-type", format!("{name} is not there in {}", spec.region), fix)
    });
    told.collect()
}

pub(super) fn checks(
    spec: &Spec,
    facts: &Facts,
    info: &InstanceTypeInfo,
    image: Option<&Image>,
) -> Vec<Check> {
    let name = &info.name;
    let gpus = if info.gpus == 0 { "no GPU".to_owned() } else { format!("{} GPUs", info.gpus) };
    let mut checks = vec![Check::pass(
        "instance-type",
        format!("{name}: {} vCPUs, {gpus}, {} EFA", info.vcpus, info.efa_max_interfaces),
    )];
    if let Some(image) = image
        && !info.architectures.contains(&image.architecture)
    {
        checks.push(Check::fail(
            "architecture",
            format!(
                "image {} is for {}, but {name} is {}",
                image.id,
                image.architecture,
                joined(&info.architectures)
            ),
            "bake for it or choose another --instance-type",
        ));
    }
    if !info.placement_strategies.iter().any(|strategy| strategy == "cluster") {
        checks.push(Check::fail(
            "placement",
            format!("{name} cannot be in a cluster placement group"),
            "choose another --instance-type",
        ));
    }
    if spec.provider == Provider::Efa.into() && !info.efa_supported {
        checks.push(Check::fail(
            "efa",
            format!("{name} has no EFA"),
            "choose e.g. g6.12xlarge, or --provider tcp",
        ));
    } else if spec.provider != Provider::Tcp.into() {
        checks.push(rdma(facts, name));
        checks.push(interfaces(spec, info));
    }
    checks
}

pub(super) fn rdma(facts: &Facts, name: &str) -> Check {
    const NAME: &str = "rdma";
    let Some(known) = instance_type::find(name) else {
        return Check::skip(NAME, format!("{name}: not in this program's table"));
    };
    if known.rdma_read && known.rdma_write {
        return Check::pass(NAME, format!("{name}: read and write"));
    }
    let missing = if known.rdma_read { "RDMA write" } else { "RDMA read or write" };
    let found = format!(
        "{name}: its EFA has no {missing}, so libfabric emulates NIXL's one-sided transfers in software"
    );
    let offered: Vec<String> = alternatives(name)
        .into_iter()
        .map(|other| match on_demand(facts, other) {
            Some(Price { usd_per_hour, .. }) => format!("{other} (${usd_per_hour} an hour)"),
            None => other.to_owned(),
        })
        .collect();
    if offered.is_empty() {
        return Check::warn(NAME, found, "no type of the same vCPUs and quota has both");
    }
    let here = on_demand(facts, name)
        .map(|price| format!(", {name} is ${} an hour", price.usd_per_hour))
        .unwrap_or_default();
    Check::warn(
        NAME,
        found,
        format!("of the same vCPUs and quota, with both: {}{here}", joined(&offered)),
    )
}

/// The layout as EC2's card data has it.
fn interfaces(spec: &Spec, info: &InstanceTypeInfo) -> Check {
    const NAME: &str = "interfaces";
    let slots = layout(info, spec.provider);
    let efa = slots.iter().filter(|slot| slot.interface_type != "interface").count();
    let found = format!("{}: {efa} EFA on {} network cards", info.name, slots.len());
    match super::network::doubt(&info.name) {
        Some(doubt) => Check::warn(
            NAME,
            format!("{found}; {doubt}"),
            "look at `nixl-noded check` once it runs",
        ),
        None => Check::pass(NAME, found),
    }
}
