//! IAM (API reference 2010-05-08, query protocol).

mod attached;
mod inline;
mod profiles;
mod roles;

use super::{Answer, ApiError, Call, params::Params, tags, tags::Tags};
use crate::rules::iam as rules;
use http::StatusCode;
use serde_json::{Value, json};

/// Carries out an operation.
pub fn perform(call: &Call<'_>, p: &Params) -> Answer {
    call.authorize("*")?;
    match call.operation {
        "CreateRole" => roles::create(call, p),
        "GetRole" => roles::get(call, p),
        "ListRoles" => roles::list(call, p),
        "DeleteRole" => roles::delete(call, p),
        "TagRole" => roles::tag(call, p),
        "UntagRole" => roles::untag(call, p),
        "ListRoleTags" => roles::list_tags(call, p),
        "UpdateAssumeRolePolicy" => roles::update_trust(call, p),
        "PutRolePolicy" => inline::put(call, p),
        "GetRolePolicy" => inline::get(call, p),
        "ListRolePolicies" => inline::list(call, p),
        "DeleteRolePolicy" => inline::delete(call, p),
        "AttachRolePolicy" => attached::attach(call, p),
        "DetachRolePolicy" => attached::detach(call, p),
        "ListAttachedRolePolicies" => attached::list(call, p),
        "CreateInstanceProfile" => profiles::create(call, p),
        "GetInstanceProfile" => profiles::get(call, p),
        "ListInstanceProfiles" => profiles::list(call, p),
        "ListInstanceProfilesForRole" => profiles::list_for_role(call, p),
        "AddRoleToInstanceProfile" => profiles::add_role(call, p),
        "RemoveRoleFromInstanceProfile" => profiles::remove_role(call, p),
        "DeleteInstanceProfile" => profiles::delete(call, p),
        "TagInstanceProfile" => profiles::tag(call, p),
        "UntagInstanceProfile" => profiles::untag(call, p),
        "ListInstanceProfileTags" => profiles::list_tags(call, p),
        other => Err(ApiError::unknown_operation("iam", other)),
    }
}

fn missing(what: &str) -> ApiError {
    ApiError::new("NoSuchEntity", what).status(StatusCode::NOT_FOUND)
}

fn conflict(code: &str, what: impl Into<String>) -> ApiError {
    ApiError::new(code, what).status(StatusCode::CONFLICT)
}

fn no_role(name: &str) -> ApiError {
    missing(&format!("The role with name {name} cannot be found."))
}

/// A name of letters, digits and `+=,.@_-`.
fn name<'a>(
    call: &Call<'_>,
    p: &'a Params,
    field: &str,
    longest: usize,
) -> Result<&'a str, ApiError> {
    let name = p.need(field)?;
    let fits = name.len() <= longest
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "+=,.@_-".contains(c));
    call.region.rules.check(&rules::NAME, fits, || {
        validation(format!(
            "The specified value for {field} is invalid. It must contain only alphanumeric characters and/or the following: +=,.@_-, at most {longest}"
        ))
    })?;
    Ok(name)
}

/// Longest path.
const MAX_PATH_CHARS: usize = 512;

fn path(call: &Call<'_>, p: &Params) -> Result<String, ApiError> {
    let path = p.get("Path").unwrap_or("/");
    let fits = path.starts_with('/') && path.ends_with('/') && path.len() <= MAX_PATH_CHARS;
    call.region.rules.check(&rules::PATH, fits, || {
        validation(format!(
            "The specified value for path is invalid: {path}. It must begin and end with /, at most {MAX_PATH_CHARS} characters."
        ))
    })?;
    Ok(path.to_owned())
}

fn validation(message: impl Into<String>) -> ApiError {
    ApiError::new("ValidationError", message)
}

/// Items of a page that asks for no number.
const USUAL_ITEMS: usize = 100;

/// One page of a list operation: `field`, and where the next begins.
fn page(call: &Call<'_>, p: &Params, field: &str, items: Vec<Value>) -> Answer {
    let size = p.number("MaxItems")?.unwrap_or(USUAL_ITEMS);
    let in_force = &call.region.rules;
    in_force.check(&rules::MAX_ITEMS, (1..=1000).contains(&size), || {
        validation(format!("Value '{size}' at 'maxItems' must be 1 to 1000."))
    })?;
    let marker: Option<usize> =
        p.get("Marker").map(str::parse).transpose().map_err(|_| validation("Invalid Marker."))?;
    let begin = marker.unwrap_or(0).min(items.len());
    let end = begin.saturating_add(size).min(items.len());
    let whole = end == items.len() || !in_force.on(&rules::PAGES);
    let shown = if whole { &items[begin..] } else { &items[begin..end] };
    Ok(json!({
        field: shown,
        "IsTruncated": !whole,
        "Marker": (!whole).then(|| end.to_string()),
    }))
}

/// Documents travel percent-encoded (RFC 3986) inside the XML.
fn encoded(document: &Value) -> String {
    percent_encoding::utf8_percent_encode(&document.to_string(), percent_encoding::NON_ALPHANUMERIC)
        .to_string()
}

fn add_tags(p: &Params, tags: &mut Tags) -> Result<(), ApiError> {
    let invalid = |error: ApiError| ApiError::new("InvalidInput", error.message);
    tags.extend(tags::read(p, "Tags").map_err(invalid)?);
    Ok(())
}
