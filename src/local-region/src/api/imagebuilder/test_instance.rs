//! The instance that an image is tested on.

use super::build::change;
use crate::agents;
use crate::api::Caller;
use crate::api::ec2::{launch_instance, terminate_instance};
use crate::api::policy::{self, Asked};
use crate::rules::workflows as rules;
use crate::server::Inner;
use crate::state::workflow::Planned;
use jiff::SignedDuration;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

/// What an infrastructure configuration without instance types has here.
const ANY_TYPE: &str = "m5.large";
/// How long LaunchInstance waits for the SSM agent (user guide, step actions).
const AGENT_PATIENCE: SignedDuration = SignedDuration::from_mins(75);
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// LaunchInstance: as the infrastructure configuration says, but for what the step says.
/// Of several types the first that can be had.
pub(super) fn launch(region: &Arc<Inner>, arn: &str, step: &Planned) -> Result<String, String> {
    let found = change(region, arn, |image| {
        (image.body.clone(), image.ami_id.clone(), image.execution_role.clone())
    });
    let (body, ami, role) = found.ok_or("The image was deleted.")?;
    if let Some(role) = role {
        may_launch(region, &role)?;
    }
    let infrastructure = &body["infrastructureConfiguration"];
    let texts = |value: &Value| -> Vec<String> {
        let all = value.as_array().into_iter().flatten();
        all.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let own = step.inputs.get("instanceTypesOverride").map(texts).unwrap_or_default();
    let own = if region.rules.on(&rules::TEST_TYPE) { own } else { Vec::new() };
    let mut kinds = if own.is_empty() { texts(&infrastructure["instanceTypes"]) } else { own };
    if kinds.is_empty() {
        kinds.push(ANY_TYPE.to_owned());
    }
    let image = step.inputs.get("imageIdOverride").and_then(Value::as_str).map(str::to_owned);
    let mut refused = String::new();
    for kind in kinds {
        let parameters = parameters(arn, &body, image.clone().or(ami.clone()), kind);
        match launch_instance(region, &parameters) {
            Ok(id) => return Ok(id),
            Err(why) => refused = why,
        }
    }
    Err(refused)
}

/// Image Builder launches as the image's execution role.
fn may_launch(region: &Arc<Inner>, arn: &str) -> Result<(), String> {
    let role = region.state().iam.role_of(arn).cloned();
    let role = role.ok_or_else(|| format!("The execution role '{arn}' cannot be assumed."))?;
    let caller = Caller::Session {
        role_name: role.name,
        role_id: role.id,
        session_name: "Ec2ImageBuilderIntegrationService".to_owned(),
        of_instance: false,
    };
    let asked = Asked::new("ec2:RunInstances", "*");
    if !region.rules.on(&rules::ROLE_MAY) {
        return Ok(());
    }
    policy::authorize(region, &caller, &asked)
        .map_err(|denial| format!("You are not authorized to perform this operation. {denial}"))
}

fn parameters(arn: &str, body: &Value, ami: Option<String>, kind: String) -> Vec<(String, String)> {
    let infrastructure = &body["infrastructureConfiguration"];
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let mut parameters: Vec<(String, String)> = Vec::new();
    let mut add = |name: &str, value: Option<String>| {
        parameters.extend(value.map(|value| (name.to_owned(), value)));
    };
    add("ImageId", ami);
    add("InstanceType", Some(kind));
    add("MinCount", Some("1".to_owned()));
    add("MaxCount", Some("1".to_owned()));
    add("IamInstanceProfile.Name", text(&infrastructure["instanceProfileName"]));
    add("SubnetId", text(&infrastructure["subnetId"]));
    let groups = infrastructure["securityGroupIds"].as_array();
    for (number, group) in (1..).zip(groups.into_iter().flatten()) {
        add(&format!("SecurityGroupId.{number}"), text(group));
    }
    let metadata = &infrastructure["instanceMetadataOptions"];
    add("MetadataOptions.HttpTokens", text(&metadata["httpTokens"]));
    let hops = metadata["httpPutResponseHopLimit"].as_u64();
    add("MetadataOptions.HttpPutResponseHopLimit", hops.map(|hops| hops.to_string()));
    let name = body["name"].as_str().unwrap_or_default();
    let mut tags = vec![
        ("Name".to_owned(), format!("Test instance for {name}")),
        ("CreatedBy".to_owned(), "EC2 Image Builder".to_owned()),
        ("Ec2ImageBuilderArn".to_owned(), arn.to_owned()),
    ];
    let more = infrastructure["resourceTags"].as_object().into_iter().flatten();
    tags.extend(more.filter_map(|(key, value)| Some((key.clone(), text(value)?))));
    add("TagSpecification.1.ResourceType", Some("instance".to_owned()));
    for (number, (key, value)) in (1..).zip(tags) {
        add(&format!("TagSpecification.1.Tag.{number}.Key"), Some(key));
        add(&format!("TagSpecification.1.Tag.{number}.Value"), Some(value));
    }
    parameters
}

/// Waits until its SSM agent is heard of.
pub(super) async fn online(region: &Inner, instance: &str) -> Result<(), String> {
    let now = region.clock.now();
    let deadline = now.saturating_add(AGENT_PATIENCE).unwrap_or(now);
    while !agents::online(region, instance) {
        let state = region.state().ec2.instances.get(instance).map(|found| found.state);
        if !state.is_some_and(|state| state.holds_resources()) {
            return Err(format!("The test instance {instance} was terminated."));
        }
        if region.clock.now() >= deadline {
            return Err(format!("SSM Agent verification timed out for instance {instance}."));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(())
}

/// Ends the test instance, and waits until it has ended.
pub(super) async fn end(region: &Arc<Inner>, instance: &str) {
    if let Err(why) = terminate_instance(region, instance) {
        tracing::warn!(instance_id = instance, why, "a test instance is not ended");
        return;
    }
    let runs = || {
        let state = region.state();
        state.ec2.instances.get(instance).is_some_and(|found| found.state.holds_resources())
    };
    while runs() {
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
