//! Where a launch goes: a subnet, and with it a zone.

use super::market::Demand;
use super::plan::{combination, invalid};
use crate::api::{ApiError, params::Params};
use crate::rules::{capacity, interfaces, launch as rules};
use crate::state::State;
use jiff::Timestamp;

/// Subnet and zone of a launch.
pub struct Place {
    /// Index of the subnet.
    pub subnet: usize,
    /// Zone.
    pub zone: String,
    /// The request names a subnet or zone; else EC2 chose.
    pub asked: bool,
}

/// Reads it from the request or, if that leaves it open, chooses.
pub fn place(
    state: &State,
    p: &Params,
    demand: &Demand,
    now: Timestamp,
) -> Result<Place, ApiError> {
    let in_force = &state.rules;
    let nics = p.groups("NetworkInterface");
    let top_subnet = p.get("SubnetId");
    let top_groups = !p.list("SecurityGroupId").is_empty() || !p.list("SecurityGroup").is_empty();
    let both = !nics.is_empty() && (top_subnet.is_some() || top_groups);
    in_force.check(&interfaces::TOP_LEVEL, !both, || {
        combination("Network interfaces and an instance-level subnet ID or security groups may not be specified on the same request")
    })?;
    let subnets = &state.ec2.subnets;
    let of_interface = |n: &Params| {
        let (_, interface) = state.ec2.interface(n.get("NetworkInterfaceId")?)?;
        Some(interface.subnet_id.as_str())
    };
    let mut wanted: Vec<&str> =
        nics.iter().filter_map(|n| n.get("SubnetId").or_else(|| of_interface(n))).collect();
    wanted.extend(top_subnet);
    let zone = p.sub("Placement").get("AvailabilityZone").map(str::to_owned);
    if let Some(unknown) = wanted.iter().find(|id| !subnets.iter().any(|s| s.id == **id)) {
        in_force.check(&rules::SUBNET, false, || {
            let message = format!("The subnet ID '{unknown}' does not exist");
            ApiError::new("InvalidSubnetID.NotFound", message)
        })?;
    }
    let named = wanted.first().and_then(|id| subnets.iter().position(|s| s.id == *id));
    let in_zone = |zone: &str| subnets.iter().position(|subnet| subnet.zone == zone);
    let of_zone = zone.as_deref().and_then(in_zone);
    in_force.check(&rules::ZONE_NAME, zone.is_none() || of_zone.is_some(), || {
        invalid(format!("Invalid availability zone: [{}]", zone.as_deref().unwrap_or_default()))
    })?;
    let asked = named.or(of_zone);
    let chosen = || {
        let zone = demand.any_zone(state, now).filter(|_| in_force.on(&capacity::OTHER_ZONE));
        zone.or_else(|| demand.instance_type.zones().next()).and_then(in_zone)
    };
    let subnet = asked.or_else(chosen).unwrap_or(0);
    let known = |id: &str| subnets.iter().any(|s| s.id == id);
    if wanted.iter().any(|id| known(id) && *id != subnets[subnet].id) {
        return Err(combination(
            "Network interfaces are in different subnets; the local region's interfaces share one.",
        ));
    }
    in_force.check(&rules::ZONE_OF_SUBNET, of_zone.is_none_or(|index| index == subnet), || {
        invalid(format!(
            "The availability zone does not match the zone of subnet '{}'",
            subnets[subnet].id
        ))
    })?;
    Ok(Place { subnet, zone: subnets[subnet].zone.to_owned(), asked: asked.is_some() })
}
