//! Systems Manager (API reference 2014-11-06, AwsJson 1.1): parameters, managed
//! nodes, Run Command, Session Manager.

mod commands;
mod filters;
mod invocations;
mod nodes;
mod parameters;
mod send;

use super::{Answer, ApiError, Call, sessions};
use serde_json::Value;

/// Carries out an operation.
pub fn perform(call: &Call<'_>, input: &Value) -> Answer {
    match call.operation {
        "DescribeInstanceInformation" => nodes::describe(call, input),
        "SendCommand" => send::send(call, input),
        "CancelCommand" => commands::cancel(call, input),
        "ListCommands" => commands::list(call, input),
        "GetCommandInvocation" => invocations::get(call, input),
        "ListCommandInvocations" => invocations::list(call, input),
        "StartSession" => sessions::start(call, input),
        "ResumeSession" => sessions::resume(call, input),
        "TerminateSession" => sessions::terminate(call, input),
        "DescribeSessions" => sessions::describe(call, input),
        other => parameters::perform(call, input)
            .unwrap_or_else(|| Err(ApiError::unknown_operation("ssm", other))),
    }
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new("ValidationException", message)
}

/// An error that says nothing but its code, as SSM has several.
pub fn silent(code: &str) -> ApiError {
    ApiError::new(code, "")
}
