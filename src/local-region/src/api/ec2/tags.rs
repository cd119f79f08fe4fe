//! CreateTags, DeleteTags, DescribeTags.

use super::{done, dry_run, filter::Filters, page};
use crate::api::{Answer, ApiError, Call, params::Params, tags};
use crate::state::ec2::Ec2;
use serde_json::json;

/// Most tags on a resource.
const MAX_TAGS: usize = 50;

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
        "subnet" => "subnet",
        "vpc" => "vpc",
        "snap" => "snapshot",
        "vol" => "volume",
        "eni" => "network-interface",
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
        Some("network-interface") => ("InvalidNetworkInterfaceID.NotFound", "networkInterface ID"),
        _ => return ApiError::new("InvalidID", format!("The ID '{id}' is not valid")),
    };
    ApiError::new(code, format!("The {what} '{id}' does not exist"))
}

/// Resources of the request, each known and allowed to the caller.
fn targets(call: &Call<'_>, p: &Params, tags: &tags::Tags) -> Result<Vec<String>, ApiError> {
    let ids = p.list("ResourceId");
    if ids.is_empty() {
        return Err(ApiError::new(
            "MissingParameter",
            "The request must contain the parameter resourceIdSet",
        ));
    }
    for id in &ids {
        let kind = kind(id).ok_or_else(|| not_found(id))?;
        call.authorize_with(call.operation, &call.arn(&format!("{kind}/{id}")), tags)?;
    }
    let state = call.state();
    match ids.iter().find(|id| !state.ec2.exists(id)) {
        Some(id) => Err(not_found(id)),
        None => Ok(ids),
    }
}

/// Writes tags on resources; all or nothing.
pub fn create(call: &Call<'_>, p: &Params) -> Answer {
    let new = tags::read(p, "Tag")?;
    if new.is_empty() {
        return Err(ApiError::new(
            "MissingParameter",
            "The request must contain the parameter tagSet",
        ));
    }
    let ids = targets(call, p, &new)?;
    let mut state = call.state();
    let too_many = |ec2: &Ec2, id: &String| {
        let mut all = ec2.tags_of(id);
        all.extend(new.clone());
        all.len() > MAX_TAGS
    };
    if ids.iter().any(|id| too_many(&state.ec2, id)) {
        return Err(ApiError::new(
            "TagLimitExceeded",
            format!("The maximum number of Tags for a resource has been reached: {MAX_TAGS}"),
        ));
    }
    dry_run(p)?;
    for id in ids {
        state.ec2.tags.entry(id).or_default().extend(new.clone());
    }
    done()
}

/// Removes tags: by key, by key and value, or all if none is named.
pub fn delete(call: &Call<'_>, p: &Params) -> Answer {
    let mut named: Vec<(String, Option<String>)> = Vec::new();
    for entry in p.groups("Tag") {
        named.push((entry.need("Key")?.to_owned(), entry.get("Value").map(str::to_owned)));
    }
    let keys = named.iter().map(|(key, value)| (key.clone(), value.clone().unwrap_or_default()));
    let ids = targets(call, p, &keys.collect())?;
    dry_run(p)?;
    let mut state = call.state();
    for id in ids {
        let Some(tags) = state.ec2.tags.get_mut(&id) else { continue };
        tags.retain(|key, value| {
            !(named.is_empty()
                || named.iter().any(|(name, want)| {
                    name == key && want.as_ref().is_none_or(|want| want == value)
                }))
        });
    }
    done()
}

/// DescribeTags.
pub fn describe(call: &Call<'_>, p: &Params) -> Answer {
    let filters = Filters::read(p, &["resource-id", "resource-type", "key", "value"])?;
    dry_run(p)?;
    let state = call.state();
    let mut shown = Vec::new();
    for (id, tags) in &state.ec2.tags {
        for (key, value) in tags {
            let kind = kind(id).unwrap_or_default();
            let own = tags::Tags::from([(key.clone(), value.clone())]);
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
    let (items, next) = page(shown, p, (5, 1000))?;
    Ok(json!({"tagSet": items, "nextToken": next}))
}
