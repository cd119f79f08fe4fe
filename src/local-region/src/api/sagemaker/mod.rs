//! SageMaker's MLflow tracking servers (API reference 2017-07-24, AwsJson 1.1).

mod presigned;
mod servers;
mod tags;

use super::{Answer, ApiError, Call};
use crate::state::sagemaker::TrackingServer;
use serde_json::Value;

/// Carries out an operation.
pub fn perform(call: &Call<'_>, input: &Value) -> Answer {
    match call.operation {
        "CreateMlflowTrackingServer" => servers::create(call, input),
        "DescribeMlflowTrackingServer" => servers::describe(call, input),
        "ListMlflowTrackingServers" => servers::list(call, input),
        "DeleteMlflowTrackingServer" => servers::delete(call, input),
        "StartMlflowTrackingServer" | "StopMlflowTrackingServer" => servers::no_stop(call, input),
        "CreatePresignedMlflowTrackingServerUrl" => presigned::create(call, input),
        "AddTags" => tags::add(call, input),
        "ListTags" => tags::list(call, input),
        "DeleteTags" => tags::delete(call, input),
        other => Err(ApiError::unknown_operation("sagemaker", other)),
    }
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new("ValidationException", message)
}

fn not_found(name: &str) -> ApiError {
    ApiError::new("ResourceNotFound", format!("Tracking Server with name {name} does not exist."))
}

/// The name in the request: `[a-zA-Z0-9](-*[a-zA-Z0-9]){0,255}`.
fn name_of(input: &Value) -> Result<String, ApiError> {
    let name = input["TrackingServerName"].as_str().unwrap_or_default();
    let edges = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    let fits = name.len() <= 256
        && edges(name.chars().next())
        && edges(name.chars().last())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if fits {
        Ok(name.to_owned())
    } else {
        Err(invalid(format!(
            "1 validation error detected: Value '{name}' at 'trackingServerName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9](-*[a-zA-Z0-9]){{0,255}}"
        )))
    }
}

fn arn_of(call: &Call<'_>, name: &str) -> String {
    call.arn(&format!("mlflow-tracking-server/{name}"))
}

fn url_of(call: &Call<'_>, server: &TrackingServer) -> String {
    format!("{}/_mlflow/{}", call.region.config.endpoint_url.trim_end_matches('/'), server.key)
}
