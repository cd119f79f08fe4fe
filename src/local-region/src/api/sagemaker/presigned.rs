//! CreatePresignedMlflowTrackingServerUrl: a URL that opens the UI once.

use super::{arn_of, invalid, name_of, not_found, url_of};
use crate::api::{Answer, ApiError, Call};
use crate::state::ids;
use serde_json::{Value, json};
use std::ops::RangeInclusive;
use std::time::Duration;

const EXPIRES_SECS: RangeInclusive<u64> = 5..=300;
const SESSION_SECS: RangeInclusive<u64> = 1800..=43200;

/// Mints a URL. It is a credential: nothing here logs it.
pub fn create(call: &Call<'_>, input: &Value) -> Answer {
    let name = name_of(input)?;
    call.authorize(&arn_of(call, &name))?;
    let expires = within(input, "ExpiresInSeconds", EXPIRES_SECS)?;
    let session_secs = within(input, "SessionExpirationDurationInSeconds", SESSION_SECS)?;
    let mut state = call.state();
    let server = state.sagemaker.servers.get(&name).ok_or_else(|| not_found(&name))?;
    if server.status != "Created" {
        return Err(invalid(format!(
            "Tracking Server with ARN {} is currently in status {}, a presigned URL can't be created.",
            server.arn,
            server.status.to_uppercase()
        )));
    }
    let url = url_of(call, server);
    let token = ids::secret(48);
    state.sagemaker.grant(&token, &name, Duration::from_secs(expires), session_secs);
    Ok(json!({ "AuthorizedUrl": format!("{url}/auth?authToken={token}") }))
}

/// A number in its range; the upper end is the default of both.
fn within(input: &Value, field: &str, range: RangeInclusive<u64>) -> Result<u64, ApiError> {
    match &input[field] {
        Value::Null => Ok(*range.end()),
        value => value.as_u64().filter(|number| range.contains(number)).ok_or_else(|| {
            invalid(format!(
                "1 validation error detected: Value '{value}' at '{field}' failed to satisfy constraint: Member must have value between {} and {}",
                range.start(),
                range.end()
            ))
        }),
    }
}
