//! An image from CREATING to AVAILABLE: build, test, distribution.

use super::{distribute, document, managed, names, test};
use crate::api::{
    Caller,
    policy::{self, Asked},
    timestamp,
};
use crate::backend::{BuildDocument, BuildFailure, BuildNews, BuildSpec, May, RootFs, TellBuild};
use crate::rules::imagebuilder as rules;
use crate::server::Inner;
use crate::state::{State, ids, imagebuilder::ImageBuild, ssm::Parameter, workflow::Step};
use serde_json::{Value, json};
use std::sync::Arc;

/// Cut of `errorMessage` in the failure's context.
const MAX_ERROR_CHARS: usize = 1024;

/// Starts the build of an image that is PENDING.
pub fn start(region: &Arc<Inner>, arn: String) {
    let region = region.clone();
    let runtime = region.runtime.clone();
    runtime.spawn(async move { run(&region, &arn).await });
}

/// Tests an image again that was built.
pub fn test_again(region: &Arc<Inner>, arn: String) {
    let region = region.clone();
    let runtime = region.runtime.clone();
    runtime.spawn(async move { test_and_distribute(&region, &arn).await });
}

/// Changes an image, if it is still there.
pub(super) fn change<T>(
    region: &Inner,
    arn: &str,
    act: impl FnOnce(&mut ImageBuild) -> T,
) -> Option<T> {
    region.state().imagebuilder.images.get_mut(arn).map(act)
}

pub(super) fn set_status(region: &Inner, arn: &str, status: &str) {
    change(region, arn, |image| image.body["state"] = json!({"status": status}));
}

async fn run(region: &Arc<Inner>, arn: &str) {
    set_status(region, arn, "CREATING");
    let spec = match spec(region, arn) {
        Ok(spec) => spec,
        Err(why) => return fail(region, arn, json!({"status": "FAILED", "reason": why})),
    };
    let Some(cancel) = change(region, arn, |image| image.cancel.clone()) else { return };
    if region.rules.on(&rules::STATES) {
        set_status(region, arn, "BUILDING");
    }
    begin(region, arn);
    let built = tokio::select! {
        built = region.config.builder.build(spec, tell(region, arn)) => built,
        // Dropping the build's future is what stops it.
        () = cancel.notified() => {
            change(region, arn, |image| image.workflow.end(Step::Components, "CANCELLED"));
            return fail(region, arn, cancelled());
        }
    };
    match built {
        Ok(root) => {
            change(region, arn, |image| {
                let collects = image.body["enhancedImageMetadataEnabled"] == json!(true);
                let flow = &mut image.workflow;
                flow.end(Step::Components, "COMPLETED");
                flow.pass(Step::Inventory, if collects { "COMPLETED" } else { "SKIPPED" });
                flow.pass(Step::Sanitize, "COMPLETED");
                flow.pass(Step::SysPrep, "SKIPPED");
                flow.pass(Step::CreateImage, "COMPLETED");
                flow.pass(Step::Terminate, "COMPLETED");
            });
            distribute::register(region, arn, root);
            test_and_distribute(region, arn).await;
        }
        Err(failure) => {
            let step = failed_step(&failure);
            change(region, arn, |image| {
                if step != Step::Components {
                    image.workflow.end(Step::Components, "COMPLETED");
                }
                image.workflow.pass(step, "FAILED");
            });
            let id = change(region, arn, |image| image.workflow_execution_id.clone());
            let (step, reason) = (step.shown().0.to_owned(), failure.to_string());
            let workflow = managed::build_arn(&region.config.region);
            let id = id.unwrap_or_default();
            let place = Place { status: "BUILDING", workflow, id, step };
            let state = failed_state(region, &place, &reason, Some(&failure));
            fail(region, arn, state);
        }
    }
}

/// What follows a build that went well.
async fn test_and_distribute(region: &Arc<Inner>, arn: &str) {
    match test::stage(region, arn).await {
        Ok(()) => {
            set_status(region, arn, "DISTRIBUTING");
            distribute::finish(region, arn);
        }
        Err(state) => fail(region, arn, state),
    }
}

/// State of an image whose creation was cancelled.
pub(super) fn cancelled() -> Value {
    json!({"status": "CANCELLED", "reason": "Image creation was cancelled."})
}

/// Where what the executor says goes.
pub(super) fn tell(region: &Arc<Inner>, arn: &str) -> TellBuild {
    let (region, arn) = (region.clone(), arn.to_owned());
    Arc::new(move |news| match news {
        BuildNews::Line(line) => log(&region, &arn, line),
        BuildNews::Step(step) => {
            change(&region, &arn, |image| image.steps.push(step));
        }
    })
}

/// The workflow until the documents run.
fn begin(region: &Inner, arn: &str) {
    let workflow = managed::build_arn(&region.config.region);
    log_workflow(region, arn, ("BUILDING", "BUILD"), &workflow, Step::BUILD.len());
    for step in [Step::Launch, Step::Components] {
        log_step(region, arn, step.shown());
    }
    change(region, arn, |image| {
        image.workflow.pass(Step::Launch, "COMPLETED");
        image.workflow.begin(Step::Components);
    });
}

/// The beginning of a workflow in the image's log.
pub(super) fn log_workflow(
    region: &Inner,
    arn: &str,
    (status, kind): (&str, &str),
    workflow: &str,
    steps: usize,
) {
    log(region, arn, format!("Image transitioned to {status} state for Image ARN: {arn}"));
    log(region, arn, format!("Started {kind} workflow {workflow}"));
    log(region, arn, format!("Total {steps} steps to run for workflow {workflow}"));
}

/// The beginning of a step, by name and action, in the image's log.
pub(super) fn log_step(region: &Inner, arn: &str, (name, action): (&str, &str)) {
    log(region, arn, format!("Started step {name} with action {action}"));
}

/// Writes a line of the image's log.
fn log(region: &Inner, arn: &str, line: String) {
    // The image's own name, which its ARN has in small letters.
    let named = change(region, arn, |image| {
        let text = |field: &str| image.body[field].as_str().unwrap_or_default().to_owned();
        (text("name"), text("version"))
    });
    let Some((name, stream)) = named.filter(|_| region.rules.on(&rules::LOG)) else { return };
    region.state().logs.write(&format!("/aws/imagebuilder/{name}"), &stream, line);
}

/// The step of the workflow in which a build failed.
fn failed_step(failure: &BuildFailure) -> Step {
    match failure.action.as_str() {
        "SanitizeInstance" => Step::Sanitize,
        _ => Step::Components,
    }
}

fn fail(region: &Inner, arn: &str, state: Value) {
    tracing::warn!(arn, status = %state["status"], reason = %state["reason"], "image was not built");
    change(region, arn, |image| {
        image.body["state"] = state;
        image.ended = Some(timestamp());
    });
}

/// Where a workflow failed.
pub(super) struct Place {
    /// Status of the image then.
    pub status: &'static str,
    /// ARN of the workflow.
    pub workflow: String,
    /// `wf-…`
    pub id: String,
    /// Name of the workflow's step.
    pub step: String,
}

/// State of an image that failed, by a component or by itself.
pub(super) fn failed_state(
    region: &Inner,
    place: &Place,
    reason: &str,
    failure: Option<&BuildFailure>,
) -> Value {
    let cut = |text: &str, most: usize| text.chars().take(most).collect::<String>();
    let step = &place.step;
    let reason = cut(&format!("Workflow step '{step}' failed: {reason}"), MAX_ERROR_CHARS);
    if !region.rules.on(&rules::FAILURE) {
        return json!({"status": "FAILED", "reason": reason});
    }
    let mut context = json!({
        "imageStatus": place.status,
        "workflowExecutionId": place.id,
        "workflowArn": place.workflow,
        "failedStep": step,
    });
    if let Some(failure) = failure {
        let most = if region.rules.on(&rules::FAILURE_CUT) { MAX_ERROR_CHARS } else { usize::MAX };
        context["componentFailure"] = json!({
            "componentArn": failure.component_arn,
            "phaseName": failure.phase,
            "stepName": failure.step,
            "action": failure.action,
            "errorMessage": cut(&failure.message, most),
        });
    }
    json!({"status": "FAILED", "reason": reason, "failureContext": context})
}

/// What the role of an infrastructure configuration's instances may do.
pub(super) fn may(region: &Arc<Inner>, state: &State, infrastructure: &Value) -> May {
    let profile = infrastructure["instanceProfileName"].as_str().unwrap_or_default();
    let role = state.iam.profiles.get(profile).and_then(|profile| profile.role.as_ref());
    let role = role.and_then(|name| state.iam.roles.get(name));
    let caller = role.map(|role| Caller::Session {
        role_name: role.name.clone(),
        role_id: role.id.clone(),
        session_name: ids::resource("i"),
        of_instance: true,
    });
    let region = region.clone();
    May::new(move |action, resource| {
        if !region.rules.on(&rules::BUILD_ROLE) {
            return Ok(());
        }
        let caller = caller.as_ref().ok_or("NoCredentialProviders: no valid providers in chain")?;
        policy::authorize(&region, caller, &Asked::new(action, resource))
            .map_err(|denial| format!("AccessDenied: {denial}"))
    })
}

/// What is to be built; the error is the image's reason.
fn spec(region: &Arc<Inner>, arn: &str) -> Result<BuildSpec, String> {
    let mut state = region.state();
    let state = &mut *state;
    let image = state.imagebuilder.images.get_mut(arn).ok_or("The image was deleted.")?;
    let recipe = image.body["imageRecipe"].clone();
    let documents = documents(state, &recipe)?;
    let steps = documents.iter().filter_map(|d| document::outline(&d.document).ok());
    let steps_total = steps.map(|outline| outline.build_steps).sum();
    let parent = parent(state, recipe["parentImage"].as_str().unwrap_or_default())?;
    let image = state.imagebuilder.images.get(arn).ok_or("The image was deleted.")?;
    let may = may(region, state, &image.body["infrastructureConfiguration"]);
    let image = state.imagebuilder.images.get_mut(arn).ok_or("The image was deleted.")?;
    image.steps_total = steps_total;
    Ok(BuildSpec {
        // Who is told of a failure finds its log by this.
        build_id: image.workflow_execution_id.replacen("wf-", "build-", 1),
        parent,
        documents,
        s3_root: region.s3_root(),
        rules: region.rules.clone(),
        may,
    })
}

/// Documents of a recipe, in order.
pub(super) fn documents(state: &State, recipe: &Value) -> Result<Vec<BuildDocument>, String> {
    let mut documents = Vec::new();
    for wanted in recipe["components"].as_array().into_iter().flatten() {
        let named = wanted["componentArn"].as_str().unwrap_or_default();
        let components = &state.imagebuilder.components;
        let component_arn = names::resolve(components.keys(), named)
            .ok_or_else(|| format!("The component '{named}' does not exist."))?;
        let body = &components[&component_arn].body;
        let parameters = wanted["parameters"].as_array().into_iter().flatten().map(|parameter| {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            (text(&parameter["name"]), text(&parameter["value"][0]))
        });
        documents.push(BuildDocument {
            name: body["name"].as_str().unwrap_or_default().to_owned(),
            document: body["data"].as_str().unwrap_or_default().to_owned(),
            parameters: parameters.collect(),
            component_arn,
        });
    }
    Ok(documents)
}

/// Files of a recipe's parent: AMI id, `ssm:<parameter>` or image ARN.
fn parent(state: &State, wanted: &str) -> Result<RootFs, String> {
    let ami = if let Some(name) = wanted.strip_prefix("ssm:") {
        let name = match name.split_once(":parameter") {
            Some((_, path)) => path,
            None => name,
        };
        let parameter = state.ssm.get(name).and_then(Parameter::latest);
        parameter
            .ok_or_else(|| {
                format!("The SSM parameter '{name}' of the parent image does not exist.")
            })?
            .value
            .clone()
    } else if wanted.starts_with("arn:") {
        let images = &state.imagebuilder.images;
        let available =
            images.iter().filter(|(_, image)| image.ami_id.is_some()).map(|(arn, _)| arn);
        let arn = names::resolve(available, wanted);
        arn.and_then(|arn| images[&arn].ami_id.clone()).ok_or_else(|| {
            format!("The parent image '{wanted}' does not exist or is not available.")
        })?
    } else {
        wanted.to_owned()
    };
    let image = state.ec2.images.get(&ami);
    Ok(image.ok_or_else(|| format!("The parent image '{ami}' does not exist."))?.root.clone())
}
