//! Pages of the describe operations.

use crate::api::{ApiError, Call, params::Params};
use crate::rules::{Rule, pagination as rules};
use base64::Engine;
use serde_json::Value;

const BASE64: base64::engine::GeneralPurpose = base64::engine::general_purpose::URL_SAFE_NO_PAD;

fn invalid(message: String) -> ApiError {
    ApiError::new("InvalidParameterValue", message)
}

/// One page of a describe operation and the token of the next.
pub fn page(
    call: &Call<'_>,
    items: Vec<Value>,
    p: &Params,
    range: (usize, usize),
) -> Result<(Vec<Value>, Option<String>), ApiError> {
    page_by(call, items, p, range, None)
}

/// The same for anything, and for operations that do not send everything if no
/// size is asked for.
pub fn page_by<T>(
    call: &Call<'_>,
    items: Vec<T>,
    p: &Params,
    (least, most): (usize, usize),
    usual: Option<usize>,
) -> Result<(Vec<T>, Option<String>), ApiError> {
    let in_force = &call.region.rules;
    let size: Option<usize> = p.number("MaxResults")?.or(usual);
    let kept = size.is_none_or(|size| (least..=most).contains(&size));
    in_force.check(&rules::SIZE, kept, || {
        let size = size.unwrap_or_default();
        invalid(format!(
            "Value ( {size} ) for parameter maxResults is invalid. Expecting a value between {least} and {most}."
        ))
    })?;
    let skip = match p.get("NextToken").filter(|token| !token.is_empty()) {
        None => 0,
        Some(token) => {
            let found = read_token(call, token);
            in_force.check(&rules::TOKEN, found.is_some(), || {
                invalid(format!(
                    "Value ( {token} ) for parameter NextToken is invalid. The token is invalid."
                ))
            })?;
            found.unwrap_or_default()
        }
    };
    let end = size.map_or(items.len(), |size| (skip + size).min(items.len()));
    let next = (end < items.len()).then(|| BASE64.encode(format!("{} {end}", call.operation)));
    Ok((items.into_iter().take(end).skip(skip).collect(), next))
}

/// A token stands for a place in the answer of one operation.
fn read_token(call: &Call<'_>, token: &str) -> Option<usize> {
    let text = String::from_utf8(BASE64.decode(token).ok()?).ok()?;
    let (operation, skip) = text.split_once(' ')?;
    if operation != call.operation && call.region.rules.on(&rules::TOKEN_OF_OPERATION) {
        return None;
    }
    skip.parse().ok()
}

/// Operations that know ids do not divide what was asked for by id into pages.
pub fn whole_if_by_id(
    call: &Call<'_>,
    p: &Params,
    ids: &[String],
    (rule, parameter): (&'static Rule, &str),
) -> Result<(), ApiError> {
    let kept = ids.is_empty() || p.get("MaxResults").is_none();
    call.region.rules.check(rule, kept, || {
        let message =
            format!("The parameter {parameter} cannot be used with the parameter maxResults");
        ApiError::new("InvalidParameterCombination", message)
    })
}
