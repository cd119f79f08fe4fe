//! Schedule groups and their tags.

use super::{Input, check_name, conflict, epoch, invalid, not_found, page};
use crate::api::{Answer, ApiError, Call, tags, tags::Tags};
use crate::rules::scheduler as rules;
use crate::state::scheduler::{DEFAULT_GROUP, Group};
use serde_json::{Value, json};

const WHAT: &str = "Schedule Group";

fn arn(call: &Call<'_>, name: &str) -> String {
    call.arn(&format!("schedule-group/{name}"))
}

/// Name of the request, authorized.
fn name<'a>(call: &Call<'_>, input: &'a Input<'_>) -> Result<&'a str, ApiError> {
    check_name(call, "name", &input.name)?;
    call.authorize(&arn(call, &input.name))?;
    Ok(&input.name)
}

fn show(call: &Call<'_>, name: &str, group: &Group) -> Value {
    json!({
        "Arn": arn(call, name),
        "Name": name,
        "State": "ACTIVE",
        "CreationDate": epoch(group.created),
        "LastModificationDate": epoch(group.created),
    })
}

/// CreateScheduleGroup.
pub fn create(call: &Call<'_>, input: &Input<'_>) -> Answer {
    let name = name(call, input)?;
    let answer = json!({"ScheduleGroupArn": arn(call, name)});
    let token = input.text("ClientToken").map(str::to_owned);
    let tags = read_tags(input)?;
    let created = call.region.clock.now();
    let mut state = call.state();
    if let Some(other) = state.scheduler.groups.get(name) {
        if token.is_some() && other.token == token && call.region.rules.on(&rules::TOKEN) {
            return Ok(answer);
        }
        call.region.rules.check(&rules::EXISTS, false, || conflict(WHAT, name))?;
    }
    state.scheduler.groups.insert(name.to_owned(), Group { created, token, tags });
    Ok(answer)
}

/// GetScheduleGroup.
pub fn get(call: &Call<'_>, input: &Input<'_>) -> Answer {
    let name = name(call, input)?;
    let state = call.state();
    let group = state.scheduler.groups.get(name).ok_or_else(|| not_found(WHAT, name))?;
    Ok(show(call, name, group))
}

/// ListScheduleGroups.
pub fn list(call: &Call<'_>, input: &Input<'_>) -> Answer {
    call.authorize("*")?;
    let prefix = input.query("NamePrefix").unwrap_or_default();
    let state = call.state();
    let groups = state.scheduler.groups.iter().filter(|(name, _)| name.starts_with(prefix));
    let shown = groups.map(|(name, group)| show(call, name, group)).collect();
    page(call, input, "ScheduleGroups", shown)
}

/// DeleteScheduleGroup; its schedules go with it.
pub fn delete(call: &Call<'_>, input: &Input<'_>) -> Answer {
    let name = name(call, input)?;
    let in_force = &call.region.rules;
    in_force.check(&rules::GROUP_DEFAULT, name != DEFAULT_GROUP, || {
        invalid("The default schedule group cannot be deleted.")
    })?;
    let mut state = call.state();
    let known = state.scheduler.groups.remove(name).is_some();
    in_force.check(&rules::GROUP_UNKNOWN, known, || not_found(WHAT, name))?;
    if in_force.on(&rules::GROUP_SCHEDULES) {
        state.scheduler.schedules.retain(|(group, _), _| group != name);
    }
    Ok(json!({}))
}

fn read_tags(input: &Input<'_>) -> Result<Tags, ApiError> {
    let mut read = Tags::new();
    for tag in input.body["Tags"].as_array().into_iter().flatten() {
        let (key, value) = (tag["Key"].as_str(), tag["Value"].as_str());
        let (Some(key), Some(value)) = (key, value) else {
            return Err(invalid("A tag has a Key and a Value."));
        };
        tags::check(key, value).map_err(|error| invalid(error.message))?;
        read.insert(key.to_owned(), value.to_owned());
    }
    Ok(read)
}

/// Does something with the tags of the group whose ARN is in the path.
fn with_tags(call: &Call<'_>, input: &Input<'_>, what: impl FnOnce(&mut Tags) -> Answer) -> Answer {
    let resource = &input.name;
    call.authorize(resource)?;
    let prefix = arn(call, "");
    let mut state = call.state();
    let group =
        resource.strip_prefix(&prefix).and_then(|name| state.scheduler.groups.get_mut(name));
    let group = group.ok_or_else(|| not_found(WHAT, resource))?;
    what(&mut group.tags)
}

/// TagResource.
pub fn tag(call: &Call<'_>, input: &Input<'_>) -> Answer {
    let new = read_tags(input)?;
    with_tags(call, input, |tags| {
        tags.extend(new);
        Ok(json!({}))
    })
}

/// UntagResource.
pub fn untag(call: &Call<'_>, input: &Input<'_>) -> Answer {
    let keys = input.query.iter().filter(|(name, _)| name == "TagKeys");
    let keys: Vec<&String> = keys.map(|(_, value)| value).collect();
    with_tags(call, input, |tags| {
        tags.retain(|key, _| !keys.contains(&key));
        Ok(json!({}))
    })
}

/// ListTagsForResource.
pub fn list_tags(call: &Call<'_>, input: &Input<'_>) -> Answer {
    with_tags(call, input, |tags| Ok(json!({"Tags": tags::list(tags, "Key", "Value")})))
}
