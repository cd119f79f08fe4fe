//! What servers and apps ask of a request.

use super::invalid;
use crate::api::constraint::violated;
use crate::api::{ApiError, Call, trust};
use crate::rules::tracking_servers as rules;
use regex_lite::Regex;
use serde_json::Value;

/// Fields with a pattern in SageMaker's model: name, longest, pattern.
const PATTERNS: [(&str, usize, &str); 6] = [
    ("TrackingServerName", 256, "[a-zA-Z0-9](-*[a-zA-Z0-9]){0,255}"),
    ("Name", 256, "[a-zA-Z0-9](-*[a-zA-Z0-9]){0,255}"),
    ("ArtifactStoreUri", 1024, "(https|s3)://([^/]+)/?(.*)"),
    ("RoleArn", 2048, "arn:aws[a-z\\-]*:iam::\\d{12}:role/?[a-zA-Z_0-9+=,.@\\-_/]+"),
    (
        "WeeklyMaintenanceWindowStart",
        9,
        "(Mon|Tue|Wed|Thu|Fri|Sat|Sun):([01]\\d|2[0-3]):([0-5]\\d)",
    ),
    ("S3BucketOwnerAccountId", 12, "\\d{12}"),
];
const ENUMS: [(&str, &[&str]); 3] = [
    ("TrackingServerSize", &["Small", "Medium", "Large"]),
    ("ModelRegistrationMode", &["AutoModelRegistrationEnabled", "AutoModelRegistrationDisabled"]),
    ("AccountDefaultStatus", &["ENABLED", "DISABLED"]),
];

/// Refuses what does not fit SageMaker's model.
pub fn shape(call: &Call<'_>, input: &Value, required: &[&str]) -> Result<(), ApiError> {
    if !call.region.rules.on(&rules::PATTERNS) {
        return Ok(());
    }
    fits(input, required).map_err(|error| error.by(&rules::PATTERNS))
}

fn fits(input: &Value, required: &[&str]) -> Result<(), ApiError> {
    if let Some(name) = required.iter().find(|name| input[**name].as_str().is_none()) {
        return Err(invalid(format!(
            "1 validation error detected: Value null at '{}' failed to satisfy constraint: Member must not be null",
            lower_first(name)
        )));
    }
    for (name, most, pattern) in PATTERNS {
        let Some(text) = input[name].as_str() else { continue };
        let whole = Regex::new(&format!("^(?:{pattern})$"));
        if text.len() > most || !whole.is_ok_and(|whole| whole.is_match(text)) {
            let must = format!("satisfy regular expression pattern: {pattern}");
            return Err(violated(text, &lower_first(name), &must));
        }
    }
    for (name, known) in ENUMS {
        crate::api::constraint::one_of(input, name, known)?;
    }
    Ok(())
}

fn lower_first(name: &str) -> String {
    let (first, rest) = name.split_at(1);
    first.to_ascii_lowercase() + rest
}

/// Refuses an artifact store in a bucket that is not there or not the account's.
pub fn bucket(call: &Call<'_>, input: &Value) -> Result<(), ApiError> {
    let Some(uri) = input["ArtifactStoreUri"].as_str() else { return Ok(()) };
    let name = uri.strip_prefix("s3://").and_then(|rest| rest.split('/').next());
    let there = name.is_some_and(|name| call.region.s3.bucket_exists(name));
    call.region.rules.check(&rules::BUCKET, there, || {
        invalid(format!(
            "The S3 bucket of the artifact store {uri} does not exist or is in another region."
        ))
    })?;
    let owner = input["S3BucketOwnerAccountId"].as_str();
    let verified = input["S3BucketOwnerVerification"].as_bool() != Some(false);
    let mine = owner.is_none_or(|owner| owner == call.region.config.account_id);
    call.region.rules.check(&rules::BUCKET_OWNER, mine || !verified, || {
        invalid(format!(
            "The S3 bucket of the artifact store {uri} is not owned by account {}.",
            owner.unwrap_or_default()
        ))
    })
}

/// Refuses a role that may not be passed, is not there or trusts somebody else.
pub fn role(call: &Call<'_>, arn: &str) -> Result<(), ApiError> {
    const SERVICE: &str = "sagemaker.amazonaws.com";
    call.pass_role(arn, SERVICE)?;
    let state = call.state();
    let role = state.iam.roles.values().find(|role| role.arn == arn);
    let trusted = role.is_some_and(|role| trust::service(&role.trust, SERVICE));
    call.region.rules.check(&rules::ROLE, trusted, || {
        invalid(format!("Could not assume role {arn}. Please ensure that the role exists and allows principal '{SERVICE}' to assume the role."))
    })
}

/// There is one version here, the one the region installed; a wish for a
/// certain one cannot be met, and AWS too refuses those it does not have.
pub fn version(input: &Value) -> Result<(), ApiError> {
    match input["MlflowVersion"].as_str() {
        None => Ok(()),
        Some(version) => Err(invalid(format!(
            "The provided MLflow version is not supported: {version}. Leave it out in the local region."
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_pattern_is_one() {
        for (name, _, pattern) in PATTERNS {
            assert!(Regex::new(pattern).is_ok(), "{name}");
        }
        assert!(fits(&json!({"WeeklyMaintenanceWindowStart": "Tue:03:30"}), &[]).is_ok());
        // The guide's own example, which the pattern refuses.
        assert!(fits(&json!({"WeeklyMaintenanceWindowStart": "TUE:03:30"}), &[]).is_err());
    }
}
