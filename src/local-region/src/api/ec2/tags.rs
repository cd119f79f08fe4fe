//! CreateTags, DeleteTags, DescribeTags.

use super::tag_specifications::{self, MAX_TAGS};
use super::{done, dry_run, filter::Filters, metadata_options, paging::page, seen_at};
use crate::api::{Answer, ApiError, Call, params::Params, tags::Tags};
use crate::rules::{consistency, tags as rules};
use crate::state::State;
use crate::state::consistency::TagChange;
use crate::windows::TAGS_VISIBLE;
use serde_json::json;

/// Kind of resource behind an id's prefix, as ARNs and DescribeTags name it.
fn kind(id: &str) -> Option<&'static str> {
    Some(match id.split_once('-')?.0 {
        "i" => "instance",
        "ami" => "image",
        "sg" => "security-group",
        "sgr" => "security-group-rule",
        "pg" => "placement-group",
        "sir" => "spot-instances-request",
        "cr" => "capacity-reservation",
        "lt" => "launch-template",
        "subnet" => "subnet",
        "vpc" => "vpc",
        "rtb" => "route-table",
        "snap" => "snapshot",
        "vol" => "volume",
        "eni" => "network-interface",
        "eipalloc" => "elastic-ip",
        _ => return None,
    })
}

fn not_found(id: &str) -> ApiError {
    let (code, what) = match kind(id) {
        Some("instance") => ("InvalidInstanceID.NotFound", "instance ID"),
        Some("image") => ("InvalidAMIID.NotFound", "image id"),
        Some("security-group") => ("InvalidGroup.NotFound", "security group"),
        Some("subnet") => ("InvalidSubnetID.NotFound", "subnet ID"),
        Some("vpc") => ("InvalidVpcID.NotFound", "vpc ID"),
        Some("snapshot") => ("InvalidSnapshot.NotFound", "snapshot"),
        Some("volume") => ("InvalidVolume.NotFound", "volume"),
        Some("elastic-ip") => ("InvalidAllocationID.NotFound", "allocation ID"),
        Some("network-interface") => ("InvalidNetworkInterfaceID.NotFound", "networkInterface ID"),
        _ => return ApiError::new("InvalidID", format!("The ID '{id}' is not valid")),
    };
    ApiError::new(code, format!("The {what} '{id}' does not exist"))
}

/// Resources of the request, each allowed to the caller.
fn targets(call: &Call<'_>, p: &Params, tags: &Tags) -> Result<Vec<String>, ApiError> {
    let ids = p.list("ResourceId");
    if ids.is_empty() {
        return Err(ApiError::new(
            "MissingParameter",
            "The request must contain the parameter resourceIdSet",
        ));
    }
    for id in &ids {
        let kind = kind(id);
        call.region.rules.check(&rules::RESOURCE_FORM, kind.is_some(), || not_found(id))?;
        let resource = format!("{}/{id}", kind.unwrap_or("*"));
        call.authorize_with(call.operation, &call.arn(&resource), tags)?;
    }
    Ok(ids)
}

/// All of them must exist, or none is touched.
fn check_known(state: &State, ids: &[String]) -> Result<(), ApiError> {
    for id in ids.iter().filter(|id| kind(id).is_some()) {
        let known = state.ec2.exists(id) && !state.ec2.hides(id);
        state.rules.check(&rules::RESOURCE, known, || not_found(id))?;
    }
    Ok(())
}

/// Writes tags on resources; all or nothing.
pub fn create(call: &Call<'_>, p: &Params) -> Answer {
    let in_force = &call.region.rules;
    let new = tag_specifications::read(in_force, p, "Tag")?;
    in_force.check(&rules::NEEDED, !new.is_empty(), || {
        ApiError::new("MissingParameter", "The request must contain the parameter tagSet")
    })?;
    let ids = targets(call, p, &new)?;
    let mut state = call.state();
    check_known(&state, &ids)?;
    for id in &ids {
        let mut all = state.ec2.tags_of(id);
        all.extend(new.clone());
        in_force.check(&rules::LIMIT, all.len() <= MAX_TAGS, tag_specifications::too_many)?;
        let shown = state.ec2.instances.get(id).is_some_and(|i| i.metadata_tags);
        metadata_options::check_keys(in_force, shown, &new)?;
    }
    dry_run(p)?;
    for id in ids {
        let at = seen_at(call, &consistency::TAGS, &TAGS_VISIBLE);
        state.ec2.change_tags(id, TagChange::Set(new.clone()), at);
    }
    done()
}

/// Removes tags: by key, by key and value, or all if none is named.
pub fn delete(call: &Call<'_>, p: &Params) -> Answer {
    let by_value = call.region.rules.on(&rules::DELETE_BY_VALUE);
    let mut named: Vec<(String, Option<String>)> = Vec::new();
    for entry in p.groups("Tag") {
        let value = entry.get("Value").filter(|_| by_value);
        named.push((entry.need("Key")?.to_owned(), value.map(str::to_owned)));
    }
    let keys = named.iter().map(|(key, value)| (key.clone(), value.clone().unwrap_or_default()));
    let ids = targets(call, p, &keys.collect())?;
    let mut state = call.state();
    check_known(&state, &ids)?;
    dry_run(p)?;
    for id in ids {
        let at = seen_at(call, &consistency::TAGS, &TAGS_VISIBLE);
        state.ec2.change_tags(id, TagChange::Delete(named.clone()), at);
    }
    done()
}

/// DescribeTags.
pub fn describe(call: &Call<'_>, p: &Params) -> Answer {
    let filters = Filters::read(call, p, &["resource-id", "resource-type", "key", "value"])?;
    dry_run(p)?;
    let state = call.state();
    let mut shown = Vec::new();
    for (id, tags) in &state.ec2.tags {
        for (key, value) in tags {
            let kind = kind(id).unwrap_or_default();
            let own = Tags::from([(key.clone(), value.clone())]);
            if filters.keep(&own, |field| {
                vec![match field {
                    "resource-id" => id.clone(),
                    "resource-type" => kind.to_owned(),
                    "key" => key.clone(),
                    _ => value.clone(),
                }]
            }) {
                shown.push(
                    json!({"resourceId": id, "resourceType": kind, "key": key, "value": value}),
                );
            }
        }
    }
    let (items, next) = page(call, shown, p, (5, 1000))?;
    Ok(json!({"tagSet": items, "nextToken": next}))
}
