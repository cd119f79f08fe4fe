//! Parameter Store.

use crate::api::{Answer, ApiError, Call, epoch_secs};
use crate::state::ssm::Parameter;
use serde_json::{Value, json};

/// Largest value of a standard parameter.
const MAX_VALUE_BYTES: usize = 4096;

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
    name.map(|name| plain(call, name))
        .ok_or_else(|| ApiError::new("ValidationException", "Name is required."))
}

fn show(call: &Call<'_>, name: &str, parameter: &Parameter) -> Value {
    json!({
        "Name": name,
        "Type": parameter.kind,
        "Value": parameter.value,
        "Version": parameter.version,
        "LastModifiedDate": parameter.modified,
        "ARN": arn(call, name, parameter),
        "DataType": parameter.data_type,
    })
}

fn resource(call: &Call<'_>, name: &str) -> String {
    call.arn(&format!("parameter/{}", name.trim_start_matches('/')))
}

/// GetParameter.
pub fn get(call: &Call<'_>, input: &Value) -> Answer {
    let name = name_of(call, input)?;
    call.authorize(&resource(call, &name))?;
    let state = call.state();
    let parameter = state.ssm.get(&name).ok_or_else(|| {
        ApiError::new("ParameterNotFound", format!("Parameter {name} not found."))
    })?;
    Ok(json!({ "Parameter": show(call, &name, parameter) }))
}

/// GetParameters.
pub fn get_many(call: &Call<'_>, input: &Value) -> Answer {
    let names = input["Names"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let names: Vec<String> = names.map(|name| plain(call, name)).collect();
    if names.is_empty() || names.len() > 10 {
        return Err(ApiError::new("ValidationException", "Names takes 1 to 10 names."));
    }
    for name in &names {
        call.authorize(&resource(call, name))?;
    }
    let state = call.state();
    let (known, unknown): (Vec<&String>, Vec<&String>) =
        names.iter().partition(|name| state.ssm.contains_key(*name));
    let shown: Vec<Value> =
        known.into_iter().map(|name| show(call, name, &state.ssm[name])).collect();
    Ok(json!({"Parameters": shown, "InvalidParameters": unknown}))
}

/// PutParameter.
pub fn put(call: &Call<'_>, input: &Value) -> Answer {
    let name = name_of(call, input)?;
    call.authorize(&resource(call, &name))?;
    let value = input["Value"].as_str().unwrap_or_default().to_owned();
    let data_type = input["DataType"].as_str().unwrap_or("text").to_owned();
    let invalid = |message: &str| ApiError::new("ValidationException", message);
    if value.is_empty() || value.len() > MAX_VALUE_BYTES {
        return Err(invalid("Value must have 1 to 4096 bytes."));
    }
    if name.starts_with("/aws/")
        || name.starts_with("/ssm/")
        || name.starts_with("aws")
        || name.starts_with("ssm")
    {
        return Err(ApiError::new(
            "AccessDeniedException",
            "No access to reserved parameter name.",
        ));
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_.-/".contains(c);
    if !name.chars().all(allowed) || name.len() > 1011 {
        return Err(invalid(
            "Parameter name: can't be prefixed with \"ssm\" or \"aws\" and takes only letters, digits and . _ - /",
        ));
    }
    let mut state = call.state();
    if data_type == "aws:ec2:image" && !state.ec2.images.contains_key(&value) {
        return Err(invalid(&format!("The AMI {value} does not exist.")));
    }
    let old = state.ssm.get(&name);
    if old.is_some() && input["Overwrite"].as_bool() != Some(true) {
        return Err(ApiError::new(
            "ParameterAlreadyExists",
            "The parameter already exists. To overwrite this value, set the overwrite option in the request to true.",
        ));
    }
    let kind = match (input["Type"].as_str(), old) {
        (Some(kind @ ("String" | "StringList" | "SecureString")), _) => kind.to_owned(),
        (None, Some(old)) => old.kind.clone(),
        _ => {
            return Err(ApiError::new(
                "UnsupportedParameterType",
                "Type must be String, StringList or SecureString.",
            ));
        }
    };
    let version = old.map_or(1, |old| old.version + 1);
    let parameter =
        Parameter { kind, value, data_type, version, modified: epoch_secs(), public: false };
    state.ssm.insert(name, parameter);
    Ok(json!({"Version": version, "Tier": "Standard"}))
}

/// DeleteParameter.
pub fn delete(call: &Call<'_>, input: &Value) -> Answer {
    let name = name_of(call, input)?;
    call.authorize(&resource(call, &name))?;
    let mut state = call.state();
    match state.ssm.get(&name) {
        Some(parameter) if !parameter.public => {
            state.ssm.remove(&name);
            Ok(json!({}))
        }
        _ => Err(ApiError::new("ParameterNotFound", format!("Parameter {name} not found."))),
    }
}
