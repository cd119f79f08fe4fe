//! Progress of an image: its workflows and their steps.

use super::{Answer, Call, Input, list, managed, not_found};
use crate::rules::imagebuilder as rules;
use crate::state::imagebuilder::ImageBuild;
use crate::state::workflow::Workflow;
use serde_json::{Value, json};

/// A build's status; it is over once there is something to test.
fn status(image: &ImageBuild) -> &'static str {
    match image.status() {
        _ if !image.tests.is_empty() => "COMPLETED",
        "PENDING" => "PENDING",
        "AVAILABLE" => "COMPLETED",
        "FAILED" => "FAILED",
        "CANCELLED" => "CANCELLED",
        _ => "RUNNING",
    }
}

/// ListWorkflowExecutions: one of type BUILD, and one of type TEST for each test.
pub fn executions(call: &Call<'_>, input: &Input<'_>) -> Answer {
    let arn = input.need("imageBuildVersionArn")?;
    let state = call.state();
    let image = state.imagebuilder.images.get(arn).ok_or_else(|| not_found(arn))?;
    let region = &call.region.config.region;
    let one = |(kind, arn): (&str, &str),
               id: &str,
               flow: &Workflow,
               status: &str,
               times: (&str, Option<&String>)| {
        let mut shown = json!({
            "workflowBuildVersionArn": arn,
            "workflowExecutionId": id,
            "type": kind,
            "status": status,
            "totalStepCount": flow.executions().len(),
            "totalStepsSucceeded": flow.count("COMPLETED"),
            "totalStepsFailed": flow.count("FAILED"),
            "totalStepsSkipped": flow.count("SKIPPED"),
            "startTime": times.0,
        });
        if let Some(ended) = times.1 {
            shown["endTime"] = json!(ended);
        }
        shown
    };
    let built = image.tests.first().map(|test| &test.started).or(image.ended.as_ref());
    let times = (image.started.as_str(), built);
    let build = ("BUILD", &*managed::build_arn(region));
    let mut shown =
        vec![one(build, &image.workflow_execution_id, &image.workflow, status(image), times)];
    shown.extend(image.tests.iter().map(|test| {
        let (ended, status) = match &test.ended {
            Some((ended, status)) => (Some(ended), *status),
            None => (None, "RUNNING"),
        };
        one(("TEST", &test.arn), &test.id, &test.workflow, status, (&test.started, ended))
    }));
    let mut answer = list::answer(call, input, "workflowExecutions", shown)?;
    answer["imageBuildVersionArn"] = json!(arn);
    Ok(answer)
}

/// `step-<uuid>`, of its own in each execution.
fn step_id(workflow_execution_id: &str, index: usize) -> String {
    let uuid = workflow_execution_id.trim_start_matches("wf-");
    format!("step-{}{index:012x}", uuid.get(..24).unwrap_or_default())
}

/// ListWorkflowStepExecutions.
pub fn steps(call: &Call<'_>, input: &Input<'_>) -> Answer {
    let id = input.need("workflowExecutionId")?;
    let state = call.state();
    let flow_of = |image: &'_ ImageBuild| {
        let test = image.tests.iter().find(|test| test.id == id);
        let region = &call.region.config.region;
        let build = (image.workflow_execution_id == id)
            .then(|| (managed::build_arn(region), image.workflow.clone()));
        build.or(test.map(|test| (test.arn.clone(), test.workflow.clone())))
    };
    let mut images = state.imagebuilder.images.iter();
    let found = images.find_map(|(arn, image)| Some((arn, flow_of(image)?)));
    let (arn, (workflow_arn, flow)) = found.ok_or_else(|| not_found(id))?;
    let executions = match call.region.rules.on(&rules::WORKFLOW) {
        true => flow.executions(),
        false => &[],
    };
    let shown: Vec<Value> = executions
        .iter()
        .enumerate()
        .map(|(index, one)| {
            let mut shown = json!({
                "stepExecutionId": step_id(id, index),
                "name": one.name,
                "action": one.action,
                "status": one.status,
                "attemptNumber": 1,
                "maxAttempts": 1,
            });
            let told =
                [("inputs", &one.inputs), ("startTime", &one.started), ("endTime", &one.ended)];
            for (field, value) in told {
                if let Some(value) = value {
                    shown[field] = json!(value);
                }
            }
            shown
        })
        .collect();
    let mut answer = list::answer(call, input, "steps", shown)?;
    answer["workflowExecutionId"] = json!(id);
    answer["imageBuildVersionArn"] = json!(arn);
    answer["workflowBuildVersionArn"] = json!(workflow_arn);
    Ok(answer)
}
