//! Tags as a request gives them: in `Tag` lists and in `TagSpecification`s.

use super::plan::invalid;
use crate::api::{ApiError, params::Params, tags::Tags};
use crate::rules::{Rules, tags as rules};

/// Most tags on a resource.
pub const MAX_TAGS: usize = 50;
const MAX_KEY_CHARS: usize = 128;
const MAX_VALUE_CHARS: usize = 256;

/// The refusal of a tag too many.
pub fn too_many() -> ApiError {
    let message = format!("The maximum number of Tags for a resource has been reached: {MAX_TAGS}");
    ApiError::new("TagLimitExceeded", message)
}

/// Reads `<name>.N.Key` and `.Value`.
pub fn read(in_force: &Rules, p: &Params, name: &str) -> Result<Tags, ApiError> {
    let mut tags = Tags::new();
    for entry in p.groups(name) {
        let key = entry.need("Key")?.to_owned();
        let value = entry.get("Value").unwrap_or_default().to_owned();
        in_force.check(&rules::RESERVED, !key.starts_with("aws:"), || {
            invalid("Tag keys starting with 'aws:' are reserved for internal use")
        })?;
        in_force.check(&rules::KEY_LENGTH, key.chars().count() <= MAX_KEY_CHARS, || {
            invalid(format!("Tag key exceeds the maximum length of {MAX_KEY_CHARS} characters"))
        })?;
        in_force.check(&rules::VALUE_LENGTH, value.chars().count() <= MAX_VALUE_CHARS, || {
            invalid(format!("Tag value exceeds the maximum length of {MAX_VALUE_CHARS} characters"))
        })?;
        let twice = tags.insert(key.clone(), value).is_some();
        in_force.check(&rules::DUPLICATE, !twice, || {
            invalid(format!("Duplicate tag key '{key}' specified."))
        })?;
    }
    in_force.check(&rules::LIMIT, tags.len() <= MAX_TAGS, too_many)?;
    Ok(tags)
}

/// What is said of each resource type. CreateCapacityReservation alone calls it
/// `TagSpecifications` (EC2 API model); which name an operation knows is checked
/// with all of its parameters.
fn entries(p: &Params) -> impl Iterator<Item = Params> {
    ["TagSpecification", "TagSpecifications"].into_iter().flat_map(|name| p.groups(name))
}

/// Tags of a `TagSpecification` for one resource type.
pub fn specified(in_force: &Rules, p: &Params, resource_type: &str) -> Result<Tags, ApiError> {
    for entry in entries(p) {
        if entry.need("ResourceType")? == resource_type {
            return read(in_force, &entry, "Tag");
        }
    }
    Ok(Tags::new())
}

/// Tag specifications may only name what the operation creates.
pub fn check(in_force: &Rules, p: &Params, allowed: &[&str]) -> Result<(), ApiError> {
    let mut seen = Vec::new();
    for entry in entries(p) {
        let kind = entry.need("ResourceType")?.to_owned();
        in_force.check(&rules::SPECIFICATION_TYPE, allowed.contains(&kind.as_str()), || {
            invalid(format!("'{kind}' is not a valid taggable resource type for this operation."))
        })?;
        in_force.check(&rules::SPECIFICATION_ONCE, !seen.contains(&kind), || {
            invalid(format!("Duplicate resource type '{kind}' in TagSpecification."))
        })?;
        seen.push(kind);
    }
    Ok(())
}
