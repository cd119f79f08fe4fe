//! How nodes reach AWS from their subnet.

use super::{Attempt, Existing, Facts, PublicAddress, Spec, WayOut, layout, quota};
use crate::check::Check;
use crate::failure::joined;
use nixl_aws::ec2::{InstanceTypeInfo, RouteTable};

const NAME: &str = "way-out";

/// EC2 assigns a public address to a single interface only (API reference,
/// AssociatePublicIpAddress); several need an Elastic IP, which works only
/// where the subnet is public.
pub(super) fn decide(
    spec: &Spec,
    facts: &Facts,
    info: &InstanceTypeInfo,
    subnet_id: &str,
) -> WayOut {
    match spec.public_address {
        PublicAddress::None => WayOut::Private,
        PublicAddress::Elastic => WayOut::Elastic,
        // An address is of no use behind a NAT gateway.
        PublicAddress::Auto if is_public(facts, subnet_id) == Some(false) => WayOut::Private,
        PublicAddress::Auto if layout(info, spec.provider).len() == 1 => WayOut::Assigned,
        PublicAddress::Auto => WayOut::Elastic,
    }
}

/// Where 0.0.0.0/0 leads from the subnet, if its route table is known.
fn default_target<'a>(facts: &'a Facts, subnet_id: &str) -> Option<Option<&'a str>> {
    let vpc_id = &facts.subnets.iter().find(|it| it.id == subnet_id)?.vpc_id;
    default_route(facts.routes.value()?, vpc_id, subnet_id)
}

/// Where 0.0.0.0/0 leads from a subnet, by its own table or else its VPC's, if
/// one of them is there.
pub(crate) fn default_route<'a>(
    tables: &'a [RouteTable],
    vpc_id: &str,
    subnet_id: &str,
) -> Option<Option<&'a str>> {
    let own = tables.iter().find(|table| table.subnet_ids.iter().any(|id| id == subnet_id));
    let table = own.or_else(|| tables.iter().find(|it| it.is_main && it.vpc_id == vpc_id))?;
    Some(table.default_target.as_deref())
}

/// Whether the internet is reached with a public address: by the route, or else
/// by whether instances get one there.
fn is_public(facts: &Facts, subnet_id: &str) -> Option<bool> {
    match default_target(facts, subnet_id) {
        Some(target) => Some(target.is_some_and(|target| target.starts_with("igw-"))),
        None => facts.subnets.iter().find(|it| it.id == subnet_id).map(|it| it.map_public_ip),
    }
}

/// One check for each type and way.
pub(super) fn checks(spec: &Spec, facts: &Facts, attempts: &[Attempt]) -> Vec<Check> {
    let mut checks: Vec<Check> = Vec::new();
    for attempt in attempts {
        let Some(of) = facts.types.iter().find(|of| of.info.name == attempt.instance_type) else {
            continue;
        };
        let check = check(facts, attempt, layout(&of.info, spec.provider).len());
        if !checks.contains(&check) {
            checks.push(check);
        }
    }
    checks
}

fn check(facts: &Facts, attempt: &Attempt, interfaces: usize) -> Check {
    let name = &attempt.instance_type;
    let subnet = &attempt.place.subnet_id;
    let target = default_target(facts, subnet);
    match (attempt.way_out, target) {
        (WayOut::Assigned, _) => {
            Check::pass(NAME, format!("{name}: EC2 gives its one interface a public address"))
        }
        (WayOut::Elastic, Some(target)) if !target.is_some_and(|it| it.starts_with("igw-")) => {
            Check::warn(
                NAME,
                format!(
                    "{name}: an Elastic IP in {subnet}, which has no route to an internet gateway"
                ),
                "choose a public --subnet, or --public-address none",
            )
        }
        (WayOut::Elastic, _) => Check::pass(
            NAME,
            format!(
                "{name}: an Elastic IP on each node, with {interfaces} interfaces EC2 gives none"
            ),
        ),
        (WayOut::Private, Some(Some(target))) if target.starts_with("nat-") => {
            Check::pass(NAME, format!("{name}: no public address, out by {target}"))
        }
        (WayOut::Private, _) => Check::warn(
            NAME,
            format!(
                "{name}: no public address in {subnet}; nodes must reach EC2, SSM and SageMaker"
            ),
            "see to a NAT gateway or VPC endpoints (ec2, ssm, ssmmessages, ec2messages, sagemaker.api, s3), or say --public-address elastic in a public --subnet",
        ),
    }
}

/// Elastic IPs are few: 5 in a region unless more are asked for. EC2 would refuse
/// them only once the nodes run, so attempts that need more than there are give
/// way to those that need none.
pub(super) fn addresses(
    spec: &Spec,
    facts: &Facts,
    existing: &Existing,
    attempts: &mut Vec<Attempt>,
) -> Option<Check> {
    const NAME: &str = "addresses";
    let needs_one = |attempt: &Attempt| attempt.way_out == WayOut::Elastic;
    let elastic = existing.elastic(spec);
    if elastic == 0 || !attempts.iter().any(needs_one) {
        return None;
    }
    let (Some(used), Some(limit)) = (facts.addresses.value(), facts.address_limit.value()) else {
        return Some(Check::skip(NAME, "how many Elastic IPs are left is not known"));
    };
    let need = elastic.saturating_sub(facts.own_addresses);
    let found = format!("{need} Elastic IPs needed, {used} used, limit {limit}");
    if f64::from(used.saturating_add(need)) <= *limit {
        return Some(Check::pass(NAME, found));
    }
    let fix = format!(
        "release some, say --public-address none, or ask for more: `aws service-quotas request-service-quota-increase --service-code {} --quota-code {} --desired-value {} --region {}`",
        quota::SERVICE,
        quota::ADDRESSES,
        used.saturating_add(need),
        spec.region
    );
    if attempts.iter().all(needs_one) {
        return Some(Check::fail(NAME, found, fix));
    }
    let mut out: Vec<String> = Vec::new();
    for attempt in attempts.extract_if(.., |it| needs_one(it)) {
        let way = format!("{} in {}", attempt.instance_type, attempt.place.zone);
        if !out.contains(&way) {
            out.push(way);
        }
    }
    Some(Check::warn(NAME, format!("{found}; left out: {}", joined(&out)), fix))
}
