//! How nodes reach AWS from their subnet.

use super::{Facts, PublicAddress, Spec, WayOut, layout};
use nixl_aws::ec2::InstanceTypeInfo;

/// EC2 assigns a public address to a single interface only (API reference,
/// AssociatePublicIpAddress); several need an Elastic IP, which works only
/// where the subnet is public.
pub(super) fn decide(
    spec: &Spec,
    facts: &Facts,
    info: &InstanceTypeInfo,
    subnet_id: &str,
) -> WayOut {
    let public = || facts.subnets.iter().any(|it| it.id == subnet_id && it.map_public_ip);
    match spec.public_address {
        PublicAddress::None => WayOut::Private,
        PublicAddress::Elastic => WayOut::Elastic,
        PublicAddress::Auto if layout(info, spec.provider).len() == 1 => WayOut::Assigned,
        PublicAddress::Auto if public() => WayOut::Elastic,
        PublicAddress::Auto => WayOut::Private,
    }
}
