//! What a launch asks of the market: type, counts, how it is bought; and
//! whether there is enough of it.

use super::catalogue::InstanceType;
use super::place::Place;
use super::plan::{combination, invalid};
use crate::api::{ApiError, params::Params};
use crate::rules::{Rules, capacity as rules, launch, power, reservations};
use crate::state::State;
use crate::state::capacity::Market;
use crate::state::ec2::InstanceState;
use crate::state::reservations::Reservation;
use http::StatusCode;
use jiff::Timestamp;

/// Type of a launch that names none.
const DEFAULT_TYPE: &str = "m1.small";
/// A maximum price is more than this.
const LEAST_PRICE_USD: f64 = 0.001;

/// What is to be bought.
pub struct Demand {
    /// Type.
    pub instance_type: &'static InstanceType,
    /// MinCount.
    pub least: u32,
    /// MaxCount.
    pub most: u32,
    /// Market.
    pub market: Market,
    /// An interruption terminates a Spot instance (it could stop or hibernate).
    pub terminates: bool,
}

impl Demand {
    /// Reads it from a request.
    pub fn read(in_force: &Rules, p: &Params) -> Result<Self, ApiError> {
        let name = p.get("InstanceType").unwrap_or(DEFAULT_TYPE);
        let found = InstanceType::find(name);
        in_force.check(&rules::TYPE_UNKNOWN, found.is_some(), || {
            invalid(format!("Invalid value '{name}' for InstanceType."))
        })?;
        let instance_type = found.unwrap_or(&InstanceType::all()[0]);
        let count = |name: &str| {
            let given = p.number::<u32>(name)?;
            in_force.check(&launch::COUNTS_NEEDED, given.is_some(), || {
                let message = format!("The request must contain the parameter {name}");
                ApiError::new("MissingParameter", message)
            })?;
            Ok::<_, ApiError>(given.unwrap_or(1))
        };
        let (least, most) = (count("MinCount")?, count("MaxCount")?);
        in_force.check(&launch::COUNTS, least > 0 && least <= most, || {
            invalid(format!(
                "Value ({least}) for parameter minCount is invalid: it must be 1 to MaxCount ({most})."
            ))
        })?;
        let (market, terminates) = Self::market(in_force, p)?;
        in_force.check(&rules::USAGE_CLASS, instance_type.sold(market), || {
            let message = format!(
                "The instance type {} does not support the usage class {}.",
                instance_type.name,
                market.name()
            );
            ApiError::new("Unsupported", message)
        })?;
        Ok(Self { instance_type, least: least.min(most), most, market, terminates })
    }

    fn market(in_force: &Rules, p: &Params) -> Result<(Market, bool), ApiError> {
        let options = p.sub("InstanceMarketOptions");
        let spot = options.sub("SpotOptions");
        let name = options.get("MarketType").unwrap_or("on-demand");
        let market = Market::named(name);
        in_force.check(&rules::MARKET_TYPE, market.is_some(), || {
            invalid(format!("Value ({name}) for parameter MarketType is invalid."))
        })?;
        let market = market.unwrap_or_default();
        in_force.check(&rules::SPOT_OPTIONS, market == Market::Spot || spot.is_empty(), || {
            combination("SpotOptions may be specified only with the market type 'spot'.")
        })?;
        let behaviour = spot.get("InstanceInterruptionBehavior").unwrap_or("terminate");
        let price: Option<f64> = spot.number("MaxPrice")?;
        let high = price.is_none_or(|price| price > LEAST_PRICE_USD);
        in_force.check(&rules::SPOT_PRICE, high, || {
            invalid("The maximum price must be more than USD 0.001.")
        })?;
        let terminates = behaviour == "terminate";
        match spot.get("SpotInstanceType").unwrap_or("one-time") {
            "persistent" => in_force.check(&rules::SPOT_PERSISTENT, !terminates, || {
                combination("A persistent Spot request needs the interruption behavior 'stop' or 'hibernate'.")
            })?,
            _ => in_force.check(&rules::SPOT_BEHAVIOUR, terminates, || {
                combination(format!("The interruption behavior '{behaviour}' needs a persistent Spot request."))
            })?,
        }
        let target = p.sub("CapacityReservationSpecification").sub("CapacityReservationTarget");
        let named = target.get("CapacityReservationId");
        let block = market == Market::CapacityBlock;
        in_force.check(&rules::BLOCK_TARGET, !block || named.is_some(), || {
            combination("A launch into a Capacity Block must name its Capacity Reservation.")
        })?;
        let one_time = spot.get("SpotInstanceType") != Some("persistent");
        Ok((market, terminates || one_time))
    }

    /// Refuses what this region cannot do, once everything else is right.
    pub fn check_here(&self) -> Result<(), ApiError> {
        if self.terminates {
            return Ok(());
        }
        Err(ApiError::new(
            "UnsupportedOperation",
            "Machines of the local region cannot be stopped and started again.",
        ))
    }

    /// How many of the wanted instances the zone has room for outside of
    /// reservations.
    pub fn room(&self, state: &State, zone: &str, now: Timestamp) -> u32 {
        let free = unreserved(state, zone, &self.instance_type.name, self.market, now);
        free.unwrap_or(self.most).min(self.most)
    }

    fn fits(&self, state: &State, zone: &str, now: Timestamp) -> bool {
        self.instance_type.offered_in(zone) && self.room(state, zone, now) >= self.least
    }

    /// A zone with room for all that is needed.
    pub fn any_zone(&self, state: &State, now: Timestamp) -> Option<&'static str> {
        self.instance_type.zones().find(|zone| self.fits(state, zone, now))
    }

    /// How many can be launched in the zone, given the room in reservations.
    pub fn count(
        &self,
        state: &State,
        place: &Place,
        reserved: u32,
        now: Timestamp,
    ) -> Result<u32, ApiError> {
        let in_force = &state.rules;
        let room = self.room(state, &place.zone, now).saturating_add(reserved).min(self.most);
        let least = if in_force.on(&rules::AT_LEAST) { self.least } else { self.most };
        in_force.check(&rules::INSUFFICIENT, room >= least, || {
            shortage(self.regret(state, place, now))
        })?;
        Ok(room.max(least).max(1))
    }

    fn regret(&self, state: &State, place: &Place, now: Timestamp) -> String {
        let zone = &place.zone;
        let name = &self.instance_type.name;
        if self.market == Market::Spot {
            return "There is no Spot capacity available that matches your request.".to_owned();
        }
        let sorry = "Our system will be working on provisioning additional capacity.";
        if !place.asked {
            return format!(
                "We currently do not have sufficient {name} capacity in zones with support for 'gp2' volumes. {sorry}"
            );
        }
        let elsewhere: Vec<&str> =
            self.instance_type.zones().filter(|zone| self.fits(state, zone, now)).collect();
        let hint = if elsewhere.is_empty() || !state.rules.on(&rules::HINT) {
            String::new()
        } else {
            format!(
                " You can currently get {name} capacity by not specifying an Availability Zone in your request or choosing {}.",
                elsewhere.join(", ")
            )
        };
        format!(
            "We currently do not have sufficient {name} capacity in the Availability Zone you requested ({zone}). {sorry}{hint}"
        )
    }
}

/// The refusal for want of capacity, a server error.
pub fn shortage(message: impl Into<String>) -> ApiError {
    ApiError::new("InsufficientInstanceCapacity", message).status(StatusCode::INTERNAL_SERVER_ERROR)
}

/// Room outside of reservations, if the zone has a limit: what runs in an
/// active reservation is counted by it.
pub fn unreserved(
    state: &State,
    zone: &str,
    instance_type: &str,
    market: Market,
    now: Timestamp,
) -> Option<u32> {
    let ec2 = &state.ec2;
    let limit = ec2.capacity.limit(zone, instance_type, market)?;
    let held: Vec<&Reservation> = ec2
        .reservations
        .values()
        .filter(|r| market == Market::OnDemand && r.block.is_none() && r.is_active(now))
        .filter(|r| r.zone == zone && r.instance_type == instance_type)
        .filter(|_| state.rules.on(&reservations::HELD))
        .collect();
    let inside = |id: &String| held.iter().any(|r| r.id == *id);
    let running = ec2
        .live()
        .filter(|i| i.zone == zone && i.instance_type == instance_type && i.market == market)
        .filter(|i| !i.capacity_reservation.as_ref().is_some_and(inside))
        .filter(|i| i.state != InstanceState::Stopped || !state.rules.on(&power::CAPACITY_FREED))
        .count();
    let used = held.iter().map(|r| r.total).sum::<u32>();
    Some(limit.saturating_sub(used).saturating_sub(u32::try_from(running).unwrap_or(u32::MAX)))
}
