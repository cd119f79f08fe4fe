//! The test stage: an instance starts from the new AMI, the phases `test` run on
//! it, and it ends. Source: Image Builder user guide, "Manage build and test
//! workflows"; its test workflow launches, applies the components, terminates.

use super::build::{self, Place, change};
use crate::agents;
use crate::api::ec2::{launch_instance, terminate_instance};
use crate::api::timestamp;
use crate::backend::{BuildSpec, TestInstance};
use crate::rules::imagebuilder as rules;
use crate::server::Inner;
use crate::state::imagebuilder::TestRun;
use crate::state::workflow::{Step, Workflow};
use jiff::SignedDuration;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// What an infrastructure configuration without instance types has here.
const ANY_TYPE: &str = "m5.large";
/// How long LaunchInstance waits for the SSM agent (user guide, step actions).
const AGENT_PATIENCE: SignedDuration = SignedDuration::from_mins(75);
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Why a test did not end well.
enum End {
    Cancelled,
    Failed(Step, String, Option<crate::backend::BuildFailure>),
}

/// Tests an image, if it is to be tested.
///
/// # Errors
/// The state that the image has then; its AMI stays.
pub(super) async fn stage(region: &Arc<Inner>, arn: &str) -> Result<(), Value> {
    let wanted = change(region, arn, |image| {
        image.body["imageTestsConfiguration"]["imageTestsEnabled"].as_bool().unwrap_or(true)
    });
    if wanted != Some(true) || !region.rules.on(&rules::TEST) {
        return Ok(());
    }
    build::set_status(region, arn, "TESTING");
    build::log_workflow(region, arn, ("TESTING", "TEST"), Step::TEST.len());
    let id = format!("wf-{}", Uuid::new_v4());
    let cancel = change(region, arn, |image| {
        image.tests.push(TestRun {
            id: id.clone(),
            workflow: Workflow::of(&Step::TEST),
            started: timestamp(),
            ended: None,
        });
        image.cancel.clone()
    });
    let Some(cancel) = cancel else { return Err(build::cancelled()) };
    let mut instance = None;
    let tested = tokio::select! {
        tested = run(region, arn, &id, &mut instance) => tested,
        () = cancel.notified() => Err(End::Cancelled),
    };
    match &tested {
        Err(End::Failed(at, ..)) => step(region, arn, *at, "FAILED"),
        Err(End::Cancelled) => {
            change(region, arn, |image| image.tests.last_mut().map(|test| test.workflow.cancel()));
        }
        Ok(()) => {}
    }
    if let Some(instance) = &instance {
        step(region, arn, Step::TerminateTest, "RUNNING");
        end(region, instance).await;
        step(region, arn, Step::TerminateTest, "COMPLETED");
    }
    let (status, result) = match tested {
        Ok(()) => ("COMPLETED", Ok(())),
        Err(End::Cancelled) => ("CANCELLED", Err(build::cancelled())),
        Err(End::Failed(at, reason, failure)) => {
            let place = Place { status: "TESTING", kind: "TEST", id, step: at.shown().0 };
            ("FAILED", Err(build::failed_state(region, &place, &reason, failure.as_ref())))
        }
    };
    change(region, arn, |image| {
        if let Some(test) = image.tests.last_mut() {
            test.ended = Some((timestamp(), status));
        }
    });
    result
}

/// Notes how far the test is.
fn step(region: &Inner, arn: &str, step: Step, status: &'static str) {
    change(region, arn, |image| {
        let Some(test) = image.tests.last_mut() else { return };
        match status {
            "RUNNING" => test.workflow.begin(step),
            _ => test.workflow.end(step, status),
        }
    });
    if status == "RUNNING" {
        build::log_step(region, arn, step);
    }
}

async fn run(
    region: &Arc<Inner>,
    arn: &str,
    id: &str,
    instance: &mut Option<String>,
) -> Result<(), End> {
    step(region, arn, Step::LaunchTest, "RUNNING");
    let failed = |why| End::Failed(Step::LaunchTest, why, None);
    let launched = launch(region, arn).map_err(failed)?;
    *instance = Some(launched.clone());
    online(region, &launched).await.map_err(failed)?;
    step(region, arn, Step::LaunchTest, "COMPLETED");
    step(region, arn, Step::TestComponents, "RUNNING");
    let spec = spec(region, arn, id).map_err(|why| End::Failed(Step::TestComponents, why, None))?;
    let on = TestInstance { id: launched, machines: region.config.machines.clone() };
    let tested = region.config.builder.test(spec, on, build::tell(region, arn)).await;
    tested
        .map_err(|failure| End::Failed(Step::TestComponents, failure.to_string(), Some(failure)))?;
    step(region, arn, Step::TestComponents, "COMPLETED");
    Ok(())
}

/// What runs on the instance.
fn spec(region: &Arc<Inner>, arn: &str, id: &str) -> Result<BuildSpec, String> {
    let state = region.state();
    let gone = "The image was deleted.";
    let image = state.imagebuilder.images.get(arn).ok_or(gone)?;
    let ami = image.ami_id.as_ref().and_then(|ami| state.ec2.images.get(ami));
    Ok(BuildSpec {
        build_id: id.replacen("wf-", "test-", 1),
        parent: ami.ok_or("The AMI was deregistered.")?.root.clone(),
        documents: build::documents(&state, &image.body["imageRecipe"])?,
        s3_root: region.s3_root(),
        rules: region.rules.clone(),
        may: build::may(region, &state, &image.body["infrastructureConfiguration"]),
    })
}

/// Starts the test instance as the infrastructure configuration says.
fn launch(region: &Arc<Inner>, arn: &str) -> Result<String, String> {
    let found = change(region, arn, |image| (image.body.clone(), image.ami_id.clone()));
    let (body, ami) = found.ok_or("The image was deleted.")?;
    let infrastructure = &body["infrastructureConfiguration"];
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let mut parameters: Vec<(String, String)> = Vec::new();
    let mut add = |name: &str, value: Option<String>| {
        parameters.extend(value.map(|value| (name.to_owned(), value)));
    };
    let kind = text(&infrastructure["instanceTypes"][0]);
    add("ImageId", ami);
    add("InstanceType", Some(kind.unwrap_or_else(|| ANY_TYPE.to_owned())));
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
    launch_instance(region, &parameters)
}

/// Waits until its SSM agent is heard of.
async fn online(region: &Inner, instance: &str) -> Result<(), String> {
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
async fn end(region: &Arc<Inner>, instance: &str) {
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
