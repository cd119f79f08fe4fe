//! Tags of parameters.

use super::{plain, resource};
use crate::api::constraint::{texts, violated};
use crate::api::ssm::silent;
use crate::api::tags::{self, Tags};
use crate::api::{Answer, ApiError, Call};
use crate::rules::parameters as rules;
use serde_json::{Value, json};

/// Most tags of a resource.
const MAX_TAGS: usize = 50;
const TYPES: [&str; 10] = [
    "Document",
    "ManagedInstance",
    "MaintenanceWindow",
    "Parameter",
    "PatchBaseline",
    "OpsItem",
    "OpsMetadata",
    "Automation",
    "Association",
    "CloudConnector",
];

/// Tags of a request's `Tags`.
pub fn read(input: &Value) -> Result<Tags, ApiError> {
    let mut read = Tags::new();
    for tag in input["Tags"].as_array().into_iter().flatten() {
        let key = tag["Key"].as_str().unwrap_or_default();
        let value = tag["Value"].as_str().unwrap_or_default();
        tags::check(key, value)
            .map_err(|error| ApiError::new("ValidationException", error.message))?;
        read.insert(key.to_owned(), value.to_owned());
    }
    Ok(read)
}

/// Does something with the tags of the parameter that a request names.
fn with<T>(
    call: &Call<'_>,
    input: &Value,
    act: impl FnOnce(&mut Tags) -> Result<T, ApiError>,
) -> Result<T, ApiError> {
    let kind = input["ResourceType"].as_str().unwrap_or_default();
    if !TYPES.contains(&kind) {
        let must = format!("satisfy enum value set: [{}]", TYPES.join(", "));
        return Err(violated(kind, "resourceType", &must));
    }
    let id = input["ResourceId"].as_str().unwrap_or_default();
    let name = plain(call, id);
    call.authorize(&resource(call, &name))?;
    let mut state = call.state();
    let mut none = Tags::new();
    let known =
        state.ssm.get_mut(&name).filter(|parameter| kind == "Parameter" && !parameter.public);
    call.region.rules.check(&rules::TAGGED, known.is_some(), || silent("InvalidResourceId"))?;
    act(known.map_or(&mut none, |parameter| &mut parameter.tags))
}

/// AddTagsToResource.
pub fn add(call: &Call<'_>, input: &Value) -> Answer {
    let new = read(input)?;
    with(call, input, |tags| {
        let mut after = tags.clone();
        after.extend(new);
        call.region
            .rules
            .check(&rules::MAX_TAGS, after.len() <= MAX_TAGS, || silent("TooManyTagsError"))?;
        *tags = after;
        Ok(json!({}))
    })
}

/// RemoveTagsFromResource.
pub fn remove(call: &Call<'_>, input: &Value) -> Answer {
    let keys = texts(&input["TagKeys"]);
    with(call, input, |tags| {
        tags.retain(|key, _| !keys.contains(&key.as_str()));
        Ok(json!({}))
    })
}

/// ListTagsForResource.
pub fn list(call: &Call<'_>, input: &Value) -> Answer {
    with(call, input, |tags| Ok(json!({ "TagList": tags::entries(tags, "Key", "Value") })))
}
