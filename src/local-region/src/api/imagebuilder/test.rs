//! The test stage: each test workflow of an image, step by step. Image Builder's own
//! starts an instance from the new AMI, runs the phases `test` on it and ends it.
//! Source: Image Builder user guide, "Manage build, test, and distribution workflows".

use super::build::{self, Place, change};
use super::test_instance as instance;
use crate::api::timestamp;
use crate::backend::{BuildFailure, BuildSpec, TestInstance};
use crate::rules::{imagebuilder as rules, workflows};
use crate::server::Inner;
use crate::state::imagebuilder::TestRun;
use crate::state::workflow::{Flow, Planned, Workflow};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;

/// Why a workflow did not end well.
enum End {
    Cancelled,
    Failed(String, Why),
}

/// Why a step did not.
struct Why {
    reason: String,
    failure: Option<BuildFailure>,
}

impl From<String> for Why {
    fn from(reason: String) -> Self {
        Self { reason, failure: None }
    }
}

/// Instances that a workflow has launched and not ended, by the step that did.
type Launched = BTreeMap<String, String>;

/// Tests an image, if it is to be tested.
///
/// # Errors
/// The state that the image has then; its AMI stays.
pub(super) async fn stage(region: &Arc<Inner>, arn: &str) -> Result<(), Value> {
    let found = change(region, arn, |image| {
        let on = image.body["imageTestsConfiguration"]["imageTestsEnabled"].as_bool();
        (on.unwrap_or(true), image.test_flows.clone())
    });
    let Some((true, flows)) = found else { return Ok(()) };
    if flows.is_empty() || !region.rules.on(&rules::TEST) {
        return Ok(());
    }
    build::set_status(region, arn, "TESTING");
    for flow in &flows {
        match execute(region, arn, flow).await {
            Err(state) if !flow.goes_on || state["status"] == "CANCELLED" => return Err(state),
            Err(state) => tracing::info!(arn, reason = %state["reason"], "a test does not count"),
            Ok(()) => {}
        }
    }
    Ok(())
}

/// Runs one workflow.
async fn execute(region: &Arc<Inner>, arn: &str, flow: &Flow) -> Result<(), Value> {
    let stage = ("TESTING", "TEST");
    build::log_workflow(region, arn, stage, &flow.arn, flow.steps.len());
    let id = format!("wf-{}", Uuid::new_v4());
    let cancel = change(region, arn, |image| {
        image.tests.push(TestRun {
            id: id.clone(),
            arn: flow.arn.clone(),
            workflow: Workflow::planned(&flow.steps),
            started: timestamp(),
            ended: None,
        });
        image.cancel.clone()
    });
    let Some(cancel) = cancel else { return Err(build::cancelled()) };
    let mut launched = Launched::new();
    let ended = tokio::select! {
        ended = run(region, arn, (&id, flow), &mut launched) => ended,
        () = cancel.notified() => Err(End::Cancelled),
    };
    if matches!(ended, Err(End::Cancelled)) {
        change(region, arn, |image| image.tests.last_mut().map(|test| test.workflow.cancel()));
    }
    if ended.is_err() && region.rules.on(&workflows::ROLLBACK) {
        roll_back(region, &flow.steps, launched).await;
    }
    let (status, result) = match ended {
        Ok(()) => ("COMPLETED", Ok(())),
        Err(End::Cancelled) => ("CANCELLED", Err(build::cancelled())),
        Err(End::Failed(step, why)) => {
            let place = Place { status: "TESTING", workflow: flow.arn.clone(), id, step };
            let failure = why.failure.as_ref();
            ("FAILED", Err(build::failed_state(region, &place, &why.reason, failure)))
        }
    };
    change(region, arn, |image| {
        if let Some(test) = image.tests.last_mut() {
            test.ended = Some((timestamp(), status));
        }
    });
    result
}

async fn run(
    region: &Arc<Inner>,
    arn: &str,
    (id, flow): (&str, &Flow),
    launched: &mut Launched,
) -> Result<(), End> {
    let set = |step: &Planned, status| {
        change(region, arn, |image| {
            let Some(test) = image.tests.last_mut() else { return };
            match status {
                "RUNNING" => test.workflow.begin(&step.name),
                _ => test.workflow.end(&step.name, status),
            }
        });
    };
    for step in &flow.steps {
        set(step, "RUNNING");
        build::log_step(region, arn, (&step.name, &step.action));
        let ended = act(region, arn, (id, step), launched).await;
        set(step, if ended.is_ok() { "COMPLETED" } else { "FAILED" });
        match ended {
            Err(why) if !step.goes_on => return Err(End::Failed(step.name.clone(), why)),
            Err(why) => tracing::info!(arn, step = step.name, why.reason, "the test goes on"),
            Ok(()) => {}
        }
    }
    Ok(())
}

async fn act(
    region: &Arc<Inner>,
    arn: &str,
    (id, step): (&str, &Planned),
    launched: &mut Launched,
) -> Result<(), Why> {
    if step.action == "LaunchInstance" {
        let started = instance::launch(region, arn, step)?;
        launched.insert(step.name.clone(), started.clone());
        return Ok(instance::online(region, &started).await?);
    }
    let on = on(step, launched)?;
    match step.action.as_str() {
        "ExecuteComponents" => {
            let spec = spec(region, arn, id)?;
            let machine = TestInstance { id: on, machines: region.config.machines.clone() };
            let tested = region.config.builder.test(spec, machine, build::tell(region, arn)).await;
            tested.map_err(|failure| Why { reason: failure.to_string(), failure: Some(failure) })
        }
        "TerminateInstance" => {
            launched.retain(|_, id| *id != on);
            instance::end(region, &on).await;
            Ok(())
        }
        other => Err(format!("The local region has no action {other}.").into()),
    }
}

/// The instance that a step works on: named, or launched by a step before it.
fn on(step: &Planned, launched: &Launched) -> Result<String, String> {
    let text = |key: &str| step.inputs.get(key).and_then(Value::as_str);
    let path = text("instanceId.$").or_else(|| text("instanceId")).unwrap_or_default();
    match path.strip_prefix("$.stepOutputs.").and_then(|rest| rest.strip_suffix(".instanceId")) {
        None => Ok(path.to_owned()),
        Some(by) => launched
            .get(by)
            .cloned()
            .ok_or_else(|| format!("Step '{by}' has no instance that is there.")),
    }
}

/// Ends what the steps have launched, from the last to the first.
async fn roll_back(region: &Arc<Inner>, steps: &[Planned], launched: Launched) {
    let steps = steps.iter().rev().filter(|step| step.rolls_back);
    for id in steps.filter_map(|step| launched.get(&step.name)) {
        instance::end(region, id).await;
    }
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
