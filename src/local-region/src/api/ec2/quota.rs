//! Whether the account's quotas leave room for what is to be launched or reserved.

use super::catalogue::InstanceType;
use crate::api::ApiError;
use crate::rules::quotas as rules;
use crate::state::State;
use crate::state::capacity::Market;
use crate::state::ec2::{Instance, InstanceState};
use crate::state::quotas::Quota;
use jiff::Timestamp;
use std::collections::BTreeMap;

/// Refuses so many more instances of a type if they would exceed its quota.
pub fn check(
    state: &State,
    instance_type: &InstanceType,
    market: Market,
    more: u32,
    now: Timestamp,
) -> Result<(), ApiError> {
    match Quota::of(&instance_type.name, market) {
        Some(quota) => fit(state, quota, instance_type.vcpus.saturating_mul(more), now),
        None => Ok(()),
    }
}

/// The same for instances that are to start again.
pub fn check_start(state: &State, ids: &[String], now: Timestamp) -> Result<(), ApiError> {
    let mut more: BTreeMap<&str, (&Quota, u32)> = BTreeMap::new();
    let stopped = ids.iter().filter_map(|id| state.ec2.instances.get(id));
    for instance in stopped.filter(|i| !runs(i)) {
        let name = &instance.instance_type;
        if let Some(quota) = Quota::of(name, instance.market) {
            more.entry(quota.code).or_insert((quota, 0)).1 += vcpus(name);
        }
    }
    more.into_values().try_for_each(|(quota, vcpus)| fit(state, quota, vcpus, now))
}

fn fit(state: &State, quota: &Quota, more: u32, now: Timestamp) -> Result<(), ApiError> {
    let limit = state.quotas.value(quota);
    let fits = more == 0 || f64::from(used(state, quota, now).saturating_add(more)) <= limit;
    match quota.market {
        Market::Spot => state.rules.check(&rules::SPOT, fits, || {
            ApiError::new("MaxSpotInstanceCountExceeded", "Max spot instance count exceeded")
        }),
        _ => state.rules.check(&rules::ON_DEMAND, fits, || {
            let message = format!(
                "You have requested more vCPU capacity than your current vCPU limit of {limit} allows for the instance bucket that the specified instance type belongs to. Please visit http://aws.amazon.com/contact-us/ec2-request to request an adjustment to this limit."
            );
            ApiError::new("VcpuLimitExceeded", message)
        }),
    }
}

fn runs(instance: &Instance) -> bool {
    matches!(instance.state, InstanceState::Pending | InstanceState::Running)
}

fn vcpus(instance_type: &str) -> u32 {
    InstanceType::find(instance_type).map_or(0, |t| t.vcpus)
}

/// vCPUs that count against a quota: of instances, and of room that is
/// reserved and not used.
fn used(state: &State, quota: &Quota, now: Timestamp) -> u32 {
    let in_force = &state.rules;
    let market = |i: &Instance| i.market == quota.market || !in_force.on(&rules::MARKETS);
    let family = |name: &str| quota.covers(name) || !in_force.on(&rules::FAMILIES);
    let counts = |i: &Instance| runs(i) || !in_force.on(&rules::RUNNING);
    let instances = state.ec2.instances.values();
    let running: u32 = instances
        .filter(|i| market(i) && family(&i.instance_type) && counts(i))
        .map(|i| vcpus(&i.instance_type))
        .sum();
    let reserves = quota.market == Market::OnDemand && in_force.on(&rules::RESERVED);
    let reserved: u32 = state
        .ec2
        .reservations
        .values()
        .filter(|r| reserves && r.block.is_none() && family(&r.instance_type))
        .map(|r| r.available(&state.ec2, now) * vcpus(&r.instance_type))
        .sum();
    running + reserved
}
