//! VPC, zones and subnets.

use super::{Attempt, Facts, Spec, TypeFacts, reservation};
use crate::check::Check;
use crate::failure::joined;
use crate::input::only_near;
use nixl_aws::ec2::Subnet;

/// A zone to try, and the subnet in it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// Zone name.
    pub zone: String,
    /// Subnet.
    pub subnet_id: String,
}

/// Name of the check of zones and subnets.
const ZONES: &str = "zones";
const VPC: &str = "vpc";

/// The VPC of the subnets asked for, or the default one.
pub(super) fn vpc(spec: &Spec, facts: &Facts) -> Result<String, Check> {
    if spec.subnets.is_empty() {
        let vpc = facts.vpcs.iter().find(|vpc| vpc.is_default).ok_or_else(|| {
            Check::fail(
                VPC,
                "the region has no default VPC",
                "make one with `aws ec2 create-default-vpc`, or say --subnet",
            )
        })?;
        return Ok(vpc.id.clone());
    }
    let mut vpcs = Vec::new();
    for id in &spec.subnets {
        let subnet = facts.subnets.iter().find(|it| it.id == *id).ok_or_else(|| {
            Check::fail(
                VPC,
                format!("subnet {id} is not there in {}", spec.region),
                "list yours with `aws ec2 describe-subnets`",
            )
        })?;
        if !vpcs.contains(&subnet.vpc_id) {
            vpcs.push(subnet.vpc_id.clone());
        }
    }
    if vpcs.len() > 1 {
        let found = format!("the subnets are in several VPCs: {}", joined(&vpcs));
        return Err(Check::fail(VPC, found, "name subnets of one, EFA does not leave a VPC"));
    }
    Ok(vpcs.remove(0))
}

/// The places to try for a type: zones as asked for, else by name; one subnet
/// in each, with addresses for the nodes that are `missing`.
pub(super) fn places(
    spec: &Spec,
    facts: &Facts,
    of: &TypeFacts,
    vpc_id: &str,
    missing: u32,
) -> Result<Vec<Place>, Check> {
    let usable = |subnet: &&Subnet| {
        subnet.vpc_id == vpc_id
            && (spec.subnets.contains(&subnet.id)
                || spec.subnets.is_empty() && subnet.default_for_zone)
            && subnet.free_addresses >= missing
            && of.zones.contains(&subnet.zone)
            && reservation::of(spec, facts).is_none_or(|it| it.zone == subnet.zone)
    };
    let instance_type = &of.info.name;
    let asked = |subnet: &Subnet| spec.subnets.iter().position(|id| *id == subnet.id);
    let mut subnets: Vec<&Subnet> = facts.subnets.iter().filter(usable).collect();
    subnets.sort_by_key(|it| (it.zone.clone(), asked(it), it.id.clone()));
    subnets.dedup_by(|second, first| second.zone == first.zone);
    let mut places: Vec<Place> = subnets
        .into_iter()
        .map(|subnet| Place { zone: subnet.zone.clone(), subnet_id: subnet.id.clone() })
        .collect();
    let kind = if spec.subnets.is_empty() { "default" } else { "named" };
    if places.is_empty() {
        return Err(Check::fail(
            ZONES,
            format!(
                "no zone offers {instance_type} and has a {kind} subnet with {missing} free addresses (offered in: {})",
                joined(&of.zones)
            ),
            "choose another --instance-type or --subnet",
        ));
    }
    if spec.zones.is_empty() {
        return Ok(places);
    }
    let possible: Vec<String> = places.iter().map(|place| place.zone.clone()).collect();
    if let Some(zone) = spec.zones.iter().find(|zone| !possible.contains(zone)) {
        let why = if !is_known(facts, zone) {
            format!("{} has no such zone", spec.region)
        } else if of.zones.contains(zone) {
            format!("it has no {kind} subnet with enough free addresses")
        } else {
            "the type is not offered there".to_owned()
        };
        return Err(Check::fail(
            ZONES,
            format!("zone {zone} cannot be used for {instance_type}: {why}"),
            format!(
                "possible: {}{}",
                joined(&possible),
                only_near(zone, possible.iter().map(String::as_str))
            ),
        ));
    }
    let rank = |place: &Place| spec.zones.iter().position(|zone| *zone == place.zone);
    places.retain(|place| rank(place).is_some());
    places.sort_by_key(|place| rank(place));
    Ok(places)
}

/// Whether anything that was read is in the zone.
fn is_known(facts: &Facts, zone: &String) -> bool {
    facts.subnets.iter().any(|it| it.zone == *zone)
        || facts.types.iter().any(|of| of.zones.contains(zone))
}

/// The order, and why it is so.
pub(super) fn check(spec: &Spec, of: &TypeFacts, places: &[Place]) -> Check {
    let zones: Vec<&str> = places.iter().map(|place| place.zone.as_str()).collect();
    let why = match (&spec.reservation_id, spec.zones.is_empty()) {
        (Some(_), _) => "where the reservation is",
        (None, true) => "by name; EC2's hint reorders them",
        (None, false) => "as asked for",
    };
    Check::pass(ZONES, format!("{}: {} ({why})", of.info.name, joined(&zones)))
}

/// Puts those first that EC2's refusal names as having capacity ("You can
/// currently get … capacity by … choosing us-east-1b, us-east-1c").
pub fn hinted(attempts: &mut [Attempt], refused: &Attempt, message: &str) {
    let Some((_, hint)) = message.split_once("choosing") else { return };
    let named: Vec<&str> = hint.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-')).collect();
    attempts.sort_by_key(|attempt| {
        let same =
            attempt.instance_type == refused.instance_type && attempt.market == refused.market;
        !(same && named.contains(&attempt.place.zone.as_str()))
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::WayOut;

    #[test]
    fn a_hint_reorders_and_nothing_else_does() {
        let attempt = |zone: &str| Attempt {
            instance_type: "g6.12xlarge".to_owned(),
            market: Default::default(),
            place: Place { zone: zone.to_owned(), subnet_id: String::new() },
            way_out: WayOut::Assigned,
            reservation_id: None,
            placement_group: None,
        };
        let mut attempts = ["us-east-1b", "us-east-1c", "us-east-1d"].map(attempt);
        let refused = attempt("us-east-1a");
        hinted(&mut attempts, &refused, "no capacity in us-east-1d");
        assert_eq!(attempts[0].place.zone, "us-east-1b");
        hinted(
            &mut attempts,
            &refused,
            "You can currently get g6.12xlarge capacity by not specifying an Availability Zone in your request or choosing us-east-1d, us-east-1f.",
        );
        let order: Vec<&str> = attempts.iter().map(|it| it.place.zone.as_str()).collect();
        assert_eq!(order, ["us-east-1d", "us-east-1b", "us-east-1c"]);
    }
}
