//! AddTags, ListTags, DeleteTags on servers and apps.

use super::invalid;
use crate::api::{Answer, ApiError, Call, tags, tags::Tags};
use crate::state::sagemaker::Served;
use serde_json::{Value, json};

/// Tags of a request's `Tags`.
pub fn read(input: &Value) -> Result<Tags, ApiError> {
    let mut read = Tags::new();
    for tag in input["Tags"].as_array().into_iter().flatten() {
        let (Some(key), Some(value)) = (tag["Key"].as_str(), tag["Value"].as_str()) else {
            return Err(invalid("Each tag has a Key and a Value."));
        };
        tags::check(key, value).map_err(|error| invalid(error.message))?;
        read.insert(key.to_owned(), value.to_owned());
    }
    if read.len() > 50 {
        return Err(invalid("A resource has at most 50 tags."));
    }
    Ok(read)
}

fn with<T>(
    call: &Call<'_>,
    input: &Value,
    act: impl FnOnce(&mut Served) -> T,
) -> Result<T, ApiError> {
    let arn = input["ResourceArn"].as_str().unwrap_or_default();
    call.authorize(arn)?;
    let mut state = call.state();
    let found = state.sagemaker.find_mut(|served| served.arn == arn);
    found
        .map(act)
        .ok_or_else(|| ApiError::new("ResourceNotFound", format!("Resource {arn} does not exist.")))
}

/// AddTags.
pub fn add(call: &Call<'_>, input: &Value) -> Answer {
    let new = read(input)?;
    with(call, input, |served| {
        served.tags.extend(new);
        json!({ "Tags": tags::list(&served.tags, "Key", "Value") })
    })
}

/// ListTags.
pub fn list(call: &Call<'_>, input: &Value) -> Answer {
    with(call, input, |served| json!({ "Tags": tags::list(&served.tags, "Key", "Value") }))
}

/// DeleteTags.
pub fn delete(call: &Call<'_>, input: &Value) -> Answer {
    let keys: Vec<&str> =
        input["TagKeys"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    with(call, input, |served| {
        served.tags.retain(|key, _| !keys.contains(&key.as_str()));
        json!({})
    })
}
