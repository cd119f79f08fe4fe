//! CloudWatch Logs (API reference 2014-03-28, AwsJson 1.1), as far as it is
//! read.

use super::{Answer, ApiError, Call};
use crate::rules::logs as rules;
use crate::state::ids;
use crate::state::logs::{Event, Group};
use serde_json::{Value, json};

/// Events of an answer at most, and when no number is asked for.
const MAX_EVENTS: u64 = 10_000;
/// Entries of a page of groups or streams.
const MAX_ENTRIES: u64 = 50;

/// Carries out an operation.
pub fn perform(call: &Call<'_>, input: &Value) -> Answer {
    call.authorize("*")?;
    match call.operation {
        "DescribeLogGroups" => groups(call, input),
        "DescribeLogStreams" => streams(call, input),
        "GetLogEvents" => events(call, input),
        other => Err(ApiError::unknown_operation("logs", other)),
    }
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new("InvalidParameterException", message)
}

fn missing(what: &str) -> ApiError {
    ApiError::new("ResourceNotFoundException", format!("The specified log {what} does not exist."))
}

fn arn(call: &Call<'_>, group: &str) -> String {
    let config = &call.region.config;
    format!("arn:aws:logs:{}:{}:log-group:{group}", config.region, config.account_id)
}

fn groups(call: &Call<'_>, input: &Value) -> Answer {
    let prefix = input["logGroupNamePrefix"].as_str().unwrap_or_default();
    let state = call.state();
    let shown = state.logs.groups.iter().filter(|(name, _)| name.starts_with(prefix)).map(
        |(name, group)| {
            let bytes: usize = group.streams.values().map(|stream| size(&stream.events)).sum();
            json!({
                "logGroupName": name,
                "creationTime": group.created_ms,
                "metricFilterCount": 0,
                "arn": format!("{}:*", arn(call, name)),
                "logGroupArn": arn(call, name),
                "storedBytes": bytes,
                "logGroupClass": "STANDARD",
            })
        },
    );
    page(input, "logGroups", shown.collect())
}

/// As CloudWatch counts it: 26 bytes beside each message.
fn size(events: &[Event]) -> usize {
    events.iter().map(|event| event.message.len() + 26).sum()
}

fn streams(call: &Call<'_>, input: &Value) -> Answer {
    let state = call.state();
    let (name, group) = group(call, &state.logs.groups, input)?;
    let prefix = input["logStreamNamePrefix"].as_str().unwrap_or_default();
    let named = group.streams.iter().filter(|(name, _)| name.starts_with(prefix));
    let shown = named.map(|(stream, it)| {
        json!({
            "logStreamName": stream,
            "creationTime": it.created_ms,
            "firstEventTimestamp": it.events.first().map_or(it.created_ms, |event| event.at_ms),
            "lastEventTimestamp": it.events.last().map_or(it.created_ms, |event| event.at_ms),
            "lastIngestionTime": it.events.last().map_or(it.created_ms, |event| event.at_ms),
            "arn": format!("{}:log-stream:{stream}", arn(call, name)),
            "storedBytes": 0,
        })
    });
    page(input, "logStreams", shown.collect())
}

/// The group that a request names.
fn group<'a>(
    call: &Call<'_>,
    groups: &'a std::collections::BTreeMap<String, Group>,
    input: &'a Value,
) -> Result<(&'a str, &'a Group), ApiError> {
    static NONE: Group = Group { created_ms: 0, streams: std::collections::BTreeMap::new() };
    let name = input["logGroupName"].as_str().unwrap_or_default();
    let found = groups.get(name);
    call.region.rules.check(&rules::GROUP, found.is_some(), || missing("group"))?;
    Ok((name, found.unwrap_or(&NONE)))
}

/// One page; the token is the number of entries before it.
fn page(input: &Value, field: &str, all: Vec<Value>) -> Answer {
    let most = input["limit"].as_u64().unwrap_or(MAX_ENTRIES);
    if !(1..=MAX_ENTRIES).contains(&most) {
        return Err(invalid(format!("limit must be 1 to {MAX_ENTRIES}.")));
    }
    let token = input["nextToken"].as_str().unwrap_or("0").parse::<usize>();
    let skip = token.map_err(|_| invalid("The specified nextToken is invalid."))?;
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let mut answer = json!({});
    if skip + most < all.len() {
        answer["nextToken"] = json!((skip + most).to_string());
    }
    answer[field] = all.into_iter().skip(skip).take(most).collect();
    Ok(answer)
}

/// GetLogEvents. A token is `f/<position>` or `b/<position>`: what follows the
/// position, or what comes before it.
fn events(call: &Call<'_>, input: &Value) -> Answer {
    let in_force = &call.region.rules;
    let state = call.state();
    let (_, group) = group(call, &state.logs.groups, input)?;
    let stream = group.streams.get(input["logStreamName"].as_str().unwrap_or_default());
    in_force.check(&rules::STREAM, stream.is_some(), || missing("stream"))?;
    let events = stream.map(|stream| stream.events.as_slice()).unwrap_or_default();
    let most = input["limit"].as_u64().unwrap_or(MAX_EVENTS);
    in_force.check(&rules::LIMIT, (1..=MAX_EVENTS).contains(&most), || {
        invalid(format!("limit must be 1 to {MAX_EVENTS}."))
    })?;
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let token = input["nextToken"].as_str();
    let position = token.map(|token| position(token, events.len()));
    let is_known = position.is_none_or(|position| position.is_some());
    in_force.check(&rules::TOKEN, is_known, || invalid("The specified nextToken is invalid."))?;
    let from_head =
        input["startFromHead"].as_bool().unwrap_or(false) || !in_force.on(&rules::NEWEST);
    let (first, end) = match position.flatten() {
        Some((Way::Forward, at)) => (at, at.saturating_add(most)),
        Some((Way::Back, at)) => (at.saturating_sub(most), at),
        None if from_head => (0, most),
        None => (events.len().saturating_sub(most), events.len()),
    };
    let end = end.min(events.len());
    let within = |event: &&Event| {
        let after = input["startTime"].as_i64().is_none_or(|start| event.at_ms >= start);
        after && input["endTime"].as_i64().is_none_or(|end| event.at_ms < end)
    };
    let shown = events[first.min(end)..end].iter().filter(within).map(|event| {
        json!({"timestamp": event.at_ms, "message": event.message, "ingestionTime": event.at_ms})
    });
    let shown: Vec<Value> = shown.collect();
    // A position is its own token; without the rule every answer has another.
    let end_mark = match in_force.on(&rules::END) {
        true => String::new(),
        false => format!("/{}", ids::request()),
    };
    Ok(json!({
        "nextForwardToken": format!("f/{end:020}{end_mark}"),
        "nextBackwardToken": format!("b/{:020}{end_mark}", first.min(end)),
        "events": shown,
    }))
}

#[derive(Clone, Copy)]
enum Way {
    Forward,
    Back,
}

fn position(token: &str, events: usize) -> Option<(Way, usize)> {
    let mut parts = token.split('/');
    let way = match parts.next()? {
        "f" => Way::Forward,
        "b" => Way::Back,
        _ => return None,
    };
    let at = parts.next()?.parse().ok().filter(|at| *at <= events)?;
    Some((way, at))
}
