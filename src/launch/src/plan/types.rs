//! Whether an instance type can do what is asked of it.

use super::check::Check;
use super::{Spec, layout};
use crate::failure::joined;
use nixl_aws::ec2::{Image, InstanceTypeInfo};
use nixl_cluster::{Provider, instance_type};

pub(super) fn check(
    spec: &Spec,
    info: &InstanceTypeInfo,
    image: Option<&Image>,
    checks: &mut Vec<Check>,
) {
    let name = &info.name;
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
        checks.push(rdma(name));
        let cards = layout(info, spec.provider).len();
        if cards > 1 {
            checks.push(Check::warn(
                "way-out",
                format!("{name}: with {cards} network interfaces EC2 gives no public address"),
                "the nodes reach AWS only through a NAT gateway or VPC endpoints",
            ));
        }
    }
}

fn rdma(name: &str) -> Check {
    match instance_type::find(name) {
        Some(known) if known.rdma_write => Check::pass("rdma", format!("{name}: read and write")),
        Some(known) => {
            let missing = if known.rdma_read { "RDMA write" } else { "RDMA read or write" };
            Check::warn(
                "rdma",
                format!("{name}: its EFA has no {missing}, one-sided transfers are emulated"),
                "g6.12xlarge and g6e.12xlarge have both",
            )
        }
        None => Check::skip("rdma", format!("{name}: not known")),
    }
}
