//! DescribeInstanceInformation.

use super::silent;
use crate::agents;
use crate::api::constraint::{Page, texts, violated};
use crate::api::{Answer, ApiError, Call};
use crate::rules::managed_nodes as rules;
use crate::state::State;
use serde_json::{Value, json};

const PING: [&str; 3] = ["Online", "ConnectionLost", "Inactive"];
const KEYS: [&str; 9] = [
    "InstanceIds",
    "AgentVersion",
    "PingStatus",
    "PlatformTypes",
    "ActivationIds",
    "IamRole",
    "ResourceType",
    "AssociationStatus",
    "SourceType",
];

struct Filter<'a> {
    key: &'a str,
    values: Vec<&'a str>,
}

/// DescribeInstanceInformation.
pub fn describe(call: &Call<'_>, input: &Value) -> Answer {
    call.authorize("*")?;
    let filters = filters(call, input)?;
    let ids: Vec<String> = call.state().agents.keys().cloned().collect();
    let nodes = ids.iter().filter_map(|id| show(call, id));
    let found: Vec<Value> = {
        let nodes: Vec<Value> = nodes.collect();
        let state = call.state();
        nodes.into_iter().filter(|node| filters.iter().all(|f| f.keeps(&state, node))).collect()
    };
    let sizes = if call.region.rules.on(&rules::PAGES) { 5..=50 } else { 1..=u64::MAX };
    let page =
        Page::cut(found, input, sizes, "InvalidNextToken").map_err(|e| e.by(&rules::PAGES))?;
    Ok(page.answer("InstanceInformationList"))
}

/// Both forms; they differ in the case of their fields.
fn filters<'a>(call: &Call<'_>, input: &'a Value) -> Result<Vec<Filter<'a>>, ApiError> {
    let list = |name: &str| input[name].as_array().map(Vec::as_slice).unwrap_or_default();
    let (old, new) = (list("InstanceInformationFilterList"), list("Filters"));
    call.region.rules.check(&rules::ONE_FILTER_FORM, old.is_empty() || new.is_empty(), || {
        ApiError::new(
            "ValidationException",
            "Use either Filters or InstanceInformationFilterList, not both.",
        )
    })?;
    let read = |filter: &'a Value, key: &str, values: &str| Filter {
        key: filter[key].as_str().unwrap_or_default(),
        values: texts(&filter[values]),
    };
    let old = old.iter().map(|filter| read(filter, "key", "valueSet"));
    let filters: Vec<_> =
        old.chain(new.iter().map(|filter| read(filter, "Key", "Values"))).collect();
    for filter in &filters {
        let tag = filter.key.starts_with("tag:") || filter.key == "tag-key";
        call.region.rules.check(&rules::FILTERS, tag || KEYS.contains(&filter.key), || {
            silent("InvalidFilterKey")
        })?;
        if filter.values.is_empty() || filter.values.len() > 100 {
            let must = "have length between 1 and 100";
            return Err(violated(&filter.values.join(", "), "filters.member.values", must));
        }
        let known = filter.key != "PingStatus" || filter.values.iter().all(|v| PING.contains(v));
        call.region.rules.check(&rules::FILTERS, known, || {
            ApiError::new(
                "InvalidInstanceInformationFilterValue",
                format!("PingStatus takes {}.", PING.join(", ")),
            )
        })?;
    }
    Ok(filters)
}

impl Filter<'_> {
    fn keeps(&self, state: &State, node: &Value) -> bool {
        let id = node["InstanceId"].as_str().unwrap_or_default();
        if self.key == "tag-key" {
            return state.ec2.tags_of(id).keys().any(|key| self.values.contains(&key.as_str()));
        }
        if let Some(key) = self.key.strip_prefix("tag:") {
            let tags = state.ec2.tags_of(id);
            return tags.get(key).is_some_and(|value| self.values.contains(&value.as_str()));
        }
        let field = match self.key {
            "InstanceIds" => "InstanceId",
            "PlatformTypes" => "PlatformType",
            "ActivationIds" => "ActivationId",
            same => same,
        };
        node[field].as_str().is_some_and(|value| self.values.contains(&value))
    }
}

/// An instance as a managed node, if it is one.
fn show(call: &Call<'_>, instance_id: &str) -> Option<Value> {
    let online = agents::online(call.region, instance_id);
    let state = call.state();
    let agent = state.agents.get(instance_id)?;
    let registered = agent.registered?;
    let instance = state.ec2.instances.get(instance_id)?;
    let platform = agent.platform.as_ref()?;
    let secs = |time: jiff::Timestamp| time.as_millisecond() as f64 / 1000.0;
    let mut shown = json!({
        "InstanceId": instance_id,
        "PingStatus": if online { "Online" } else { "ConnectionLost" },
        "LastPingDateTime": secs(agent.last_ping),
        "AgentVersion": agents::VERSION,
        "IsLatestVersion": false,
        "PlatformType": "Linux",
        "PlatformName": platform.name,
        "PlatformVersion": platform.version,
        "RegistrationDate": secs(registered),
        "ResourceType": "EC2Instance",
        "IPAddress": instance.private_ip().to_string(),
        "ComputerName": platform.computer_name,
        "SourceId": instance_id,
        "SourceType": "AWS::EC2::Instance",
    });
    let role =
        instance.profile.as_ref().and_then(|name| state.iam.profiles.get(name)?.role.clone());
    if let Some(role) = role {
        shown["IamRole"] = json!(role);
    }
    Some(shown)
}
