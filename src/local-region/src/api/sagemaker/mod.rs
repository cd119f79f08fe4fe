//! SageMaker's MLflow: tracking servers and MLflow Apps (API reference
//! 2017-07-24, AwsJson 1.1).

mod apps;
mod checks;
mod list;
mod power;
mod presigned;
mod servers;
mod tags;

use super::{Answer, ApiError, Call};
use crate::state::sagemaker::Served;
use serde_json::Value;

/// Carries out an operation.
pub fn perform(call: &Call<'_>, input: &Value) -> Answer {
    match call.operation {
        "CreateMlflowTrackingServer" => servers::create(call, input),
        "DescribeMlflowTrackingServer" => servers::describe(call, input),
        "ListMlflowTrackingServers" => list::servers(call, input),
        "UpdateMlflowTrackingServer" => servers::update(call, input),
        "DeleteMlflowTrackingServer" => servers::delete(call, input),
        "StartMlflowTrackingServer" => power::start(call, input),
        "StopMlflowTrackingServer" => power::stop(call, input),
        "CreatePresignedMlflowTrackingServerUrl" => presigned::server(call, input),
        "CreateMlflowApp" => apps::create(call, input),
        "DescribeMlflowApp" => apps::describe(call, input),
        "ListMlflowApps" => list::apps(call, input),
        "UpdateMlflowApp" => apps::update(call, input),
        "DeleteMlflowApp" => apps::delete(call, input),
        "CreatePresignedMlflowAppUrl" => presigned::app(call, input),
        "AddTags" => tags::add(call, input),
        "ListTags" => tags::list(call, input),
        "DeleteTags" => tags::delete(call, input),
        other => Err(ApiError::unknown_operation("sagemaker", other)),
    }
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new("ValidationException", message)
}

fn secs(time: jiff::Timestamp) -> f64 {
    time.as_millisecond() as f64 / 1000.0
}

/// A new key, part of the URL.
fn key() -> String {
    format!("t-{}", hex::encode(rand::random::<[u8; 6]>()))
}

fn url_of(call: &Call<'_>, served: &Served) -> String {
    format!("{}/_mlflow/{}", call.region.config.endpoint_url.trim_end_matches('/'), served.key)
}
