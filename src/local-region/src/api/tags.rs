//! Tags as the services write them.

use super::{ApiError, params::Params};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Tags of one resource.
pub type Tags = BTreeMap<String, String>;

/// `[{name: k, value: v}]` with the field names of a protocol.
#[must_use]
pub fn list(tags: &Tags, key: &str, value: &str) -> Value {
    Value::Array(entries(tags, key, value))
}

/// The same, one by one.
#[must_use]
pub fn entries(tags: &Tags, key: &str, value: &str) -> Vec<Value> {
    tags.iter().map(|(k, v)| json!({key: k, value: v})).collect()
}

/// Reads `<name>.N.Key` and `.Value`, with EC2's limits.
pub fn read(params: &Params, name: &str) -> Result<Tags, ApiError> {
    let mut tags = Tags::new();
    for entry in params.groups(name) {
        let key = entry.need("Key")?.to_owned();
        let value = entry.get("Value").unwrap_or_default().to_owned();
        check(&key, &value)?;
        if tags.insert(key.clone(), value).is_some() {
            return Err(ApiError::new(
                "InvalidParameterValue",
                format!("Duplicate tag key '{key}' specified."),
            ));
        }
    }
    Ok(tags)
}

/// Limits that EC2 and IAM share: 128 and 256 characters, no
/// `aws:` prefix.
pub fn check(key: &str, value: &str) -> Result<(), ApiError> {
    if key.starts_with("aws:") {
        return Err(ApiError::new(
            "InvalidParameterValue",
            "Tag keys starting with 'aws:' are reserved for internal use",
        ));
    }
    if key.is_empty() || key.chars().count() > 128 || value.chars().count() > 256 {
        return Err(ApiError::new(
            "InvalidParameterValue",
            format!("Tag '{key}': keys have 1 to 128 and values at most 256 characters."),
        ));
    }
    Ok(())
}
