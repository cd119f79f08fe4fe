//! Image Builder (API reference 2019-12-02, REST JSON).

mod build;
mod chosen;
mod components;
mod configurations;
mod distribute;
mod document;
mod images;
mod list;
mod managed;
mod names;
mod own_workflows;
mod recipes;
mod resources;
mod test;
mod test_instance;
mod tokens;
mod workflow_actions;
mod workflow_document;
mod workflows;

use super::{Answer, ApiError, Call};
use crate::rules::imagebuilder as rules;
use crate::sigv4::SignedRequest;
use http::Method;
use percent_encoding::percent_decode_str;
use serde_json::Value;

/// Operations, which are also their paths.
const OPERATIONS: &[&str] = &[
    "CancelImageCreation",
    "CreateComponent",
    "CreateDistributionConfiguration",
    "CreateImage",
    "CreateImageRecipe",
    "CreateInfrastructureConfiguration",
    "CreateWorkflow",
    "DeleteComponent",
    "DeleteDistributionConfiguration",
    "DeleteImage",
    "DeleteImageRecipe",
    "DeleteInfrastructureConfiguration",
    "DeleteWorkflow",
    "GetComponent",
    "GetDistributionConfiguration",
    "GetImage",
    "GetImageRecipe",
    "GetInfrastructureConfiguration",
    "GetWorkflow",
    "ListComponentBuildVersions",
    "ListComponents",
    "ListDistributionConfigurations",
    "ListImageBuildVersions",
    "ListImageRecipes",
    "ListImages",
    "ListInfrastructureConfigurations",
    "ListWorkflowBuildVersions",
    "ListWorkflowExecutions",
    "ListWorkflowStepExecutions",
    "ListWorkflows",
    "RetryImage",
];

/// Whether a path is one of this service's.
#[must_use]
pub fn is_path(path: &str) -> bool {
    OPERATIONS.contains(&path.trim_start_matches('/')) || path.starts_with("/tags/arn")
}

/// Operation of a request.
#[must_use]
pub fn operation(method: &Method, path: &str) -> String {
    let first = path.trim_start_matches('/').split('/').next().unwrap_or_default();
    match (first, method.as_str()) {
        ("tags", "GET") => "ListTagsForResource",
        ("tags", "POST") => "TagResource",
        ("tags", "DELETE") => "UntagResource",
        _ => first,
    }
    .to_owned()
}

/// What a request carries: JSON body, query, and the ARN in its path.
struct Input<'a> {
    body: &'a Value,
    query: Vec<(String, String)>,
    path_arn: String,
}

impl Input<'_> {
    fn text(&self, name: &str) -> Option<&str> {
        let in_query = || self.query.iter().find(|(key, _)| key == name).map(|(_, v)| v.as_str());
        self.body[name].as_str().or_else(in_query).filter(|text| !text.is_empty())
    }

    fn need(&self, name: &str) -> Result<&str, ApiError> {
        self.text(name).ok_or_else(|| {
            invalid(format!(
                "The value supplied for parameter '{name}' is not valid. A value is required."
            ))
        })
    }
}

/// Most refusals of this service.
fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new("InvalidRequestException", message)
}

/// A parameter with a bad value.
fn bad(parameter: &str, why: impl std::fmt::Display) -> ApiError {
    ApiError::new(
        "InvalidParameterValueException",
        format!("The value supplied for parameter '{parameter}' is not valid. {why}"),
    )
}

/// A resource that a request reads or changes is not there.
fn not_found(arn: &str) -> ApiError {
    ApiError::new(
        "ResourceNotFoundException",
        format!("The resource with ARN '{arn}' does not exist."),
    )
    .status(http::StatusCode::NOT_FOUND)
    .by(&rules::NOT_FOUND)
}

/// Something that a new resource is made from is not there.
fn required(arn: &str) -> ApiError {
    let kind = names::kind(arn);
    ApiError::new(
        "ResourceNotFoundException",
        format!("The following required resource '{kind}' cannot be found: '{arn}'."),
    )
    .status(http::StatusCode::NOT_FOUND)
    .by(&rules::REFERENCE)
}

/// Carries out an operation.
pub fn perform(call: &Call<'_>, request: &SignedRequest<'_>, body: &Value) -> Answer {
    call.authorize("*")?;
    let decode =
        |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
    let query = request
        .query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(key, value)| (decode(key), decode(value)))
        .collect();
    let path_arn = request.path.strip_prefix("/tags/").unwrap_or_default();
    let path_arn = percent_decode_str(path_arn).decode_utf8_lossy().into_owned();
    let input = &Input { body, query, path_arn };
    match call.operation {
        "CreateComponent" => components::create(call, input),
        "GetComponent" => components::get(call, input),
        "DeleteComponent" => components::delete(call, input),
        "ListComponents" => components::list(call, input),
        "ListComponentBuildVersions" => components::list_builds(call, input),
        "CreateImageRecipe" => recipes::create(call, input),
        "GetImageRecipe" => recipes::get(call, input),
        "DeleteImageRecipe" => recipes::delete(call, input),
        "ListImageRecipes" => recipes::list(call, input),
        "CreateInfrastructureConfiguration" => configurations::create_infrastructure(call, input),
        "GetInfrastructureConfiguration" => configurations::INFRASTRUCTURE.get(call, input),
        "DeleteInfrastructureConfiguration" => configurations::INFRASTRUCTURE.delete(call, input),
        "ListInfrastructureConfigurations" => configurations::INFRASTRUCTURE.list(call, input),
        "CreateDistributionConfiguration" => configurations::create_distribution(call, input),
        "GetDistributionConfiguration" => configurations::DISTRIBUTION.get(call, input),
        "DeleteDistributionConfiguration" => configurations::DISTRIBUTION.delete(call, input),
        "ListDistributionConfigurations" => configurations::DISTRIBUTION.list(call, input),
        "CreateWorkflow" => own_workflows::create(call, input),
        "GetWorkflow" => own_workflows::get(call, input),
        "DeleteWorkflow" => own_workflows::delete(call, input),
        "ListWorkflows" => own_workflows::list(call, input),
        "ListWorkflowBuildVersions" => own_workflows::list_builds(call, input),
        "CreateImage" => images::create(call, input),
        "GetImage" => images::get(call, input),
        "DeleteImage" => images::delete(call, input),
        "CancelImageCreation" => images::cancel(call, input),
        "RetryImage" => images::retry(call, input),
        "ListImages" => images::list(call, input),
        "ListImageBuildVersions" => images::list_builds(call, input),
        "ListWorkflowExecutions" => workflows::executions(call, input),
        "ListWorkflowStepExecutions" => workflows::steps(call, input),
        "TagResource" => resources::tag(call, input),
        "UntagResource" => resources::untag(call, input),
        "ListTagsForResource" => resources::list_tags(call, input),
        other => Err(ApiError::unknown_operation("imagebuilder", other)),
    }
}
