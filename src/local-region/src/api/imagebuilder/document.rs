//! The outer form of a component document (AWSTOE, schema 1.0); its actions
//! are the build's business.

use super::{ApiError, Call, bad};
use crate::rules::imagebuilder as rules;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Inline documents, in characters.
const MAX_INLINE_CHARS: usize = 16_000;
/// Documents behind a URI.
const MAX_URI_BYTES: u64 = 64 * 1024;

#[derive(Deserialize)]
struct Document {
    #[serde(rename = "schemaVersion")]
    schema_version: serde_yaml_ng::Value,
    #[serde(default)]
    parameters: Vec<BTreeMap<String, Parameter>>,
    phases: Vec<Phase>,
}

#[derive(Deserialize)]
struct Parameter {
    default: Option<String>,
    description: Option<String>,
}

#[derive(Deserialize)]
struct Phase {
    name: String,
    steps: Vec<Step>,
}

#[derive(Deserialize)]
struct Step {
    name: String,
    action: String,
}

/// What is known of a document.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Outline {
    /// A single phase `test` makes a TEST component.
    pub is_test: bool,
    /// Steps of the phases build and validate.
    pub build_steps: usize,
    /// Parameters as GetComponent tells them.
    pub parameters: Vec<Value>,
}

/// The outline of a document that must be valid.
pub fn checked(call: &Call<'_>, text: &str) -> Result<Outline, ApiError> {
    outline(text).or_else(|refusal| {
        call.region.rules.check(&rules::COMPONENT_DOCUMENT, false, || refusal)?;
        Ok(Outline::default())
    })
}

/// Checks a document's outer form.
pub fn outline(text: &str) -> Result<Outline, ApiError> {
    let bad = |why: String| bad("data", why);
    let document: Document = serde_yaml_ng::from_str(text)
        .map_err(|error| bad(format!("The document is not valid: {error}")))?;
    let version = match &document.schema_version {
        serde_yaml_ng::Value::String(text) => text.clone(),
        other => other.as_f64().map(|number| format!("{number:.1}")).unwrap_or_default(),
    };
    if version != "1.0" {
        return Err(bad(format!("schemaVersion must be 1.0, not {version}.")));
    }
    let mut phases = BTreeSet::new();
    let mut build_steps = 0;
    for phase in &document.phases {
        if !matches!(phase.name.as_str(), "build" | "validate" | "test")
            || !phases.insert(&phase.name)
        {
            return Err(bad(format!(
                "Phase '{}': phases are build, validate and test, each at most once.",
                phase.name
            )));
        }
        let mut steps = BTreeSet::new();
        for step in &phase.steps {
            if step.name.is_empty() || step.action.is_empty() || !steps.insert(&step.name) {
                return Err(bad(format!(
                    "Step '{}' in phase '{}': steps have an action and a name of their own.",
                    step.name, phase.name
                )));
            }
        }
        if phase.steps.is_empty() {
            return Err(bad(format!("Phase '{}' has no steps.", phase.name)));
        }
        if phase.name != "test" {
            build_steps += phase.steps.len();
        }
    }
    if phases.is_empty() {
        return Err(bad("The document has no phases.".to_owned()));
    }
    let parameters = document.parameters.iter().flatten().map(parameter).collect();
    Ok(Outline { is_test: phases.len() == 1 && build_steps == 0, build_steps, parameters })
}

fn parameter((name, parameter): (&String, &Parameter)) -> Value {
    // Documents know only the type string; the API writes it with a capital.
    let mut detail = json!({"name": name, "type": "String"});
    if let Some(default) = &parameter.default {
        detail["defaultValue"] = json!([default]);
    }
    if let Some(description) = &parameter.description {
        detail["description"] = json!(description);
    }
    detail
}

/// The document of a request: inline, or read from the region's S3.
pub fn read(call: &Call<'_>, data: Option<&str>, uri: Option<&str>) -> Result<String, ApiError> {
    let in_force = &call.region.rules;
    in_force.check(&rules::COMPONENT_SOURCE, data.is_some() != uri.is_some(), || {
        ApiError::new(
            "InvalidParameterCombinationException",
            "Exactly one of 'data' and 'uri' must be given.",
        )
    })?;
    let Some(data) = data else {
        return from_s3(&call.region.s3_root(), uri.unwrap_or_default());
    };
    in_force.check(&rules::COMPONENT_SIZE, data.chars().count() <= MAX_INLINE_CHARS, || {
        bad(
            "data",
            format!(
                "Its length must be at most {MAX_INLINE_CHARS} characters; use 'uri' for longer documents."
            ),
        )
    })?;
    Ok(data.to_owned())
}

fn from_s3(s3_root: &std::path::Path, uri: &str) -> Result<String, ApiError> {
    let path = uri.strip_prefix("s3://").filter(|path| path.contains('/'));
    let clean = path.filter(|path| !path.split('/').any(|part| matches!(part, "" | "." | "..")));
    let path = clean.ok_or_else(|| bad("uri", format!("'{uri}' must be s3://bucket/key.")))?;
    let file = s3_root.join(path);
    let missing =
        |error: std::io::Error| bad("uri", format!("The object '{uri}' cannot be read: {error}."));
    if std::fs::metadata(&file).map_err(missing)?.len() > MAX_URI_BYTES {
        return Err(bad(
            "uri",
            format!("The object '{uri}' is larger than {MAX_URI_BYTES} bytes."),
        ));
    }
    std::fs::read_to_string(&file).map_err(missing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outlines_and_refuses() {
        let step = "steps: [{name: a, action: ExecuteBash, inputs: {commands: [true]}}]";
        let both = format!(
            "schemaVersion: 1.0\nphases:\n- name: build\n  {step}\n- name: validate\n  {step}\n"
        );
        let parameters = Vec::new();
        assert_eq!(outline(&both).unwrap(), Outline { is_test: false, build_steps: 2, parameters });
        let test = format!("schemaVersion: '1.0'\nphases:\n- name: test\n  {step}\n");
        let test = outline(&test).unwrap();
        assert_eq!((test.is_test, test.build_steps), (true, 0));
        let declared = "parameters:\n- Word: {type: string, default: w, description: d}\n";
        assert_eq!(
            outline(&format!("{declared}{both}")).unwrap().parameters,
            [json!({"name": "Word", "type": "String", "defaultValue": ["w"], "description": "d"})]
        );
        for text in [
            "phases: []",
            "schemaVersion: 1.0\nphases: []",
            "schemaVersion: 2.0\nphases: [{name: build, steps: [{name: a, action: B}]}]",
            "schemaVersion: 1.0\nphases: [{name: deploy, steps: [{name: a, action: B}]}]",
            "schemaVersion: 1.0\nphases: [{name: build, steps: [{name: a, action: B}, {name: a, action: B}]}]",
        ] {
            assert!(outline(text).is_err(), "{text}");
        }
    }

    #[test]
    fn reads_from_s3_and_nothing_else() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("b")).unwrap();
        std::fs::write(root.path().join("b/k.yaml"), "text").unwrap();
        assert_eq!(from_s3(root.path(), "s3://b/k.yaml").unwrap(), "text");
        for uri in ["s3://b/../../etc/passwd", "s3:///etc/passwd", "http://b/k", "s3://b/none"] {
            assert!(from_s3(root.path(), uri).is_err(), "{uri}");
        }
    }

    proptest::proptest! {
        #[test]
        fn never_panics(text in ".{0,200}") {
            let _ = outline(&text);
        }
    }
}
