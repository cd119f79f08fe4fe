//! IAM (API reference 2010-05-08, query protocol).

mod attached;
mod inline;
mod profiles;
mod roles;

use super::{Answer, ApiError, Call, params::Params, tags, tags::Tags};
use http::StatusCode;
use serde_json::Value;

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
fn name<'a>(p: &'a Params, field: &str, longest: usize) -> Result<&'a str, ApiError> {
    let name = p.need(field)?;
    let fits = name.len() <= longest
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "+=,.@_-".contains(c));
    if fits {
        Ok(name)
    } else {
        Err(ApiError::new(
            "ValidationError",
            format!(
                "The specified value for {field} is invalid. It must contain only alphanumeric characters and/or the following: +=,.@_-, at most {longest}"
            ),
        ))
    }
}

fn path(p: &Params) -> Result<String, ApiError> {
    let path = p.get("Path").unwrap_or("/");
    if path.starts_with('/') && path.ends_with('/') {
        Ok(path.to_owned())
    } else {
        Err(ApiError::new(
            "ValidationError",
            format!(
                "The specified value for path is invalid: {path}. It must begin and end with /."
            ),
        ))
    }
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
