//! Schedules.

use super::{
    Input, check_name, conflict, constraint, epoch, expression, invalid, not_found, page, target,
};
use crate::api::{Answer, ApiError, Call};
use crate::rules::scheduler as rules;
use crate::schedules;
use crate::state::scheduler::{DEFAULT_GROUP, Definition, Key, Schedule};
use serde_json::{Value, json};

/// Fields that are kept and told, and have no effect on a one-time schedule.
const OTHERS: [&str; 4] = ["Description", "StartDate", "EndDate", "KmsKeyArn"];

fn arn(call: &Call<'_>, (group, name): &Key) -> String {
    call.arn(&format!("schedule/{group}/{name}"))
}

/// Group and name of the request, authorized.
fn key(call: &Call<'_>, input: &Input<'_>, group: Option<&str>) -> Result<Key, ApiError> {
    let key = (group.unwrap_or(DEFAULT_GROUP).to_owned(), input.name.clone());
    check_name(call, "name", &key.1)?;
    check_name(call, "groupName", &key.0)?;
    call.authorize(&arn(call, &key))?;
    Ok(key)
}

fn check_group(call: &Call<'_>, group: &str) -> Result<(), ApiError> {
    let known = call.state().scheduler.groups.contains_key(group);
    call.region.rules.check(&rules::GROUP_UNKNOWN, known, || not_found("Schedule Group", group))
}

/// What the request asks for; what it leaves out has its default.
fn definition(call: &Call<'_>, input: &Input<'_>, key: &Key) -> Result<Definition, ApiError> {
    let (expression, timezone, at) = expression::read(call, input)?;
    let state = input.text("State").unwrap_or("ENABLED");
    let after = input.text("ActionAfterCompletion").unwrap_or("NONE");
    for (field, value, known) in [
        ("state", state, ["ENABLED", "DISABLED"]),
        ("actionAfterCompletion", after, ["NONE", "DELETE"]),
    ] {
        call.region.rules.check(&rules::ENUM, known.contains(&value), || {
            let must = format!("satisfy enum value set: [{}]", known.join(", "));
            constraint(field, value, &must)
        })?;
    }
    let others = OTHERS.iter().filter(|field| !input.body[**field].is_null());
    Ok(Definition {
        expression,
        timezone,
        at,
        enabled: state != "DISABLED",
        delete_after: after == "DELETE",
        window: window(call, input)?,
        target: target::read(call, input, &call.arn(&format!("schedule-group/{}", key.0)))?,
        others: others.map(|field| (*field, input.body[*field].clone())).collect(),
    })
}

fn window(call: &Call<'_>, input: &Input<'_>) -> Result<Value, ApiError> {
    let window = &input.body["FlexibleTimeWindow"];
    let minutes = &window["MaximumWindowInMinutes"];
    let fits = match window["Mode"].as_str() {
        Some("OFF") => minutes.is_null(),
        Some("FLEXIBLE") => minutes.as_u64().is_some_and(|m| (1..=1440).contains(&m)),
        _ => false,
    };
    call.region.rules.check(&rules::WINDOW, fits, || {
        invalid("FlexibleTimeWindow must have the Mode OFF, without MaximumWindowInMinutes, or FLEXIBLE, with 1 to 1440 of them.")
    })?;
    Ok(window.clone())
}

/// CreateSchedule.
pub fn create(call: &Call<'_>, input: &Input<'_>) -> Answer {
    let key = key(call, input, input.text("GroupName"))?;
    check_group(call, &key.0)?;
    let definition = definition(call, input, &key)?;
    let in_force = &call.region.rules;
    let token = input.text("ClientToken").map(str::to_owned);
    let answer = json!({"ScheduleArn": arn(call, &key)});
    let now = call.region.clock.now();
    let mut state = call.state();
    if let Some(other) = state.scheduler.schedules.get(&key) {
        let same = token.is_some() && other.token == token && other.definition == definition;
        if same && in_force.on(&rules::TOKEN) {
            return Ok(answer);
        }
        in_force.check(&rules::EXISTS, false, || conflict("Schedule", &key.1))?;
    }
    let at = definition.at;
    let schedule = Schedule { definition, version: 0, created: now, modified: now, token };
    let version = state.scheduler.put(key.clone(), schedule);
    drop(state);
    schedules::watch(call.region, key, version, at);
    Ok(answer)
}

/// UpdateSchedule: all of the definition is replaced.
pub fn update(call: &Call<'_>, input: &Input<'_>) -> Answer {
    let key = key(call, input, input.text("GroupName"))?;
    let definition = definition(call, input, &key)?;
    let now = call.region.clock.now();
    let mut state = call.state();
    let old = state.scheduler.schedules.get(&key).cloned();
    let old = old.ok_or_else(|| not_found("Schedule", &key.1))?;
    let at = definition.at;
    let version = state.scheduler.put(key.clone(), Schedule { definition, modified: now, ..old });
    drop(state);
    let answer = json!({"ScheduleArn": arn(call, &key)});
    schedules::watch(call.region, key, version, at);
    Ok(answer)
}

/// GetSchedule.
pub fn get(call: &Call<'_>, input: &Input<'_>) -> Answer {
    let key = key(call, input, input.query("groupName"))?;
    let state = call.state();
    let schedule = state.scheduler.schedules.get(&key);
    let schedule = schedule.ok_or_else(|| not_found("Schedule", &key.1))?;
    let Definition { expression, timezone, target, window, delete_after, .. } =
        &schedule.definition;
    let mut shown = summary(call, &key, schedule);
    shown["ScheduleExpression"] = json!(expression);
    shown["ScheduleExpressionTimezone"] = json!(timezone);
    shown["Target"] = target.clone();
    shown["FlexibleTimeWindow"] = window.clone();
    shown["ActionAfterCompletion"] = json!(if *delete_after { "DELETE" } else { "NONE" });
    for (field, value) in &schedule.definition.others {
        shown[*field] = value.clone();
    }
    Ok(shown)
}

/// ListSchedules.
pub fn list(call: &Call<'_>, input: &Input<'_>) -> Answer {
    call.authorize("*")?;
    let (group, prefix, wanted) =
        (input.query("ScheduleGroup"), input.query("NamePrefix"), input.query("State"));
    if let Some(group) = group {
        check_group(call, group)?;
    }
    let state = call.state();
    let all = state.scheduler.schedules.iter();
    let shown = all
        .filter(|((of, _), _)| group.is_none_or(|group| group == of))
        .filter(|((_, name), _)| prefix.is_none_or(|prefix| name.starts_with(prefix)))
        .map(|(key, schedule)| summary(call, key, schedule))
        .filter(|shown| wanted.is_none_or(|state| shown["State"] == state));
    page(call, input, "Schedules", shown.collect())
}

fn summary(call: &Call<'_>, key: &Key, schedule: &Schedule) -> Value {
    let (group, name) = key;
    json!({
        "Arn": arn(call, key),
        "GroupName": group,
        "Name": name,
        "State": if schedule.definition.enabled { "ENABLED" } else { "DISABLED" },
        "CreationDate": epoch(schedule.created),
        "LastModificationDate": epoch(schedule.modified),
        "Target": {"Arn": schedule.definition.target["Arn"]},
    })
}

/// DeleteSchedule.
pub fn delete(call: &Call<'_>, input: &Input<'_>) -> Answer {
    let key = key(call, input, input.query("groupName"))?;
    let known = call.state().scheduler.schedules.remove(&key).is_some();
    call.region.rules.check(&rules::UNKNOWN, known, || not_found("Schedule", &key.1))?;
    Ok(json!({}))
}
