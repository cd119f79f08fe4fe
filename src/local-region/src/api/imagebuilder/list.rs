//! Lists: filters, owner, pages.

use super::{Answer, ApiError, Call, Input, invalid};
use crate::rules::imagebuilder as rules;
use serde_json::{Value, json};

/// Most results of a page.
const MAX_RESULTS: u64 = 100;
/// Results of a page when nothing is said.
const DEFAULT_RESULTS: u64 = 25;

/// Answers with one page of `items` as `field`. Filters name a field of the
/// items; `owner` other than `Self` finds nothing, as all that is here was
/// made in this account.
pub fn answer(call: &Call<'_>, input: &Input<'_>, field: &str, mut items: Vec<Value>) -> Answer {
    if !matches!(input.text("owner"), None | Some("Self")) {
        items.clear();
    }
    page(call, input, field, items)
}

/// The same, whoever owns them.
pub fn page(call: &Call<'_>, input: &Input<'_>, field: &str, mut items: Vec<Value>) -> Answer {
    for filter in input.body["filters"].as_array().into_iter().flatten() {
        let name = filter["name"].as_str().unwrap_or_default();
        let values: Vec<&str> =
            filter["values"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        if name.is_empty() || values.is_empty() {
            return Err(invalid("Each filter has a name and values."));
        }
        items.retain(|item| item[name].as_str().is_some_and(|have| values.contains(&have)));
    }
    let most = input.body["maxResults"].as_u64().unwrap_or(DEFAULT_RESULTS);
    let in_force = &call.region.rules;
    in_force.check(&rules::PAGE_SIZE, (1..=MAX_RESULTS).contains(&most), || {
        invalid(format!("maxResults must be 1 to {MAX_RESULTS}."))
    })?;
    let token = input.text("nextToken").map(str::parse::<usize>);
    let given = token.as_ref().is_none_or(|token| token.as_ref().is_ok_and(|at| *at < items.len()));
    in_force.check(&rules::PAGE_TOKEN, given, || {
        ApiError::new("InvalidPaginationTokenException", "The pagination token is not valid.")
    })?;
    let skip = token.and_then(Result::ok).unwrap_or(0);
    let end = skip.saturating_add(usize::try_from(most).unwrap_or(usize::MAX)).min(items.len());
    let mut answer = json!({"requestId": crate::state::ids::request()});
    if end < items.len() {
        answer["nextToken"] = json!(end.to_string());
    }
    answer[field] = items.into_iter().take(end).skip(skip).collect();
    Ok(answer)
}

/// The fields of `body` that a summary shows.
pub fn pick(body: &Value, fields: &[&str]) -> Value {
    fields
        .iter()
        .filter(|name| !body[**name].is_null())
        .map(|name| ((*name).to_owned(), body[*name].clone()))
        .collect()
}
