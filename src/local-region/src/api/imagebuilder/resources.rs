//! Tags on resources.

use super::{Answer, ApiError, Call, Input, not_found};
use serde_json::{Value, json};

fn tags<T>(
    call: &Call<'_>,
    input: &Input<'_>,
    act: impl FnOnce(&mut serde_json::Map<String, Value>) -> T,
) -> Result<T, ApiError> {
    let mut state = call.state();
    let arn = &input.path_arn;
    let body = state.imagebuilder.body_mut(arn).ok_or_else(|| not_found(arn))?;
    if !body["tags"].is_object() {
        body["tags"] = json!({});
    }
    body["tags"].as_object_mut().map(act).ok_or_else(|| not_found(arn))
}

/// TagResource.
pub fn tag(call: &Call<'_>, input: &Input<'_>) -> Answer {
    let new = read(input.body, "tags")?;
    tags(call, input, |tags| tags.extend(new))?;
    Ok(json!({}))
}

/// UntagResource.
pub fn untag(call: &Call<'_>, input: &Input<'_>) -> Answer {
    let keys: Vec<&str> = input
        .query
        .iter()
        .filter(|(key, _)| key == "tagKeys")
        .map(|(_, value)| value.as_str())
        .collect();
    tags(call, input, |tags| tags.retain(|key, _| !keys.contains(&key.as_str())))?;
    Ok(json!({}))
}

/// ListTagsForResource.
pub fn list_tags(call: &Call<'_>, input: &Input<'_>) -> Answer {
    let tags = tags(call, input, |tags| tags.clone())?;
    Ok(json!({ "tags": tags }))
}

/// A map of tags in a request.
pub fn read(body: &Value, field: &str) -> Result<serde_json::Map<String, Value>, ApiError> {
    let map = body[field].as_object().cloned().unwrap_or_default();
    for (key, value) in &map {
        let value = value.as_str().ok_or_else(|| super::bad(field, "Tags are texts."))?;
        crate::api::tags::check(key, value).map_err(|error| super::bad(field, error.message))?;
    }
    Ok(map)
}
