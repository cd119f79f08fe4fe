//! Schedules that fire: at its time a schedule's target is called as its role,
//! by a signed request that goes the way of all others.

use crate::api::scheduler::target;
use crate::exchange;
use crate::rules::scheduler as rules;
use crate::server::Inner;
use crate::sigv4::{SignedRequest, sign};
use crate::state::ids;
use crate::state::scheduler::{Key, Schedule};
use axum::body::Body;
use axum::extract::{Request, State};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use std::sync::Arc;

/// The role's session is for the calls of one schedule.
const SESSION: SignedDuration = SignedDuration::from_hours(1);
/// Before the second try, and twice as long before each next one.
const FIRST_DELAY: SignedDuration = SignedDuration::from_secs(60);
/// Longest time between two tries.
const MOST_DELAY: SignedDuration = SignedDuration::from_hours(1);

/// Waits for the time of a schedule and fires it, unless it was deleted,
/// replaced or disabled before.
pub fn watch(region: &Arc<Inner>, key: Key, version: u64, at: Timestamp) {
    let region = region.clone();
    let runtime = region.runtime.clone();
    let planned = region.state().scheduler.still(&key, version).cloned();
    runtime.spawn(async move {
        region.clock.sleep_until(at).await;
        let now = region.state().scheduler.still(&key, version).cloned();
        let schedule = if region.rules.on(&rules::WITHDRAWN) {
            now.filter(|schedule| schedule.definition.enabled)
        } else {
            planned
        };
        let Some(schedule) = schedule else { return };
        if region.rules.on(&rules::FIRES) {
            fire(&region, &key, &schedule).await;
        }
        let mut state = region.state();
        let finished = state.scheduler.still(&key, version).is_some();
        if finished && schedule.definition.delete_after && region.rules.on(&rules::DELETE_AFTER) {
            state.scheduler.schedules.remove(&key);
        }
    });
}

/// Why a call did not succeed.
struct Failure {
    why: String,
    again: bool,
}

/// Calls the target, again as long as its retry policy wants it.
async fn fire(region: &Arc<Inner>, key: &Key, schedule: &Schedule) {
    let (group, name) = key;
    let policy = &schedule.definition.target["RetryPolicy"];
    let tries = policy["MaximumRetryAttempts"].as_u64().unwrap_or_default();
    let age = policy["MaximumEventAgeInSeconds"].as_i64().unwrap_or_default();
    let end = region.clock.now().saturating_add(SignedDuration::from_secs(age));
    let end = end.unwrap_or(Timestamp::MAX);
    let mut delay = FIRST_DELAY;
    for attempt in 0..=tries {
        match invoke(region, group, &schedule.definition.target).await {
            Ok(()) => {
                tracing::info!(group, name, attempt, "schedule fired");
                return;
            }
            Err(Failure { why, again }) => {
                tracing::warn!(group, name, attempt, why, "schedule's target was not reached");
                let next = region.clock.now().saturating_add(delay).unwrap_or(Timestamp::MAX);
                if !again || next > end || !region.rules.on(&rules::RETRIES) {
                    return;
                }
                region.clock.sleep_until(next).await;
                delay = (delay * 2).min(MOST_DELAY);
            }
        }
    }
}

async fn invoke(region: &Arc<Inner>, group: &str, target: &Value) -> Result<(), Failure> {
    let fatal = |why: String| Failure { why, again: false };
    let request = request(region, group, target).map_err(fatal)?;
    let response = exchange::serve(State(region.clone()), request).await;
    let status = response.status();
    if status.is_success() {
        return Ok(());
    }
    let body = axum::body::to_bytes(response.into_body(), 1 << 16).await.unwrap_or_default();
    let why = String::from_utf8_lossy(&body).into_owned();
    let throttled = ["Throttl", "RequestLimitExceeded", "TooManyRequests"];
    let again = status.is_server_error()
        || status == StatusCode::TOO_MANY_REQUESTS
        || throttled.iter().any(|code| why.contains(code));
    Err(Failure { why, again })
}

/// The call of a target, signed with credentials of its role.
fn request(region: &Inner, group: &str, target: &Value) -> Result<Request, String> {
    let config = &region.config;
    let arn = target["Arn"].as_str().unwrap_or_default();
    let (service, operation) = target::operation(arn).ok_or_else(|| format!("no target {arn}"))?;
    let input = target["Input"].as_str().unwrap_or("{}");
    let input: Value = serde_json::from_str(input).map_err(|error| error.to_string())?;
    let (more, body) = service.parameters(&operation, &input);
    let date = Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
    let mut headers = HeaderMap::new();
    let mut put = |name: &'static str, value: &str| {
        let value = HeaderValue::from_str(value).map_err(|error| error.to_string())?;
        headers.insert(name, value);
        Ok::<_, String>(())
    };
    put("host", "scheduler.amazonaws.com")?;
    put("user-agent", "scheduler.amazonaws.com")?;
    put("x-amz-date", &date)?;
    for (name, value) in more {
        put(name, &value)?;
    }
    let (key, secret) = if region.rules.on(&rules::ROLE) {
        let credentials = session(region, group, target["RoleArn"].as_str().unwrap_or_default())?;
        put("x-amz-security-token", &credentials.session_token)?;
        (credentials.access_key_id, credentials.secret_access_key)
    } else {
        (config.access_key_id.clone(), config.secret_access_key.clone())
    };
    let method = Method::POST;
    let signed = SignedRequest {
        method: &method,
        path: "/",
        query: "",
        headers: &headers,
        body: body.as_bytes(),
    };
    let scope = (config.region.as_str(), service.name());
    let authorization = sign(&signed, (&key, &secret), scope).ok_or("no date to sign")?;
    let mut request = Request::post("/")
        .header("authorization", authorization)
        .body(Body::from(body))
        .map_err(|error| error.to_string())?;
    request.headers_mut().extend(headers);
    Ok(request)
}

/// A session of the role, if it still lets Scheduler in.
fn session(
    region: &Inner,
    group: &str,
    role_arn: &str,
) -> Result<crate::backend::SessionCredentials, String> {
    let config = &region.config;
    let group_arn =
        format!("arn:aws:scheduler:{}:{}:schedule-group/{group}", config.region, config.account_id);
    let mut state = region.state();
    let role = state.iam.role_of(role_arn).ok_or_else(|| format!("{role_arn} does not exist"))?;
    if !target::trusts(role, &config.account_id, &group_arn) {
        return Err(format!("{role_arn} does not trust scheduler.amazonaws.com"));
    }
    let role_name = role.name.clone();
    let now = region.clock.now();
    let expires = now.saturating_add(SESSION).unwrap_or(now);
    Ok(state.sessions.assume(&ids::request(), &role_name, now, expires))
}
