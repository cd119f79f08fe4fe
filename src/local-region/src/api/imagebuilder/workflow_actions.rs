//! The actions that steps of workflows can have, where, and with which inputs.
//!
//! Source: Image Builder user guide, "Supported step actions for your workflow document".

use serde_json::{Map, Value};

/// An action.
pub struct Action {
    name: &'static str,
    stages: &'static [&'static str],
    needs: &'static [&'static str],
    takes: &'static [&'static str],
}

const ANY: &[&str] = &["BUILD", "TEST", "DISTRIBUTION"];
const DISTRIBUTION: &[&str] = &["DISTRIBUTION"];
const INSTANCE: &[&str] = &["instanceId"];

const fn action(
    name: &'static str,
    stages: &'static [&'static str],
    needs: &'static [&'static str],
    takes: &'static [&'static str],
) -> Action {
    Action { name, stages, needs, takes }
}

const ACTIONS: &[Action] = &[
    action(
        "LaunchInstance",
        ANY,
        &["waitFor"],
        &["imageIdOverride", "instanceTypesOverride", "healthCheck"],
    ),
    action("BootstrapInstanceForContainer", ANY, INSTANCE, &[]),
    action("ExecuteComponents", &["BUILD", "TEST"], INSTANCE, &[]),
    action("CollectImageMetadata", ANY, INSTANCE, &[]),
    action("CollectImageScanFindings", &["TEST"], INSTANCE, &[]),
    action("RunSysPrep", ANY, INSTANCE, &[]),
    action("SanitizeInstance", ANY, INSTANCE, &[]),
    action("CreateImage", ANY, INSTANCE, &[]),
    action("CreateImageFromIso", ANY, INSTANCE, &[]),
    action(
        "RegisterImage",
        ANY,
        &[],
        &[
            "architecture",
            "blockDeviceMapping",
            "bootMode",
            "description",
            "enaSupport",
            "imageLocation",
            "imdsSupport",
            "includeSnapshotTags",
            "kernelId",
            "ramdiskId",
            "rootDeviceName",
            "sriovNetSupport",
            "tpmSupport",
            "uefiData",
            "virtualizationType",
        ],
    ),
    action("RunCommand", ANY, &["instanceId", "documentName"], &["parameters", "documentVersion"]),
    action("WaitForSSMAgent", ANY, INSTANCE, &[]),
    action("WaitForAction", ANY, &[], &["snsTopicArn", "lambdaFunctionName", "payload"]),
    action("ExecuteStateMachine", ANY, &["stateMachineArn"], &["input"]),
    action("TerminateInstance", ANY, INSTANCE, &["waitForTermination"]),
    action("DistributeContainerImage", DISTRIBUTION, INSTANCE, &[]),
    action("DistributeImage", DISTRIBUTION, &[], &["distributions"]),
    action("ModifyImageAttributes", DISTRIBUTION, &["distributedImages"], &["attributes"]),
    action("ApplyImageConfigurations", DISTRIBUTION, &["distributedImages"], &["configurations"]),
];

/// The action of a name, if workflows of the stage can have it.
#[must_use]
pub fn find(name: &str, stage: &str) -> Option<&'static Action> {
    ACTIONS.iter().find(|one| one.name == name && one.stages.contains(&stage))
}

impl Action {
    /// What is wrong with a step's inputs.
    #[must_use]
    pub fn wrong_input(&self, inputs: &Map<String, Value>) -> Option<String> {
        let Self { name, needs, takes, .. } = self;
        let plain = |key: &str| key.strip_suffix(".$").unwrap_or(key).to_owned();
        let given: Vec<String> = inputs.keys().map(|key| plain(key)).collect();
        if let Some(missing) = needs.iter().find(|need| !given.iter().any(|key| key == *need)) {
            return Some(format!("{name} needs the input {missing}"));
        }
        let known = |key: &str| needs.contains(&key) || takes.contains(&key);
        if let Some(key) = given.iter().find(|key| !known(key)) {
            return Some(format!("{name} has no input {key}"));
        }
        inputs.iter().find_map(|(key, value)| {
            let why = match key.as_str() {
                "waitFor" if value != "ssmAgent" => "must be ssmAgent",
                "healthCheck" if value != "RUNNING" && value != "STATUS_CHECK_PASSED" => {
                    "must be RUNNING or STATUS_CHECK_PASSED"
                }
                "instanceTypesOverride" if !is_texts(value) => "must be a list of instance types",
                "imageIdOverride" | "instanceId" if !value.is_string() => "must be a text",
                "waitForTermination" if !value.is_boolean() => "must be true or false",
                _ => return None,
            };
            Some(format!("{key} {why}"))
        })
    }
}

fn is_texts(value: &Value) -> bool {
    let text = |one: &Value| one.as_str().is_some_and(|text| !text.is_empty());
    value.as_array().is_some_and(|all| !all.is_empty() && all.iter().all(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn actions_have_their_stages_and_inputs() {
        assert!(find("DistributeImage", "TEST").is_none() && find("Sleep", "TEST").is_none());
        let wrong = |inputs: Value| {
            let action = find("LaunchInstance", "TEST").unwrap();
            action.wrong_input(inputs.as_object().unwrap())
        };
        assert_eq!(wrong(json!({"waitFor": "ssmAgent"})), None);
        assert_eq!(
            wrong(
                json!({"waitFor": "ssmAgent", "instanceTypesOverride": ["a.b"], "healthCheck": "RUNNING", "imageIdOverride.$": "$.parameters.a"})
            ),
            None
        );
        for inputs in [
            json!({}),
            json!({"waitFor": "boot"}),
            json!({"waitFor": "ssmAgent", "instanceTypeOverride": "a.b"}),
            json!({"waitFor": "ssmAgent", "instanceTypesOverride": "a.b"}),
            json!({"waitFor": "ssmAgent", "instanceTypesOverride": []}),
            json!({"waitFor": "ssmAgent", "healthCheck": "NONE"}),
        ] {
            assert!(wrong(inputs.clone()).is_some(), "{inputs}");
        }
    }
}
