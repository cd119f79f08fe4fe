//! Placement groups.

use super::{check_specifications, done, dry_run, filter::Filters, specified_tags, tag_set};
use crate::api::{Answer, ApiError, Call, params::Params};
use crate::state::{ec2::PlacementGroup, ids};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// AWS makes them asynchronously; this is long enough that using one at once
/// fails, as it does there.
const PENDING_FOR: Duration = Duration::from_millis(700);

fn show(call: &Call<'_>, group: &PlacementGroup, tags: &crate::api::tags::Tags) -> Value {
    json!({
        "groupId": group.id,
        "groupName": group.name,
        "groupArn": call.arn(&format!("placement-group/{}", group.name)),
        "strategy": group.strategy,
        "state": state_of(group),
        "tagSet": tag_set(tags),
    })
}

fn state_of(group: &PlacementGroup) -> &'static str {
    if Instant::now() < group.available_at { "pending" } else { "available" }
}

/// The error for a name nobody has.
pub fn unknown(name: &str) -> ApiError {
    ApiError::new(
        "InvalidPlacementGroup.Unknown",
        format!("The Placement Group '{name}' is unknown."),
    )
}

/// A group that may be launched into.
pub fn usable<'a>(
    ec2: &'a crate::state::ec2::Ec2,
    name: &str,
) -> Result<&'a PlacementGroup, ApiError> {
    let group = ec2.placement_groups.get(name).filter(|group| state_of(group) == "available");
    group.ok_or_else(|| unknown(name))
}

/// CreatePlacementGroup.
pub fn create(call: &Call<'_>, p: &Params) -> Answer {
    let name = p.need("GroupName")?.to_owned();
    let strategy = p.get("Strategy").unwrap_or("cluster").to_owned();
    if !matches!(strategy.as_str(), "cluster" | "spread" | "partition") {
        return Err(ApiError::new(
            "InvalidParameterValue",
            format!("Value ({strategy}) for parameter strategy is invalid."),
        ));
    }
    check_specifications(p, &["placement-group"])?;
    let tags = specified_tags(p, "placement-group")?;
    let mut state = call.state();
    if state.ec2.placement_groups.contains_key(&name) {
        return Err(ApiError::new(
            "InvalidPlacementGroup.Duplicate",
            format!("The placement group '{name}' already exists."),
        ));
    }
    dry_run(p)?;
    let group = PlacementGroup {
        id: ids::resource("pg"),
        name: name.clone(),
        strategy,
        available_at: Instant::now() + PENDING_FOR,
        zone: None,
    };
    let shown = show(call, &group, &tags);
    if !tags.is_empty() {
        state.ec2.tags.insert(group.id.clone(), tags);
    }
    state.ec2.placement_groups.insert(name, group);
    Ok(json!({"return": true, "placementGroup": shown}))
}

/// DescribePlacementGroups.
pub fn describe(call: &Call<'_>, p: &Params) -> Answer {
    let filters = Filters::read(p, &["group-name", "group-arn", "state", "strategy"])?;
    let names = p.list("GroupName");
    let ids = p.list("GroupId");
    dry_run(p)?;
    let state = call.state();
    let groups = &state.ec2.placement_groups;
    if let Some(name) = names.iter().find(|name| !groups.contains_key(*name)) {
        return Err(unknown(name));
    }
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
                    "state" => state_of(group).to_owned(),
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
    let mut state = call.state();
    let group = state.ec2.placement_groups.get(name).ok_or_else(|| unknown(name))?;
    let id = group.id.clone();
    if state.ec2.live().any(|instance| instance.placement_group.as_deref() == Some(name)) {
        return Err(ApiError::new(
            "InvalidPlacementGroup.InUse",
            format!("The placement group '{name}' is in use and may not be deleted."),
        ));
    }
    dry_run(p)?;
    state.ec2.placement_groups.remove(name);
    state.ec2.tags.remove(&id);
    done()
}
