//! Components. A version's build is immutable: other content makes the next
//! build, the same content is refused.

use super::{Answer, Call, Input, bad, document, list, names, not_found, resources, tokens};
use crate::api::{ApiError, timestamp};
use crate::rules::imagebuilder as rules;
use crate::state::imagebuilder::Resource;
use serde_json::{Value, json};

const SUMMARY: &[&str] = &[
    "arn",
    "name",
    "version",
    "platform",
    "supportedOsVersions",
    "state",
    "type",
    "owner",
    "description",
    "changeDescription",
    "dateCreated",
    "tags",
];

/// CreateComponent.
pub fn create(call: &Call<'_>, input: &Input<'_>) -> Answer {
    tokens::once(call, input, || {
        let name = input.need("name")?;
        names::check(call, name)?;
        let version = input.need("semanticVersion")?;
        names::version(call, version)?;
        if input.need("platform")? != "Linux" {
            return Err(bad("platform", "The local region builds Linux images."));
        }
        let data = document::read(call, input.body["data"].as_str(), input.text("uri"))?;
        let outline = document::checked(call, &data)?;
        let tags = resources::read(input.body, "tags")?;
        let mut state = call.state();
        let components = &mut state.imagebuilder.components;
        let prefix = names::arn(call, "component", name, version);
        let latest = names::resolve(components.keys(), &prefix);
        let mut number = 1;
        if let Some(latest) = latest {
            let other = components[&latest].body["data"] != json!(data);
            let exists = || tokens::exists(&latest);
            call.region.rules.check(&rules::COMPONENT_EXISTS, other, exists)?;
            number = latest.rsplit('/').next().and_then(|n| n.parse::<u32>().ok()).unwrap_or(0) + 1;
        }
        tokens::dry_run(call, input)?;
        let arn = format!("{prefix}/{number}");
        let is_test = outline.is_test && call.region.rules.on(&rules::COMPONENT_TYPE);
        let body = json!({
            "arn": arn,
            "name": name,
            "version": version,
            "description": input.text("description"),
            "changeDescription": input.text("changeDescription"),
            "type": if is_test { "TEST" } else { "BUILD" },
            "platform": "Linux",
            "supportedOsVersions": input.body["supportedOsVersions"],
            "state": {"status": "ACTIVE"},
            "parameters": outline.parameters,
            "owner": call.region.config.account_id,
            "data": data,
            "encrypted": true,
            "dateCreated": timestamp(),
            "tags": tags,
        });
        components.insert(arn.clone(), Resource { body: without_null(body) });
        Ok(("componentBuildVersionArn", arn))
    })
}

/// JSON of this service leaves out what is not set.
pub fn without_null(mut body: Value) -> Value {
    if let Some(fields) = body.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
    }
    body
}

/// GetComponent.
pub fn get(call: &Call<'_>, input: &Input<'_>) -> Answer {
    let wanted = input.need("componentBuildVersionArn")?;
    let form = names::Form::VersionOrBuild;
    names::check_arn(call, "componentBuildVersionArn", wanted, "component", form)?;
    let state = call.state();
    let components = &state.imagebuilder.components;
    let arn = names::resolve(components.keys(), wanted).ok_or_else(|| not_found(wanted))?;
    Ok(json!({"requestId": crate::state::ids::request(), "component": components[&arn].body}))
}

/// DeleteComponent; refused while a recipe names it.
pub fn delete(call: &Call<'_>, input: &Input<'_>) -> Answer {
    let arn = input.need("componentBuildVersionArn")?;
    names::check_arn(call, "componentBuildVersionArn", arn, "component", names::Form::Build)?;
    let mut state = call.state();
    let builder = &mut state.imagebuilder;
    if !builder.components.contains_key(arn) {
        return Err(not_found(arn));
    }
    let used = builder.recipes.values().any(|recipe| {
        recipe.body["components"].as_array().into_iter().flatten().any(|component| {
            let named = component["componentArn"].as_str().unwrap_or_default();
            names::resolve(builder.components.keys(), named).as_deref() == Some(arn)
        })
    });
    call.region.rules.check(&rules::COMPONENT_IN_USE, !used, || {
        ApiError::new(
            "ResourceDependencyException",
            format!(
                "Resource dependency error: The resource ARN '{arn}' has other resources depended on it."
            ),
        )
    })?;
    builder.components.remove(arn);
    Ok(json!({"requestId": crate::state::ids::request(), "componentBuildVersionArn": arn}))
}

/// ListComponents: one entry for each version.
pub fn list(call: &Call<'_>, input: &Input<'_>) -> Answer {
    let state = call.state();
    let mut shown: Vec<Value> = Vec::new();
    for resource in state.imagebuilder.components.values() {
        let mut entry = list::pick(&resource.body, SUMMARY);
        let arn = entry["arn"]
            .as_str()
            .and_then(|arn| arn.rsplit_once('/'))
            .map(|(arn, _)| arn.to_owned());
        entry["arn"] = json!(arn);
        entry["status"] = entry["state"]["status"].clone();
        for field in ["state", "tags", "changeDescription"] {
            entry.as_object_mut().and_then(|entry| entry.remove(field));
        }
        shown.retain(|old| old["arn"] != entry["arn"]);
        shown.push(entry);
    }
    list::answer(call, input, "componentVersionList", shown)
}

/// ListComponentBuildVersions.
pub fn list_builds(call: &Call<'_>, input: &Input<'_>) -> Answer {
    let version = input.text("componentVersionArn").unwrap_or_default().to_owned();
    let state = call.state();
    let components = state.imagebuilder.components.iter();
    let shown = components
        .filter(|(arn, _)| version.is_empty() || arn.starts_with(&format!("{version}/")))
        .map(|(_, resource)| list::pick(&resource.body, SUMMARY))
        .collect();
    list::answer(call, input, "componentSummaryList", shown)
}
