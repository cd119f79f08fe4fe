//! Invocations of commands: one, or a list.

use super::commands::page;
use super::filters::Filters;
use super::{invalid, send::DOCUMENT, silent};
use crate::api::{Answer, Call};
use crate::rules::run_command as rules;
use crate::state::commands::{Command, Invocation};
use crate::windows::INVOCATION_UNSEEN;
use jiff::Timestamp;
use serde_json::{Value, json};

/// The one step of the document.
const PLUGIN: &str = "aws:runShellScript";

/// GetCommandInvocation.
pub fn get(call: &Call<'_>, input: &Value) -> Answer {
    let needed =
        |name: &str| input[name].as_str().ok_or_else(|| invalid(format!("{name} is required.")));
    let (command_id, instance_id) = (needed("CommandId")?, needed("InstanceId")?);
    call.authorize("*")?;
    if input["PluginName"].as_str().is_some_and(|name| name != PLUGIN) {
        return Err(silent("InvalidPluginName"));
    }
    let state = call.state();
    let found = state.commands.get(command_id).and_then(|command| {
        command.invocations.get(instance_id).map(|invocation| (command, invocation))
    });
    let unknown = || silent("InvocationDoesNotExist");
    let (command, invocation) = found.ok_or_else(unknown)?;
    let unseen = call.region.windows.of(&INVOCATION_UNSEEN);
    let age = call.region.clock.now().duration_since(command.requested);
    call.region.rules.check(&rules::UNSEEN, age >= unseen, unknown)?;
    let (status, details) = invocation.status.told();
    let text = |time: Option<Timestamp>| {
        time.map(|time| time.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()).unwrap_or_default()
    };
    let elapsed = match (invocation.started, invocation.ended) {
        (Some(started), Some(ended)) => {
            format!("PT{}S", ended.duration_since(started).as_millis() as f64 / 1000.0)
        }
        _ => String::new(),
    };
    Ok(json!({
        "CommandId": command.id,
        "InstanceId": instance_id,
        "Comment": command.comment,
        "DocumentName": DOCUMENT,
        "DocumentVersion": "$DEFAULT",
        "PluginName": PLUGIN,
        "ResponseCode": invocation.response_code,
        "ExecutionStartDateTime": text(invocation.started),
        "ExecutionElapsedTime": elapsed,
        "ExecutionEndDateTime": text(invocation.ended),
        "Status": status,
        "StatusDetails": details,
        "StandardOutputContent": invocation.stdout,
        "StandardOutputUrl": url(call, command, instance_id, "stdout"),
        "StandardErrorContent": invocation.stderr,
        "StandardErrorUrl": url(call, command, instance_id, "stderr"),
        "CloudWatchOutputConfig": {"CloudWatchOutputEnabled": false},
    }))
}

/// Where all of a stream is, or nothing.
fn url(call: &Call<'_>, command: &Command, instance_id: &str, stream: &str) -> String {
    let Some(output) = &command.output else { return String::new() };
    let endpoint = call.region.config.endpoint_url.trim_end_matches('/');
    format!("{endpoint}/{}/{}", output.bucket, output.key(&command.id, instance_id, stream))
}

/// ListCommandInvocations.
pub fn list(call: &Call<'_>, input: &Value) -> Answer {
    call.authorize("*")?;
    let filters = Filters::read(call, input)?;
    let details = input["Details"].as_bool() == Some(true);
    let (command_id, instance_id) = (input["CommandId"].as_str(), input["InstanceId"].as_str());
    let state = call.state();
    let mut found = Vec::new();
    for command in state.commands.latest_first() {
        if command_id.is_some_and(|id| id != command.id) {
            continue;
        }
        for (id, invocation) in &command.invocations {
            if instance_id.is_none_or(|wanted| wanted == id)
                && filters.keep(command, invocation.status)
            {
                found.push(show(call, command, id, invocation, details));
            }
        }
    }
    drop(state);
    Ok(page(call, found, input)?.answer("CommandInvocations"))
}

fn show(
    call: &Call<'_>,
    command: &Command,
    instance_id: &str,
    invocation: &Invocation,
    details: bool,
) -> Value {
    let (status, status_details) = invocation.status.told();
    let secs = |time: Timestamp| time.as_millisecond() as f64 / 1000.0;
    let (stdout, stderr) =
        (url(call, command, instance_id, "stdout"), url(call, command, instance_id, "stderr"));
    let mut plugins = Vec::new();
    if details {
        let mut plugin = json!({
            "Name": PLUGIN,
            "Status": if status == "Cancelling" { "InProgress" } else { status },
            "StatusDetails": status_details,
            "ResponseCode": invocation.response_code,
            "Output": invocation.output,
            "StandardOutputUrl": stdout,
            "StandardErrorUrl": stderr,
        });
        for (name, time) in [
            ("ResponseStartDateTime", invocation.started),
            ("ResponseFinishDateTime", invocation.ended),
        ] {
            if let Some(time) = time {
                plugin[name] = json!(secs(time));
            }
        }
        if let Some(output) = &command.output {
            plugin["OutputS3Region"] = json!(call.region.config.region);
            plugin["OutputS3BucketName"] = json!(output.bucket);
            plugin["OutputS3KeyPrefix"] = json!(output.prefix);
        }
        plugins.push(plugin);
    }
    json!({
        "CommandId": command.id,
        "InstanceId": instance_id,
        "InstanceName": "",
        "Comment": command.comment,
        "DocumentName": DOCUMENT,
        "DocumentVersion": "$DEFAULT",
        "RequestedDateTime": secs(command.requested),
        "Status": status,
        "StatusDetails": status_details,
        "StandardOutputUrl": stdout,
        "StandardErrorUrl": stderr,
        "CommandPlugins": plugins,
        "CloudWatchOutputConfig": {"CloudWatchOutputEnabled": false},
    })
}
