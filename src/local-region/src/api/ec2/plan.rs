//! What RunInstances is to start: every part of the request that names
//! something is checked here, before anything is made.

use super::catalogue::InstanceType;
use super::market::Demand;
use super::nics::{self, Wanted};
use super::place::Place;
use super::{images, placement_groups, profile, quota, reservations};
use crate::api::{ApiError, params::Params};
use crate::rules::{capacity, launch as rules, quotas};
use crate::state::State;
use crate::state::capacity::Market;
use crate::state::ec2::Image;
use base64::Engine;
use jiff::Timestamp;

/// Limit of decoded user data.
const MAX_USER_DATA_BYTES: usize = 16 * 1024;

/// A parameter with a bad value.
pub fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new("InvalidParameterValue", message)
}

/// Parameters that do not go together.
pub fn combination(message: impl Into<String>) -> ApiError {
    ApiError::new("InvalidParameterCombination", message)
}

/// A launch whose every part was checked.
pub struct Plan {
    /// Instances.
    pub count: u32,
    /// Image.
    pub image: Image,
    /// Type name.
    pub instance_type: String,
    /// Market.
    pub market: Market,
    /// Capacity Reservations of the first instances.
    pub reserved: Vec<String>,
    /// Index of the subnet.
    pub subnet: usize,
    /// Interfaces, primary first.
    pub interfaces: Vec<Wanted>,
    /// Placement group.
    pub placement_group: Option<String>,
    /// Instance profile.
    pub profile: Option<String>,
    /// Decoded user data.
    pub user_data: Option<Vec<u8>>,
}

/// Checks a request.
pub fn plan(
    state: &State,
    p: &Params,
    demand: &Demand,
    place: &Place,
    now: Timestamp,
) -> Result<Plan, ApiError> {
    let t = demand.instance_type;
    let image = image(state, p)?;
    images::check_available(&state.rules, &image, now)?;
    offered(state, t, place, &image)?;
    let interfaces = nics::read(state, p, t)?;
    let placement_group = placement_groups::of_launch(state, p, demand, &place.zone, now)?;
    let profile = profile::named(state, p, now)?;
    let user_data = user_data(state, p.get("UserData"))?;
    let at = (place.zone.as_str(), placement_group.as_deref());
    let target = reservations::target(state, p, demand, at, now)?;
    demand.check_here()?;
    let most =
        |room: u32| if state.rules.on(&quotas::ONCE) { demand.most - room } else { demand.most };
    let (count, reserved) = match target {
        Some(target) => {
            let room = target.available(&state.ec2, now).clamp(demand.least, demand.most);
            quota::check(state, t, demand.market, most(demand.most), now)?;
            (room, vec![target.id.clone(); room as usize])
        }
        None => {
            let reserved = reservations::open(state, p, demand, at, now);
            let room = u32::try_from(reserved.len()).unwrap_or(u32::MAX);
            // AWS tells of limits of the account before want of capacity.
            quota::check(state, t, demand.market, most(room.min(demand.most)), now)?;
            (demand.count(state, place, room, now)?, reserved)
        }
    };
    let subnet = &state.ec2.subnets[place.subnet];
    let addresses =
        interfaces.iter().filter(|n| n.kind != "efa-only" && n.existing.is_none()).count()
            * count as usize;
    state.rules.check(&capacity::ADDRESSES, addresses <= subnet.free(), || {
        let message = format!(
            "There are not enough free addresses in subnet '{}' to satisfy the requested number of instances.",
            subnet.id
        );
        ApiError::new("InsufficientFreeAddressesInSubnet", message)
    })?;
    Ok(Plan {
        count,
        image,
        instance_type: t.name.clone(),
        market: demand.market,
        reserved,
        subnet: place.subnet,
        interfaces,
        placement_group,
        profile,
        user_data,
    })
}

fn image(state: &State, p: &Params) -> Result<Image, ApiError> {
    match images::find(&state.ec2, p.need("ImageId")?) {
        Ok(image) => Ok(image.clone()),
        Err(error) => {
            // Without the rule any image will do.
            let any = state.ec2.images.values().next();
            let refusal = error.clone();
            state.rules.check(&rules::IMAGE, false, || refusal)?;
            any.cloned().ok_or(error)
        }
    }
}

/// Whether the type is offered here and can start the image.
fn offered(state: &State, t: &InstanceType, at: &Place, image: &Image) -> Result<(), ApiError> {
    let in_force = &state.rules;
    in_force.check(&capacity::REGION, t.offered(), || {
        let message = "The requested configuration is currently not supported. Please check the documentation for supported configurations.";
        ApiError::new("Unsupported", message)
    })?;
    let here = t.offered_in(&at.zone) || !t.offered();
    in_force.check(&capacity::ZONE, here, || {
        let message = format!(
            "Your requested instance type ({}) is not supported in your requested Availability Zone ({}). Please retry your request by not specifying an Availability Zone or choosing {}.",
            t.name,
            at.zone,
            t.zones().collect::<Vec<_>>().join(", ")
        );
        ApiError::new("Unsupported", message)
    })?;
    let fits = t.architectures.iter().any(|a| a == images::ARCHITECTURE);
    in_force.check(&capacity::ARCHITECTURE, fits, || {
        invalid(format!(
            "The architecture '{}' of the specified instance type does not match the architecture '{}' of the specified AMI ({}). Specify an instance type and an AMI that have matching architectures, and try again.",
            t.architectures.join(","),
            images::ARCHITECTURE,
            image.id
        ))
    })
}

/// Decoded user data; none if there is no text.
pub fn user_data(state: &State, text: Option<&str>) -> Result<Option<Vec<u8>>, ApiError> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    let data = base64::engine::general_purpose::STANDARD.decode(text).ok();
    state.rules.check(&rules::USER_DATA_BASE64, data.is_some(), || {
        invalid("Invalid BASE64 encoding of user data.")
    })?;
    let data = data.unwrap_or_else(|| text.as_bytes().to_vec());
    state.rules.check(&rules::USER_DATA_SIZE, data.len() <= MAX_USER_DATA_BYTES, || {
        invalid("User data is limited to 16384 bytes")
    })?;
    Ok(Some(data))
}
