//! EventBridge Scheduler (API reference 2021-06-30, REST JSON).

mod expression;
pub mod form;
mod groups;
mod schedules;
pub mod target;

use super::{Answer, ApiError, Call};
use crate::rules::scheduler as rules;
use crate::sigv4::SignedRequest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{Method, StatusCode};
use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

/// Whether a path is one of this service's.
#[must_use]
pub fn is_path(path: &str) -> bool {
    let tags = |arn| decode(arn).starts_with("arn:aws:scheduler:");
    matches!(first(path), "schedules" | "schedule-groups")
        || path.strip_prefix("/tags/").is_some_and(tags)
}

/// Operation of a request.
#[must_use]
pub fn operation(method: &Method, path: &str) -> String {
    let named = !name(path).is_empty();
    match (first(path), method.as_str(), named) {
        ("schedules", "GET", false) => "ListSchedules",
        ("schedules", "GET", true) => "GetSchedule",
        ("schedules", "POST", true) => "CreateSchedule",
        ("schedules", "PUT", true) => "UpdateSchedule",
        ("schedules", "DELETE", true) => "DeleteSchedule",
        ("schedule-groups", "GET", false) => "ListScheduleGroups",
        ("schedule-groups", "GET", true) => "GetScheduleGroup",
        ("schedule-groups", "POST", true) => "CreateScheduleGroup",
        ("schedule-groups", "DELETE", true) => "DeleteScheduleGroup",
        ("tags", "GET", true) => "ListTagsForResource",
        ("tags", "POST", true) => "TagResource",
        ("tags", "DELETE", true) => "UntagResource",
        _ => path,
    }
    .to_owned()
}

fn first(path: &str) -> &str {
    path.trim_start_matches('/').split('/').next().unwrap_or_default()
}

/// What comes behind the first part of a path.
fn name(path: &str) -> String {
    let rest = path.trim_start_matches('/').split_once('/').map_or("", |(_, rest)| rest);
    decode(rest)
}

fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// Carries out an operation.
pub fn perform(call: &Call<'_>, request: &SignedRequest<'_>, body: &Value) -> Answer {
    let query = request.query.split('&').filter_map(|pair| pair.split_once('='));
    let query = query.map(|(key, value)| (decode(key), decode(&value.replace('+', " "))));
    let input = &Input { name: name(request.path), query: query.collect(), body };
    match call.operation {
        "CreateSchedule" => schedules::create(call, input),
        "UpdateSchedule" => schedules::update(call, input),
        "GetSchedule" => schedules::get(call, input),
        "ListSchedules" => schedules::list(call, input),
        "DeleteSchedule" => schedules::delete(call, input),
        "CreateScheduleGroup" => groups::create(call, input),
        "GetScheduleGroup" => groups::get(call, input),
        "ListScheduleGroups" => groups::list(call, input),
        "DeleteScheduleGroup" => groups::delete(call, input),
        "TagResource" => groups::tag(call, input),
        "UntagResource" => groups::untag(call, input),
        "ListTagsForResource" => groups::list_tags(call, input),
        other => Err(ApiError::unknown_operation("scheduler", other)),
    }
}

/// What a request carries: the name in its path, its query and its body.
struct Input<'a> {
    name: String,
    query: Vec<(String, String)>,
    body: &'a Value,
}

impl Input<'_> {
    fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.body[name].as_str().filter(|text| !text.is_empty())
    }
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new("ValidationException", message)
}

fn constraint(field: &str, value: &str, must: &str) -> ApiError {
    invalid(format!(
        "1 validation error detected: Value '{value}' at '{field}' failed to satisfy constraint: Member must {must}"
    ))
}

fn not_found(what: &str, name: &str) -> ApiError {
    ApiError::new("ResourceNotFoundException", format!("{what} {name} does not exist."))
        .status(StatusCode::NOT_FOUND)
}

fn conflict(what: &str, name: &str) -> ApiError {
    ApiError::new("ConflictException", format!("{what} {name} already exists."))
        .status(StatusCode::CONFLICT)
}

/// A name of a schedule or group: 1 to 64 letters, digits and `-_.`.
fn check_name(call: &Call<'_>, field: &str, name: &str) -> Result<(), ApiError> {
    let fits = (1..=64).contains(&name.len())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    call.region.rules.check(&rules::NAME, fits, || {
        constraint(
            field,
            name,
            "satisfy regular expression pattern: [0-9a-zA-Z-_.]+, with length 1 to 64",
        )
    })
}

fn epoch(time: Timestamp) -> f64 {
    time.as_millisecond() as f64 / 1000.0
}

/// Entries of a page at most, and when no number is asked for.
const PAGE: usize = 100;

/// One page of `field`, and the token of the next.
fn page(call: &Call<'_>, input: &Input<'_>, field: &str, items: Vec<Value>) -> Answer {
    let size = input.query("MaxResults").map_or(Some(PAGE), |text| text.parse().ok());
    let size = size.filter(|size| (1..=PAGE).contains(size));
    call.region.rules.check(&rules::MAX_RESULTS, size.is_some(), || {
        let given = input.query("MaxResults").unwrap_or_default();
        constraint("maxResults", given, "have value between 1 and 100")
    })?;
    let place = |token: &str| {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
        text.parse::<usize>().ok().filter(|place| *place <= items.len())
    };
    let begin = input.query("NextToken").map_or(Some(0), place);
    let begin = begin.ok_or_else(|| invalid("Invalid NextToken."))?;
    let end = begin.saturating_add(size.unwrap_or(PAGE)).min(items.len());
    let next = (end < items.len()).then(|| URL_SAFE_NO_PAD.encode(end.to_string()));
    Ok(match next {
        None => json!({ field: &items[begin..end] }),
        Some(next) => json!({ field: &items[begin..end], "NextToken": next }),
    })
}
