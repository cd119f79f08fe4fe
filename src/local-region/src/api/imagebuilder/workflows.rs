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
    let mut answer = list::answer(input, "workflowExecutions", vec![shown])?;
    answer["imageBuildVersionArn"] = json!(arn);
    Ok(answer)
}

/// The workflow that every build has unless it names another.
pub fn workflow_arn(region: &str) -> String {
    format!("arn:aws:imagebuilder:{region}:aws:workflow/build/build-image/1.0.2/1")
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
                "stepExecutionId": format!("step-{index:08}"),
                "name": format!("{}.{}", step.phase, step.step),
                "description": step.document,
                "action": "ExecuteComponents",
                "status": if step.ok { "COMPLETED" } else { "FAILED" },
                "message": format!("{:.1} s", step.secs),
                "attemptNumber": 1,
                "maxAttempts": 1,
            })
        })
        .collect();
    let mut answer = list::answer(input, "steps", shown)?;
    answer["workflowExecutionId"] = json!(id);
    answer["imageBuildVersionArn"] = json!(arn);
    answer["workflowBuildVersionArn"] = json!(workflow_arn(&call.region.config.region));
    Ok(answer)
}
