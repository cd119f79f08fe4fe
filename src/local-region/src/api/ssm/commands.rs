//! Commands as a whole: list, cancel.

use super::filters::Filters;
use super::{invalid, send::DOCUMENT, silent};
use crate::api::constraint::{Page, texts};
use crate::api::{Answer, ApiError, Call};
use crate::rules::run_command as rules;
use crate::state::commands::{Command, Status};
use serde_json::{Value, json};

/// A command as SendCommand and ListCommands tell it.
pub fn show(call: &Call<'_>, command: &Command) -> Value {
    let (status, details) = command.status().told();
    let secs = |time: jiff::Timestamp| time.as_millisecond() as f64 / 1000.0;
    let mut shown = json!({
        "CommandId": command.id,
        "DocumentName": DOCUMENT,
        "DocumentVersion": "$DEFAULT",
        "Comment": command.comment,
        "ExpiresAfter": secs(command.expires),
        "Parameters": if command.parameters.is_object() { command.parameters.clone() } else { json!({}) },
        "InstanceIds": command.instance_ids,
        "Targets": if command.targets.is_array() { command.targets.clone() } else { json!([]) },
        "RequestedDateTime": secs(command.requested),
        "Status": status,
        "StatusDetails": details,
        "MaxConcurrency": command.max_concurrency,
        "MaxErrors": command.max_errors,
        "TargetCount": command.invocations.len(),
        "CompletedCount": command.count(Status::is_final),
        "ErrorCount": command.count(Status::is_error),
        "DeliveryTimedOutCount": command.count(|status| status == Status::DeliveryTimedOut),
        "TimeoutSeconds": command.timeout_secs,
        "CloudWatchOutputConfig": {"CloudWatchOutputEnabled": false},
    });
    if let Some(output) = &command.output {
        shown["OutputS3Region"] = json!(call.region.config.region);
        shown["OutputS3BucketName"] = json!(output.bucket);
        shown["OutputS3KeyPrefix"] = json!(output.prefix);
    }
    shown
}

/// ListCommands.
pub fn list(call: &Call<'_>, input: &Value) -> Answer {
    call.authorize("*")?;
    let filters = Filters::read(call, input)?;
    let state = call.state();
    if let Some(id) = input["CommandId"].as_str()
        && state.commands.get(id).is_none()
    {
        return Err(unknown());
    }
    let found = state
        .commands
        .latest_first()
        .filter(|command| filters.keep(command, command.status()))
        .filter(|command| input["CommandId"].as_str().is_none_or(|id| id == command.id))
        .filter(|command| {
            input["InstanceId"].as_str().is_none_or(|id| command.invocations.contains_key(id))
        })
        .map(|command| show(call, command))
        .collect();
    drop(state);
    Ok(page(call, found, input)?.answer("Commands"))
}

/// One page of commands or invocations.
pub fn page(call: &Call<'_>, found: Vec<Value>, input: &Value) -> Result<Page, ApiError> {
    let sizes = if call.region.rules.on(&rules::PAGES) { 1..=50 } else { 1..=u64::MAX };
    Page::cut(found, input, sizes, "InvalidNextToken").map_err(|error| error.by(&rules::PAGES))
}

/// CancelCommand.
pub fn cancel(call: &Call<'_>, input: &Value) -> Answer {
    let id = input["CommandId"].as_str().ok_or_else(|| invalid("CommandId is required."))?;
    call.authorize("*")?;
    let only = texts(&input["InstanceIds"]);
    let mut state = call.state();
    let command = state.commands.get_mut(id);
    call.region.rules.check(&rules::UNKNOWN, command.is_some(), unknown)?;
    if !call.region.rules.on(&rules::CANCEL) {
        return Ok(json!({}));
    }
    for (instance_id, invocation) in command.into_iter().flat_map(|c| c.invocations.iter_mut()) {
        let meant = only.is_empty() || only.contains(&instance_id.as_str());
        if meant && !invocation.status.is_final() {
            invocation.status = Status::Cancelling;
            invocation.stop.cancel();
        }
    }
    Ok(json!({}))
}

fn unknown() -> ApiError {
    silent("InvalidCommandId")
}
