//! The part of the document schema that is used.

use serde::Serialize;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Document<'a> {
    pub name: &'a str,
    pub description: &'a str,
    pub schema_version: f64,
    pub phases: Vec<Phase>,
}

#[derive(Debug, Serialize)]
pub(super) struct Phase {
    pub name: &'static str,
    pub steps: Vec<Step>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Step {
    pub name: String,
    pub action: &'static str,
    pub timeout_seconds: u32,
    pub on_failure: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_attempts: Option<u32>,
    pub inputs: Inputs,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Inputs {
    Commands { commands: Vec<String> },
    Transfers(Vec<S3Transfer>),
}

/// One object, from or to the image.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct S3Transfer {
    pub source: String,
    pub destination: String,
    pub expected_bucket_owner: String,
}

impl Document<'_> {
    pub fn to_yaml(&self) -> String {
        // Strings, numbers and lists only: nothing that YAML cannot say.
        serde_yaml_ng::to_string(self).expect("a document of plain values is YAML")
    }
}
