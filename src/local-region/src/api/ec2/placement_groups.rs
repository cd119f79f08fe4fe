//! Placement groups.

use super::market::Demand;
use super::plan::{combination, invalid};
use super::{done, dry_run, filter::Filters, tag_set, tag_specifications};
use crate::api::{Answer, ApiError, Call, params::Params};
use crate::rules::{Rules, placement_groups as rules, power};
use crate::state::State;
use crate::state::capacity::Market;
use crate::state::ec2::{InstanceState, PlacementGroup};
use crate::state::ids;
use crate::windows::PLACEMENT_GROUP_PENDING;
use jiff::Timestamp;
use serde_json::{Value, json};

/// Groups of an account in a region.
const MAX_GROUPS: usize = 500;
/// Longest name.
const MAX_NAME_CHARS: usize = 255;
/// Most partitions in a zone.
const MAX_PARTITIONS: u32 = 7;

fn show(call: &Call<'_>, group: &PlacementGroup, tags: &crate::api::tags::Tags) -> Value {
    json!({
        "groupId": group.id,
        "groupName": group.name,
        "groupArn": call.arn(&format!("placement-group/{}", group.name)),
        "strategy": group.strategy,
        "state": state_of(&call.region.rules, group, call.region.clock.now()),
        "partitionCount": group.partitions,
        "spreadLevel": (group.strategy == "spread").then_some("rack"),
        "tagSet": tag_set(tags),
    })
}

fn state_of(in_force: &Rules, group: &PlacementGroup, now: Timestamp) -> &'static str {
    if now < group.available_at && in_force.on(&rules::PENDING) { "pending" } else { "available" }
}

fn unknown(name: &str) -> ApiError {
    let message = format!("The Placement Group '{name}' is unknown.");
    ApiError::new("InvalidPlacementGroup.Unknown", message)
}

/// The placement group of a launch, if it names one that it may use.
pub fn of_launch(
    state: &State,
    p: &Params,
    demand: &Demand,
    zone: &str,
    now: Timestamp,
) -> Result<Option<String>, ApiError> {
    let in_force = &state.rules;
    let wanted = p.sub("Placement");
    let Some(name) = wanted.get("GroupName").filter(|name| !name.is_empty()) else {
        return Ok(None);
    };
    let group = state.ec2.placement_groups.get(name);
    in_force.check(&rules::UNKNOWN, group.is_some(), || unknown(name))?;
    let Some(group) = group else { return Ok(None) };
    let available = state_of(in_force, group, now) == "available";
    in_force.check(&rules::PENDING, available, || unknown(name))?;
    let t = demand.instance_type;
    in_force.check(&rules::TYPE, t.supports(&group.strategy), || {
        let mut strategy = group.strategy.clone();
        strategy[..1].make_ascii_uppercase();
        let kind = &t.name;
        combination(format!("{strategy} placement groups are not supported by the '{kind}'."))
    })?;
    let block = demand.market == Market::CapacityBlock;
    in_force.check(&rules::CAPACITY_BLOCK, !block, || {
        combination("Instances of a Capacity Block cannot be launched into a placement group.")
    })?;
    if group.strategy != "cluster" {
        return Ok(Some(name.to_owned()));
    }
    in_force.check(&rules::SPOT, demand.terminates, || {
        combination(
            "Spot Instances in a cluster placement group must be terminated on interruption.",
        )
    })?;
    let elsewhere =
        state.ec2.live().any(|i| i.placement_group.as_deref() == Some(name) && i.zone != zone);
    in_force.check(&rules::ONE_ZONE, !elsewhere, || {
        let used = group.zone.as_deref().unwrap_or_default();
        let message =
            format!("The placement group '{name}' is in use in another availability zone: {used}");
        ApiError::new("InvalidPlacementGroup.InUse", message)
    })?;
    Ok(Some(name.to_owned()))
}

/// CreatePlacementGroup.
pub fn create(call: &Call<'_>, p: &Params) -> Answer {
    let in_force = &call.region.rules;
    let name = p.need("GroupName")?.to_owned();
    in_force.check(&rules::NAME, name.len() <= MAX_NAME_CHARS && name.is_ascii(), || {
        invalid(format!("Value ({name}) for parameter groupName is invalid."))
    })?;
    let strategy = p.get("Strategy").unwrap_or("cluster").to_owned();
    let known = matches!(strategy.as_str(), "cluster" | "spread" | "partition");
    in_force.check(&rules::STRATEGY, known, || {
        invalid(format!("Value ({strategy}) for parameter strategy is invalid."))
    })?;
    let partitions: Option<u32> = p.number("PartitionCount")?;
    let kept = partitions
        .is_none_or(|count| strategy == "partition" && (1..=MAX_PARTITIONS).contains(&count));
    in_force.check(&rules::PARTITIONS, kept, || {
        combination("PartitionCount is 1 to 7 and only for the strategy 'partition'.")
    })?;
    tag_specifications::check(in_force, p, &["placement-group"])?;
    let tags = tag_specifications::specified(in_force, p, "placement-group")?;
    let mut state = call.state();
    let groups = &state.ec2.placement_groups;
    in_force.check(&rules::DUPLICATE, !groups.contains_key(&name), || {
        let message = format!("The placement group '{name}' already exists.");
        ApiError::new("InvalidPlacementGroup.Duplicate", message)
    })?;
    in_force.check(&rules::LIMIT, groups.len() < MAX_GROUPS, || {
        let message = format!("You have reached the limit of {MAX_GROUPS} placement groups.");
        ApiError::new("PlacementGroupLimitExceeded", message)
    })?;
    dry_run(p)?;
    let now = call.region.clock.now();
    let group = PlacementGroup {
        id: ids::resource("pg"),
        name: name.clone(),
        partitions: (strategy == "partition").then(|| partitions.unwrap_or(2)),
        strategy,
        available_at: now
            .checked_add(call.region.windows.of(&PLACEMENT_GROUP_PENDING))
            .unwrap_or(now),
        zone: None,
    };
    let shown = show(call, &group, &tags);
    if !tags.is_empty() {
        state.ec2.tags.insert(group.id.clone(), tags);
    }
    state.ec2.placement_groups.insert(name, group);
    Ok(json!({"return": true, "placementGroup": shown}))
}

/// Whether there are groups of these names.
pub fn check_known(state: &State, names: &[String]) -> Result<(), ApiError> {
    for name in names {
        let known = state.ec2.placement_groups.contains_key(name);
        state.rules.check(&rules::DESCRIBE_UNKNOWN, known, || unknown(name))?;
    }
    Ok(())
}

/// DescribePlacementGroups.
pub fn describe(call: &Call<'_>, p: &Params) -> Answer {
    let filters = Filters::read(call, p, &["group-name", "group-arn", "state", "strategy"])?;
    let names = p.list("GroupName");
    let ids = p.list("GroupId");
    dry_run(p)?;
    let state = call.state();
    check_known(&state, &names)?;
    let groups = &state.ec2.placement_groups;
    if let Some(id) = ids.iter().find(|id| !state.ec2.exists(id)) {
        return Err(ApiError::new(
            "InvalidPlacementGroupId.Unknown",
            format!("The Placement Group '{id}' is unknown."),
        ));
    }
    let shown: Vec<Value> = groups
        .values()
        .filter(|group| names.is_empty() || names.contains(&group.name))
        .filter(|group| ids.is_empty() || ids.contains(&group.id))
        .filter(|group| {
            filters.keep(&state.ec2.tags_of(&group.id), |field| {
                vec![match field {
                    "group-name" => group.name.clone(),
                    "group-arn" => call.arn(&format!("placement-group/{}", group.name)),
                    "state" => {
                        state_of(&call.region.rules, group, call.region.clock.now()).to_owned()
                    }
                    _ => group.strategy.clone(),
                }]
            })
        })
        .map(|group| show(call, group, &state.ec2.tags_of(&group.id)))
        .collect();
    Ok(json!({"placementGroupSet": shown}))
}

/// DeletePlacementGroup.
pub fn delete(call: &Call<'_>, p: &Params) -> Answer {
    let name = p.need("GroupName")?;
    let in_force = &call.region.rules;
    let mut state = call.state();
    let id = state.ec2.placement_groups.get(name).map(|group| group.id.clone());
    in_force.check(&rules::DELETE_UNKNOWN, id.is_some(), || unknown(name))?;
    let used = state.ec2.live().any(|i| {
        let member = i.state != InstanceState::Stopped || in_force.on(&power::GROUP_KEPT);
        member && i.placement_group.as_deref() == Some(name)
    });
    in_force.check(&rules::IN_USE, !used, || {
        let message = format!("The placement group '{name}' is in use and may not be deleted.");
        ApiError::new("InvalidPlacementGroup.InUse", message)
    })?;
    dry_run(p)?;
    state.ec2.placement_groups.remove(name);
    id.and_then(|id| state.ec2.tags.remove(&id));
    done()
}
