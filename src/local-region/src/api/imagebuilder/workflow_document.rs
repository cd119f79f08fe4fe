//! The form of a workflow document (YAML, schema 1.0).
//!
//! Source: Image Builder user guide, "Create a YAML workflow document" and
//! "Supported step actions for your workflow document".

use super::workflow_actions as actions;
use super::{ApiError, Call, bad};
use crate::rules::workflows as rules;
use crate::state::workflow::Planned;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

const MAX_STEPS: usize = 15;
const MAX_PARAMETERS: usize = 25;
const MAX_OUTPUTS: usize = 25;
const MAX_TIMEOUT_SECONDS: u32 = 86_400;
const PARAMETER_TYPES: [&str; 4] = ["string", "integer", "boolean", "stringList"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Document {
    #[serde(rename = "name")]
    _name: Option<String>,
    #[serde(rename = "description")]
    _description: Option<String>,
    schema_version: serde_yaml_ng::Value,
    #[serde(default)]
    parameters: Vec<Parameter>,
    steps: Vec<Step>,
    #[serde(default)]
    outputs: Vec<Output>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameter {
    name: String,
    r#type: String,
    default: Option<Value>,
    description: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Step {
    name: String,
    action: String,
    description: Option<String>,
    r#if: Option<Value>,
    #[serde(default)]
    inputs: Map<String, Value>,
    #[serde(default)]
    on_failure: OnFailure,
    rollback_enabled: Option<Value>,
    timeout_seconds: Option<u32>,
}

#[derive(Deserialize, Default, PartialEq)]
enum OnFailure {
    #[default]
    Abort,
    Continue,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Output {
    name: String,
    #[serde(rename = "value")]
    _value: String,
}

/// What is known of a document.
#[derive(Debug, Default)]
pub struct Outline {
    /// Parameters as GetWorkflow tells them.
    pub parameters: Vec<Value>,
    /// Steps in the order they run.
    pub steps: Vec<Planned>,
}

/// The outline of a document that must be one of a stage: `BUILD`, `TEST`, `DISTRIBUTION`.
pub fn checked(call: &Call<'_>, text: &str, stage: &str) -> Result<Outline, ApiError> {
    let in_force = &call.region.rules;
    let outline = match outline(text) {
        Ok(outline) => outline,
        Err(why) => {
            in_force.check(&rules::DOCUMENT, false, || bad("data", why))?;
            return Ok(Outline::default());
        }
    };
    for step in &outline.steps {
        let (name, action) = (&step.name, &step.action);
        let known = actions::find(action, stage);
        in_force.check(&rules::ACTION, known.is_some(), || {
            bad("data", format!("Step '{name}': {stage} workflows have no action '{action}'."))
        })?;
        let wrong = known.and_then(|known| known.wrong_input(&step.inputs));
        in_force.check(&rules::INPUTS, wrong.is_none(), || {
            bad("data", format!("Step '{name}': {}.", wrong.unwrap_or_default()))
        })?;
    }
    Ok(outline)
}

/// Checks a document's form; what its actions are is another question.
///
/// # Errors
/// What is wrong.
pub fn outline(text: &str) -> Result<Outline, String> {
    let document: Document = serde_yaml_ng::from_str(text)
        .map_err(|error| format!("The document is not valid: {error}."))?;
    let version = match &document.schema_version {
        serde_yaml_ng::Value::String(text) => text.clone(),
        other => other.as_f64().map(|number| format!("{number:.1}")).unwrap_or_default(),
    };
    if version != "1.0" {
        return Err(format!("schemaVersion must be 1.0, not {version}."));
    }
    let parts = [
        ("steps", document.steps.len(), MAX_STEPS),
        ("parameters", document.parameters.len(), MAX_PARAMETERS),
        ("outputs", document.outputs.len(), MAX_OUTPUTS),
    ];
    if let Some((what, count, most)) = parts.into_iter().find(|(_, count, most)| count > most) {
        return Err(format!("It has {count} {what}, at most are {most}."));
    }
    if document.steps.is_empty() {
        return Err("The document has no steps.".to_owned());
    }
    let mut names = BTreeSet::new();
    if let Some(output) = document.outputs.iter().find(|one| !names.insert(&one.name)) {
        return Err(format!("The output '{}' is there twice.", output.name));
    }
    let mut earlier = BTreeSet::new();
    for step in &document.steps {
        step.wrong(&earlier).map_or(Ok(()), |why| Err(format!("Step '{}': {why}.", step.name)))?;
        earlier.insert(step.name.as_str());
    }
    let parameters = document.parameters.iter().map(parameter).collect::<Result<_, _>>()?;
    Ok(Outline { parameters, steps: document.steps.into_iter().map(Step::planned).collect() })
}

impl Step {
    fn wrong(&self, earlier: &BTreeSet<&str>) -> Option<String> {
        let name = &self.name;
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if !(3..=128).contains(&name.len()) || !name.chars().all(plain) {
            return Some("a name has 3 to 128 letters, digits and underscores".to_owned());
        }
        if earlier.contains(name.as_str()) {
            return Some("its name is there twice".to_owned());
        }
        if self.description.as_ref().is_some_and(|text| !(1..=1024).contains(&text.len())) {
            return Some("a description has 1 to 1024 characters".to_owned());
        }
        let fits = |secs| (1..=MAX_TIMEOUT_SECONDS).contains(&secs);
        if !self.timeout_seconds.is_none_or(fits) {
            return Some(format!("timeoutSeconds must be 1 to {MAX_TIMEOUT_SECONDS}"));
        }
        let dynamic = |value: &Value| value.as_str().is_some_and(|text| text.starts_with("$."));
        if !self.rollback_enabled.as_ref().is_none_or(|one| one.is_boolean() || dynamic(one)) {
            return Some("rollbackEnabled is true, false or a JSONPath".to_owned());
        }
        let references = self.inputs.iter().filter(|(key, _)| key.ends_with(".$"));
        for (key, value) in references {
            let path = value.as_str().filter(|path| path.starts_with("$."));
            let Some(path) = path else { return Some(format!("{key} must be a JSONPath")) };
            let step = path.strip_prefix("$.stepOutputs.").map(|rest| rest.split('.').next());
            if let Some(step) = step.map(Option::unwrap_or_default)
                && !earlier.contains(step)
            {
                return Some(format!("{key} refers to '{step}', which is no step before it"));
            }
        }
        None
    }

    fn planned(self) -> Planned {
        Planned {
            name: self.name,
            action: self.action,
            inputs: self.inputs,
            goes_on: self.on_failure == OnFailure::Continue,
            rolls_back: self.rollback_enabled != Some(json!(false)),
            is_conditional: self.r#if.is_some(),
        }
    }
}

fn parameter(one: &Parameter) -> Result<Value, String> {
    if !PARAMETER_TYPES.contains(&one.r#type.as_str()) {
        let types = PARAMETER_TYPES.join(", ");
        return Err(format!("The parameter '{}' must have one of the types {types}.", one.name));
    }
    let mut detail = json!({"name": one.name, "type": one.r#type});
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match &one.default {
        None => {}
        Some(Value::Array(all)) => {
            detail["defaultValue"] = all.iter().map(|one| json!(text(one))).collect();
        }
        Some(one) => detail["defaultValue"] = json!([text(one)]),
    }
    if let Some(description) = &one.description {
        detail["description"] = json!(description);
    }
    Ok(detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: &str = "{name: Wait, action: WaitForAction}";

    #[test]
    fn outlines() {
        let text = "schemaVersion: '1.0'\nparameters:\n- {name: a, type: boolean, default: true}\nsteps:\n- {name: Launch, action: LaunchInstance, inputs: {waitFor: ssmAgent}}\n- {name: Run, action: ExecuteComponents, onFailure: Continue, rollbackEnabled: false, inputs: {instanceId.$: $.stepOutputs.Launch.instanceId}}\noutputs:\n- {name: b, value: c}\n";
        let found = outline(text).unwrap();
        let parameter = json!({"name": "a", "type": "boolean", "defaultValue": ["true"]});
        assert_eq!(found.parameters, [parameter]);
        let flags = |step: &Planned| (step.goes_on, step.rolls_back);
        assert_eq!(
            found.steps.iter().map(flags).collect::<Vec<_>>(),
            [(false, true), (true, false)]
        );
    }

    #[test]
    fn refuses() {
        let many = format!("schemaVersion: 1.0\nsteps: [{}]", vec![STEP; 16].join(", "));
        for text in [
            "steps: []",
            "schemaVersion: 1.0\nsteps: []",
            &format!("schemaVersion: 1.1\nsteps: [{STEP}]"),
            &format!("schemaVersion: 1.0\nphases: []\nsteps: [{STEP}]"),
            &format!("schemaVersion: 1.0\nsteps: [{STEP}, {STEP}]"),
            &format!("schemaVersion: 1.0\nparameters: [{{name: a, type: map}}]\nsteps: [{STEP}]"),
            "schemaVersion: 1.0\nsteps: [{name: A B, action: WaitForAction}]",
            "schemaVersion: 1.0\nsteps: [{name: Wait, action: WaitForAction, onFailure: Stop}]",
            "schemaVersion: 1.0\nsteps: [{name: Wait, action: WaitForAction, timeoutSeconds: 0}]",
            "schemaVersion: 1.0\nsteps: [{name: Wait, action: WaitForAction, rollbackEnabled: no way}]",
            "schemaVersion: 1.0\nsteps: [{name: End, action: TerminateInstance, inputs: {instanceId.$: $.stepOutputs.Launch.instanceId}}]",
            "schemaVersion: 1.0\nsteps: [{name: End, action: TerminateInstance, inputs: {instanceId.$: i-1}}]",
            &many,
        ] {
            assert!(outline(text).is_err(), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn never_panics(text in ".{0,200}") {
            let _ = outline(&text);
        }
    }
}
