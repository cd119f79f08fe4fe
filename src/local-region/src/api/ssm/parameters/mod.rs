//! Parameter Store.

mod list;
mod put;
mod read;
mod tags;

use crate::api::{Answer, ApiError, Call};
use crate::state::ssm::{Parameter, Version};
use serde_json::{Value, json};

/// Carries out an operation; `None` if it is not of Parameter Store.
pub fn perform(call: &Call<'_>, input: &Value) -> Option<Answer> {
    Some(match call.operation {
        "GetParameter" => read::get(call, input),
        "GetParameters" => read::get_many(call, input),
        "GetParametersByPath" => read::by_path(call, input),
        "GetParameterHistory" => read::history(call, input),
        "DescribeParameters" => list::describe(call, input),
        "PutParameter" => put::put(call, input),
        "DeleteParameter" => put::delete(call, input),
        "DeleteParameters" => put::delete_many(call, input),
        "AddTagsToResource" => tags::add(call, input),
        "RemoveTagsFromResource" => tags::remove(call, input),
        "ListTagsForResource" => tags::list(call, input),
        _ => return None,
    })
}

/// Parameters may be named by ARN too, in which `name` and `/name` look alike.
fn plain(call: &Call<'_>, name: &str) -> String {
    let by_arn = name.strip_prefix("arn:aws:ssm:").and_then(|rest| rest.split_once(":parameter"));
    match by_arn {
        Some((_, path)) if !call.state().ssm.contains_key(path) => {
            path.trim_start_matches('/').to_owned()
        }
        Some((_, path)) => path.to_owned(),
        None => name.to_owned(),
    }
}

fn arn(call: &Call<'_>, name: &str, parameter: &Parameter) -> String {
    let config = &call.region.config;
    let account = if parameter.public { "" } else { &config.account_id };
    let slash = if name.starts_with('/') { "" } else { "/" };
    format!("arn:aws:ssm:{}:{account}:parameter{slash}{name}", config.region)
}

fn name_of(call: &Call<'_>, input: &Value) -> Result<String, ApiError> {
    let name = input["Name"].as_str().filter(|name| !name.is_empty());
    name.map(|name| plain(call, name)).ok_or_else(|| super::invalid("Name is required."))
}

/// What policies name.
fn resource(call: &Call<'_>, name: &str) -> String {
    call.arn(&format!("parameter/{}", name.trim_start_matches('/')))
}

fn not_found(name: &str) -> ApiError {
    ApiError::new("ParameterNotFound", format!("Parameter {name} not found."))
}

/// One version as GetParameter tells it.
fn show(call: &Call<'_>, name: &str, parameter: &Parameter, version: &Version) -> Value {
    json!({
        "Name": name,
        "Type": parameter.kind,
        "Value": version.value,
        "Version": version.number,
        "LastModifiedDate": version.modified,
        "ARN": arn(call, name, parameter),
        "DataType": parameter.data_type,
    })
}

/// What DescribeParameters and GetParameterHistory add.
fn details(parameter: &Parameter, version: &Version) -> Value {
    let mut shown = json!({
        "LastModifiedUser": version.by,
        "Tier": parameter.tier,
        "Policies": [],
    });
    for (field, text) in
        [("Description", &parameter.description), ("AllowedPattern", &parameter.allowed_pattern)]
    {
        if let Some(text) = text {
            shown[field] = json!(text);
        }
    }
    if parameter.kind == "SecureString" {
        shown["KeyId"] = json!("alias/aws/ssm");
    }
    shown
}

fn merge(into: &mut Value, from: Value) {
    for (field, value) in from.as_object().into_iter().flatten() {
        into[field] = value.clone();
    }
}
