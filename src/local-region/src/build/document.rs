//! The document as AWSTOE defines it (schemaVersion 1.0).

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_yaml_ng::Value;

use super::inputs::Action;
use super::reference;

/// Why a document cannot be run.
#[derive(Debug, thiserror::Error)]
pub(super) enum DocumentError {
    #[error("not a component document: {0}")]
    Yaml(#[from] serde_yaml_ng::Error),
    #[error("schemaVersion {0} is not 1.0")]
    Schema(String),
    #[error("it has no phase")]
    NoPhase,
    #[error("phase {0} is there twice")]
    PhaseTwice(String),
    #[error("phase {0} is none of build, validate, test")]
    UnknownPhase(String),
    #[error("phase {phase}: step {step} is there twice")]
    StepTwice { phase: String, step: String },
    #[error("phase {phase}, step {step}: {why}")]
    Step { phase: String, step: String, why: String },
    #[error("parameter {0} is not declared by the component")]
    UnknownParameter(String),
    #[error("parameter {0} has no value and no default")]
    NoValue(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Raw {
    #[serde(rename = "name")]
    _name: Option<String>,
    #[serde(rename = "description")]
    _description: Option<String>,
    schema_version: Value,
    #[serde(default)]
    parameters: Vec<BTreeMap<String, Declaration>>,
    #[serde(default)]
    constants: Vec<BTreeMap<String, Declaration>>,
    phases: Vec<Phase>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Declaration {
    #[serde(rename = "type")]
    _kind: String,
    default: Option<String>,
    value: Option<String>,
    #[serde(rename = "description")]
    _description: Option<String>,
}

/// A phase.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Phase {
    /// `build`, `validate` or `test`.
    pub(super) name: String,
    /// In order.
    pub(super) steps: Vec<Step>,
}

/// What happens after a step's last attempt failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
pub(super) enum OnFailure {
    /// The build fails at once.
    #[default]
    Abort,
    /// The other steps run, then the build fails.
    Continue,
    /// As if it had succeeded.
    Ignore,
}

/// A step.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Step {
    pub(super) name: String,
    pub(super) action: String,
    /// Seconds; -1 is no limit.
    #[serde(default = "two_hours")]
    pub(super) timeout_seconds: i64,
    #[serde(default)]
    pub(super) on_failure: OnFailure,
    #[serde(default = "one")]
    pub(super) max_attempts: u32,
    #[serde(default)]
    pub(super) inputs: Value,
}

fn two_hours() -> i64 {
    7200
}

fn one() -> u32 {
    1
}

/// A document that can be run.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) phases: Vec<Phase>,
    /// Values of parameters and constants.
    pub(super) values: BTreeMap<String, String>,
}

impl Document {
    /// Reads and checks a document, with the values that a recipe gives.
    pub(super) fn parse(text: &str, given: &[(String, String)]) -> Result<Self, DocumentError> {
        let raw: Raw = serde_yaml_ng::from_str(text)?;
        let version = match &raw.schema_version {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            other => format!("{other:?}"),
        };
        if !matches!(version.as_str(), "1.0" | "1") {
            return Err(DocumentError::Schema(version));
        }
        let document = Self { values: values(&raw, given)?, phases: raw.phases };
        document.check()?;
        Ok(document)
    }

    fn check(&self) -> Result<(), DocumentError> {
        if self.phases.is_empty() {
            return Err(DocumentError::NoPhase);
        }
        let mut phases = BTreeSet::new();
        for phase in &self.phases {
            if !["build", "validate", "test"].contains(&phase.name.as_str()) {
                return Err(DocumentError::UnknownPhase(phase.name.clone()));
            }
            if !phases.insert(&phase.name) {
                return Err(DocumentError::PhaseTwice(phase.name.clone()));
            }
            let mut steps = BTreeSet::new();
            for step in &phase.steps {
                if !steps.insert(&step.name) {
                    return Err(DocumentError::StepTwice {
                        phase: phase.name.clone(),
                        step: step.name.clone(),
                    });
                }
                self.check_step(step).map_err(|why| DocumentError::Step {
                    phase: phase.name.clone(),
                    step: step.name.clone(),
                    why,
                })?;
            }
        }
        Ok(())
    }

    fn check_step(&self, step: &Step) -> Result<(), String> {
        if step.timeout_seconds < -1 || step.timeout_seconds == 0 {
            return Err(format!("timeoutSeconds {} is not valid", step.timeout_seconds));
        }
        if step.max_attempts == 0 {
            return Err("maxAttempts 0 is not valid".into());
        }
        self.action(step).map(drop)
    }

    /// The action of a step, with all values in it.
    pub(super) fn action(&self, step: &Step) -> Result<Action, String> {
        let inputs = reference::resolve(&step.inputs, &self.values)?;
        Action::read(&step.action, inputs)
    }
}

fn values(
    raw: &Raw,
    given: &[(String, String)],
) -> Result<BTreeMap<String, String>, DocumentError> {
    let mut values = BTreeMap::new();
    for (name, declared) in raw.constants.iter().flatten() {
        let value = declared.value.clone().ok_or_else(|| DocumentError::NoValue(name.clone()))?;
        values.insert(name.clone(), value);
    }
    let declared: BTreeMap<_, _> = raw.parameters.iter().flatten().collect();
    if let Some((name, _)) = given.iter().find(|(name, _)| !declared.contains_key(name)) {
        return Err(DocumentError::UnknownParameter(name.clone()));
    }
    for (name, declaration) in declared {
        let value = given.iter().find(|(given, _)| given == name).map(|(_, value)| value.clone());
        let value = value
            .or_else(|| declaration.default.clone())
            .ok_or_else(|| DocumentError::NoValue(name.clone()))?;
        values.insert(name.clone(), value);
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GOOD: &str = "
name: hello
schemaVersion: 1.0
parameters:
  - Version: {type: string, default: '1', description: which}
constants:
  - Where: {type: string, value: /opt/hello}
phases:
  - name: build
    steps:
      - name: Install
        action: ExecuteBash
        onFailure: Continue
        maxAttempts: 2
        timeoutSeconds: 10
        inputs: {commands: ['set -e', 'echo {{ Version }} > {{ Where }}']}
";

    fn refusal(text: &str) -> String {
        Document::parse(text, &[]).unwrap_err().to_string()
    }

    #[test]
    fn a_document_is_read_with_its_defaults() {
        let document = Document::parse(GOOD, &[("Version".into(), "2".into())]).unwrap();
        assert_eq!(document.values["Version"], "2");
        assert_eq!(document.values["Where"], "/opt/hello");
        let step = &document.phases[0].steps[0];
        assert_eq!((step.on_failure, step.max_attempts), (OnFailure::Continue, 2));
        let plain = GOOD.replace("        timeoutSeconds: 10\n", "");
        assert_eq!(Document::parse(&plain, &[]).unwrap().phases[0].steps[0].timeout_seconds, 7200);
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert!(refusal(&GOOD.replace("1.0", "2.0")).contains("2.0"));
        assert!(refusal(&GOOD.replace("name: build", "name: bild")).contains("bild"));
        assert!(refusal(&GOOD.replace("ExecuteBash", "ExecuteBass")).contains("ExecuteBass"));
        assert!(refusal(&GOOD.replace("maxAttempts: 2", "maxAttempt: 2")).contains("maxAttempt"));
        assert!(refusal(&GOOD.replace("Seconds: 10", "Seconds: 0")).contains("timeoutSeconds 0"));
        assert!(refusal(&GOOD.replace("{{ Where }}", "{{ Were }}")).contains("Were"));
        assert!(refusal("phases: []\nschemaVersion: 1.0").contains("no phase"));
        let error = Document::parse(GOOD, &[("Versoin".into(), "2".into())]).unwrap_err();
        assert!(error.to_string().contains("Versoin"));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[a-zA-Z:{} \\-\\n\\[\\]'0-9.]{0,300}") {
            let _ = Document::parse(&text, &[]);
        }

        #[test]
        fn a_damaged_document_is_read_or_refused(at in 0usize..400, with in "[ -~\\n]") {
            let mut text = GOOD.to_owned();
            let at = at % text.len();
            text.replace_range(at..=at, &with);
            let _ = Document::parse(&text, &[]);
        }
    }
}
