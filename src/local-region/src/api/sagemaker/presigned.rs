//! Presigned URLs: each opens the UI of a server or an app once.

use super::{apps, invalid, servers, url_of};
use crate::api::constraint::number;
use crate::api::{Answer, ApiError, Call};
use crate::rules::mlflow_urls as rules;
use crate::state::ids;
use crate::state::sagemaker::Served;
use jiff::SignedDuration;
use serde_json::{Value, json};
use std::ops::RangeInclusive;

const EXPIRES_SECS: RangeInclusive<u64> = 5..=300;
const SESSION_SECS: RangeInclusive<u64> = 1800..=43200;

/// CreatePresignedMlflowTrackingServerUrl.
pub fn server(call: &Call<'_>, input: &Value) -> Answer {
    let (name, _) = servers::named(call, input)?;
    let found = call.state().sagemaker.servers.get(&name).map(|server| server.served.clone());
    mint(call, input, &found.ok_or_else(|| servers::not_found(&name))?, "Tracking Server")
}

/// CreatePresignedMlflowAppUrl.
pub fn app(call: &Call<'_>, input: &Value) -> Answer {
    let arn = apps::named(call, input)?;
    let found = call.state().sagemaker.apps.get(&arn).map(|app| app.served.clone());
    mint(call, input, &found.ok_or_else(|| apps::not_found(&arn))?, "MLflow App")
}

/// Mints a URL. It is a credential: nothing here logs it.
fn mint(call: &Call<'_>, input: &Value, served: &Served, what: &str) -> Answer {
    let expires_secs = within(call, input, "ExpiresInSeconds", EXPIRES_SECS)?;
    let session_secs = within(call, input, "SessionExpirationDurationInSeconds", SESSION_SECS)?;
    call.region.rules.check(&rules::ACTIVE, served.is_active(), || {
        let status = served.status.told().to_uppercase();
        invalid(format!(
            "{what} with ARN {} is currently in status {status}, a presigned URL can't be created.",
            served.arn
        ))
    })?;
    let token = ids::secret(48);
    let life = SignedDuration::from_secs(i64::try_from(expires_secs).unwrap_or(i64::MAX));
    let now = call.region.clock.now();
    let expires = now.checked_add(life).unwrap_or(now);
    call.state().sagemaker.grant(&token, &served.key, expires, session_secs);
    Ok(json!({ "AuthorizedUrl": format!("{}/auth?authToken={token}", url_of(call, served)) }))
}

/// A number in its range; the upper end is the default of both.
fn within(
    call: &Call<'_>,
    input: &Value,
    field: &str,
    range: RangeInclusive<u64>,
) -> Result<u64, ApiError> {
    let default = *range.end();
    let range = if call.region.rules.on(&rules::LIMITS) { range } else { 0..=u64::MAX };
    let given = number(input, field, range).map_err(|error| error.by(&rules::LIMITS))?;
    Ok(given.unwrap_or(default))
}
