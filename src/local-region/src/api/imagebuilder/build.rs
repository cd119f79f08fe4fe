//! A build from CREATING to AVAILABLE, and the AMI that comes of it.

use super::{components::without_null, document, names, workflows};
use crate::api::ec2::images;
use crate::api::{
    Caller,
    policy::{self, Asked},
    tags::Tags,
    timestamp,
};
use crate::backend::{BuildDocument, BuildFailure, BuildNews, BuildSpec, May, RootFs, TellBuild};
use crate::rules::imagebuilder as rules;
use crate::server::Inner;
use crate::state::{
    State, ec2::Image, ids, imagebuilder::ImageBuild, ssm::Parameter, workflow::Step,
};
use serde_json::{Value, json};
use std::sync::Arc;

/// Who writes the parameters of a distribution.
const SERVICE: &str = "imagebuilder.amazonaws.com";
/// Cut of `errorMessage` in the failure's context.
const MAX_ERROR_CHARS: usize = 1024;

/// Whether an AMI name tells the build's date, which makes it unique.
#[must_use]
pub fn has_build_date(name: &str) -> bool {
    with_build_date(name, "") != name
}

fn with_build_date(name: &str, date: &str) -> String {
    name.replace("{{ imagebuilder:buildDate }}", date).replace("{{imagebuilder:buildDate}}", date)
}

/// Starts the build of an image that is PENDING.
pub fn start(region: &Arc<Inner>, arn: String) {
    let region = region.clone();
    let runtime = region.runtime.clone();
    runtime.spawn(async move { run(&region, &arn).await });
}

fn change<T>(region: &Inner, arn: &str, act: impl FnOnce(&mut ImageBuild) -> T) -> Option<T> {
    region.state().imagebuilder.images.get_mut(arn).map(act)
}

fn set_status(region: &Inner, arn: &str, status: &str) {
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
    let tell: TellBuild = {
        let (region, arn) = (region.clone(), arn.to_owned());
        Arc::new(move |news| match news {
            BuildNews::Line(line) => log(&region, &arn, line),
            BuildNews::Step(step) => {
                change(&region, &arn, |image| image.steps.push(step));
            }
        })
    };
    let built = tokio::select! {
        built = region.config.builder.build(spec, tell) => built,
        // Dropping the build's future is what stops it.
        () = cancel.notified() => {
            change(region, arn, |image| image.workflow.end(Step::Components, "CANCELLED"));
            return fail(region, arn, json!({"status": "CANCELLED", "reason": "Image creation was cancelled."}));
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
            set_status(region, arn, "DISTRIBUTING");
            distribute(region, arn, root);
        }
        Err(failure) => {
            let step = failed_step(&failure);
            change(region, arn, |image| {
                if step != Step::Components {
                    image.workflow.end(Step::Components, "COMPLETED");
                }
                image.workflow.pass(step, "FAILED");
            });
            let state = failed_state(region, arn, &failure);
            fail(region, arn, state);
        }
    }
}

/// The workflow until the documents run.
fn begin(region: &Inner, arn: &str) {
    let workflow = workflows::workflow_arn(&region.config.region);
    log(region, arn, format!("Image transitioned to BUILDING state for Image ARN: {arn}"));
    log(region, arn, format!("Started BUILD workflow {workflow}"));
    let steps = Step::ALL.len();
    log(region, arn, format!("Total {steps} steps to run for workflow {workflow}"));
    for step in [Step::Launch, Step::Components] {
        let (name, action) = step.shown();
        log(region, arn, format!("Started step {name} with action {action}"));
    }
    change(region, arn, |image| {
        image.workflow.pass(Step::Launch, "COMPLETED");
        image.workflow.begin(Step::Components);
    });
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

fn failed_state(region: &Inner, arn: &str, failure: &BuildFailure) -> Value {
    let workflow = change(region, arn, |image| image.workflow_execution_id.clone());
    let cut = |text: String, most: usize| text.chars().take(most).collect::<String>();
    let (step, _) = failed_step(failure).shown();
    let reason = cut(format!("Workflow step '{step}' failed: {failure}"), MAX_ERROR_CHARS);
    if !region.rules.on(&rules::FAILURE) {
        return json!({"status": "FAILED", "reason": reason});
    }
    let most = if region.rules.on(&rules::FAILURE_CUT) { MAX_ERROR_CHARS } else { usize::MAX };
    let message = cut(failure.message.clone(), most);
    json!({
        "status": "FAILED",
        "reason": reason,
        "failureContext": {
            "imageStatus": "BUILDING",
            "workflowExecutionId": workflow,
            "workflowArn": workflows::workflow_arn(&region.config.region),
            "failedStep": step,
            "componentFailure": {
                "componentArn": failure.component_arn,
                "phaseName": failure.phase,
                "stepName": failure.step,
                "action": failure.action,
                "errorMessage": message,
            },
        },
    })
}

/// What the role of an infrastructure configuration's instances may do.
fn may(region: &Arc<Inner>, state: &State, infrastructure: &Value) -> May {
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

/// Key that the image is encrypted with: its distribution's, or its recipe's.
fn key(region: &Inner, distribution: &Value, recipe: &Value) -> Option<String> {
    let ebs = &recipe["blockDeviceMappings"][0]["ebs"];
    let named = ebs["kmsKeyId"].as_str().unwrap_or(images::DEFAULT_KEY);
    let of_recipe = (ebs["encrypted"].as_bool() == Some(true)).then_some(named);
    let distributed = region.rules.on(&rules::KMS_KEY);
    let named = distribution["kmsKeyId"].as_str().filter(|_| distributed).or(of_recipe);
    named.map(str::to_owned)
}

/// Registers the AMI with the tags and name that were asked for.
fn distribute(region: &Arc<Inner>, arn: &str, root: RootFs) {
    let mut state = region.state();
    let state = &mut *state;
    let Some(image) = state.imagebuilder.images.get_mut(arn) else { return };
    let distribution = image.body["distributionConfiguration"]["distributions"][0].clone();
    let ami_settings = &distribution["amiDistributionConfiguration"];
    let recipe_name = image.body["imageRecipe"]["name"].as_str().unwrap_or_default();
    let template = ami_settings["name"]
        .as_str()
        .map_or_else(|| format!("{recipe_name} {{{{ imagebuilder:buildDate }}}}"), str::to_owned);
    let date = jiff::Timestamp::now().strftime("%Y-%m-%dT%H-%M-%S.%3fZ").to_string();
    let name = with_build_date(&template, &date);
    let mut tags = Tags::from([
        ("CreatedBy".to_owned(), "EC2 Image Builder".to_owned()),
        ("Ec2ImageBuilderArn".to_owned(), arn.to_owned()),
    ]);
    for source in [&image.body["imageRecipe"]["amiTags"], &ami_settings["amiTags"]] {
        for (key, value) in source.as_object().into_iter().flatten() {
            tags.insert(key.clone(), value.as_str().unwrap_or_default().to_owned());
        }
    }
    let ami = Image {
        description: ami_settings["description"].as_str().unwrap_or_default().to_owned(),
        kms_key: key(region, ami_settings, &image.body["imageRecipe"]),
        ..Image::new(name.clone(), &region.config.account_id, root)
    };
    for target in distribution["ssmParameterConfigurations"].as_array().into_iter().flatten() {
        let Some(parameter) = target["parameterName"].as_str() else { continue };
        let data_type = target["dataType"].as_str().unwrap_or("text");
        match state.ssm.get_mut(parameter) {
            Some(known) => {
                known.write(&ami.id, SERVICE);
            }
            None => {
                let new = Parameter::new("String", data_type, &ami.id, SERVICE);
                state.ssm.insert(parameter.to_owned(), new);
            }
        }
    }
    image.ami_id = Some(ami.id.clone());
    image.ended = Some(timestamp());
    image.body["outputResources"]["amis"] = json!([without_null(json!({
        "region": region.config.region,
        "image": ami.id,
        "name": name,
        "description": ami_settings["description"],
        "accountId": region.config.account_id,
        "state": {"status": "AVAILABLE"},
    }))]);
    image.body["state"] = json!({"status": "AVAILABLE"});
    state.ec2.tags.insert(ami.snapshot_id.clone(), tags.clone());
    state.ec2.tags.insert(ami.id.clone(), tags);
    state.ec2.images.insert(ami.id.clone(), ami);
}
