//! Progress of a build: its workflow and the steps of its documents.

use super::{Answer, Call, Input, list, not_found};
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
    let count = |ok: bool| image.steps.iter().filter(|step| step.ok == ok).count();
    let mut shown = json!({
        "workflowBuildVersionArn": workflow_arn(&call.region.config.region),
        "workflowExecutionId": image.workflow_execution_id,
        "type": "BUILD",
        "status": status(image),
        "totalStepCount": image.steps_total,
        "totalStepsSucceeded": count(true),
        "totalStepsFailed": count(false),
        "totalStepsSkipped": 0,
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
    format!("arn:aws:imagebuilder:{region}:aws:workflow/build/build-image/1.0.2/1")
}

/// `step-<uuid>`, of its own in each execution.
fn step_id(workflow_execution_id: &str, index: usize) -> String {
    let uuid = workflow_execution_id.trim_start_matches("wf-");
    format!("step-{}{index:012x}", uuid.get(..24).unwrap_or_default())
}

/// A name as workflow steps have it: letters, digits, `-` and `_`, at most 100.
fn step_name(phase: &str, step: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' };
    format!("{phase}-{step}").chars().map(plain).take(100).collect()
}

/// ListWorkflowStepExecutions. AWS lists the steps of the workflow; here each
/// step of a document that has run is one, which says more.
pub fn steps(call: &Call<'_>, input: &Input<'_>) -> Answer {
    let id = input.need("workflowExecutionId")?;
    let state = call.state();
    let found =
        state.imagebuilder.images.iter().find(|(_, image)| image.workflow_execution_id == id);
    let (arn, image) = found.ok_or_else(|| not_found(id))?;
    let shown: Vec<Value> = image
        .steps
        .iter()
        .enumerate()
        .map(|(index, step)| {
            json!({
                "stepExecutionId": step_id(id, index),
                "name": step_name(&step.phase, &step.step),
                "description": step.document,
                "action": "ExecuteComponents",
                "status": if step.ok { "COMPLETED" } else { "FAILED" },
                "message": format!("{:.1} s", step.secs),
                "attemptNumber": 1,
                "maxAttempts": 1,
            })
        })
        .collect();
    let mut answer = list::answer(call, input, "steps", shown)?;
    answer["workflowExecutionId"] = json!(id);
    answer["imageBuildVersionArn"] = json!(arn);
    answer["workflowBuildVersionArn"] = json!(workflow_arn(&call.region.config.region));
    Ok(answer)
}
