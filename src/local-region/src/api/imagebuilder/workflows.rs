//! Progress of a build: its workflow and the workflow's steps.

use super::{Answer, Call, Input, list, not_found};
use crate::rules::imagebuilder as rules;
use crate::state::imagebuilder::ImageBuild;
use serde_json::{Value, json};

fn status(image: &ImageBuild) -> &'static str {
    match image.status() {
        "PENDING" => "PENDING",
        "AVAILABLE" => "COMPLETED",
        "FAILED" => "FAILED",
        "CANCELLED" => "CANCELLED",
        _ => "RUNNING",
    }
}

/// ListWorkflowExecutions: one, of type BUILD.
pub fn executions(call: &Call<'_>, input: &Input<'_>) -> Answer {
    let arn = input.need("imageBuildVersionArn")?;
    let state = call.state();
    let image = state.imagebuilder.images.get(arn).ok_or_else(|| not_found(arn))?;
    let flow = &image.workflow;
    let mut shown = json!({
        "workflowBuildVersionArn": workflow_arn(&call.region.config.region),
        "workflowExecutionId": image.workflow_execution_id,
        "type": "BUILD",
        "status": status(image),
        "totalStepCount": flow.executions().len(),
        "totalStepsSucceeded": flow.count("COMPLETED"),
        "totalStepsFailed": flow.count("FAILED"),
        "totalStepsSkipped": flow.count("SKIPPED"),
        "startTime": image.started,
    });
    if let Some(ended) = &image.ended {
        shown["endTime"] = json!(ended);
    }
    let mut answer = list::answer(call, input, "workflowExecutions", vec![shown])?;
    answer["imageBuildVersionArn"] = json!(arn);
    Ok(answer)
}

/// The workflow that every build has unless it names another.
pub fn workflow_arn(region: &str) -> String {
    format!("arn:aws:imagebuilder:{region}:aws:workflow/build/build-image/1.0.3/1")
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
    let found =
        state.imagebuilder.images.iter().find(|(_, image)| image.workflow_execution_id == id);
    let (arn, image) = found.ok_or_else(|| not_found(id))?;
    let executions = match call.region.rules.on(&rules::WORKFLOW) {
        true => image.workflow.executions(),
        false => &[],
    };
    let shown: Vec<Value> = executions
        .iter()
        .enumerate()
        .map(|(index, one)| {
            let (name, action) = one.step.shown();
            let mut shown = json!({
                "stepExecutionId": step_id(id, index),
                "name": name,
                "action": action,
                "status": one.status,
                "attemptNumber": 1,
                "maxAttempts": 1,
            });
            for (field, time) in [("startTime", &one.started), ("endTime", &one.ended)] {
                if let Some(time) = time {
                    shown[field] = json!(time);
                }
            }
            shown
        })
        .collect();
    let mut answer = list::answer(call, input, "steps", shown)?;
    answer["workflowExecutionId"] = json!(id);
    answer["imageBuildVersionArn"] = json!(arn);
    answer["workflowBuildVersionArn"] = json!(workflow_arn(&call.region.config.region));
    Ok(answer)
}
