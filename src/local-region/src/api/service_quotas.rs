//! Service Quotas (API reference 2019-06-24, AwsJson 1.1).

use super::{Answer, ApiError, Call};
use crate::rules::quotas as rules;
use crate::state::quotas::{Increase, QUOTAS, Quota};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Value, json};

const SERVICE: &str = "ec2";
const SERVICE_NAME: &str = "Amazon Elastic Compute Cloud (Amazon EC2)";

/// Entries of a page at most, and when no number is asked for.
const PAGE: u64 = 100;

/// Carries out an operation.
pub fn perform(call: &Call<'_>, input: &Value) -> Answer {
    call.authorize("*")?;
    match call.operation {
        "ListServices" => {
            let service = json!({"ServiceCode": SERVICE, "ServiceName": SERVICE_NAME});
            page(call, input, "Services", vec![service])
        }
        "GetServiceQuota" => {
            let quota = quota(call, input)?;
            Ok(json!({"Quota": show(call, quota, call.state().quotas.value(quota))}))
        }
        "GetAWSDefaultServiceQuota" => {
            let quota = quota(call, input)?;
            Ok(json!({"Quota": show(call, quota, quota.default.into())}))
        }
        "ListServiceQuotas" => {
            service(call, input)?;
            let wanted = input["QuotaCode"].as_str();
            let quotas = QUOTAS.iter().filter(|q| wanted.is_none_or(|code| q.code == code));
            let state = call.state();
            let shown = quotas.map(|quota| show(call, quota, state.quotas.value(quota))).collect();
            page(call, input, "Quotas", shown)
        }
        "ListAWSDefaultServiceQuotas" => {
            service(call, input)?;
            let shown =
                QUOTAS.iter().map(|quota| show(call, quota, quota.default.into())).collect();
            page(call, input, "Quotas", shown)
        }
        "RequestServiceQuotaIncrease" => request(call, input),
        "GetRequestedServiceQuotaChange" => {
            let id = need(input, "RequestId")?;
            let state = call.state();
            let found = state.quotas.increases.iter().find(|increase| increase.id == id);
            let increase = found.ok_or_else(no_such_resource)?;
            Ok(json!({"RequestedQuota": show_increase(call, increase)}))
        }
        "ListRequestedServiceQuotaChangeHistory" => {
            if input["ServiceCode"].is_string() {
                service(call, input)?;
            }
            history(call, input, None)
        }
        "ListRequestedServiceQuotaChangeHistoryByQuota" => {
            history(call, input, Some(quota(call, input)?))
        }
        other => Err(ApiError::unknown_operation("servicequotas", other)),
    }
}

fn illegal(message: impl Into<String>) -> ApiError {
    ApiError::new("IllegalArgumentException", message)
}

fn no_such_resource() -> ApiError {
    ApiError::new(
        "NoSuchResourceException",
        "The request failed because the specified service or quota does not exist.",
    )
}

fn need<'a>(input: &'a Value, field: &str) -> Result<&'a str, ApiError> {
    let text = input[field].as_str().filter(|text| !text.is_empty());
    text.ok_or_else(|| illegal(format!("{field} is required.")))
}

fn service(call: &Call<'_>, input: &Value) -> Result<(), ApiError> {
    let known = need(input, "ServiceCode")? == SERVICE;
    call.region.rules.check(&rules::UNKNOWN, known, no_such_resource)
}

fn quota(call: &Call<'_>, input: &Value) -> Result<&'static Quota, ApiError> {
    service(call, input)?;
    let found = Quota::find(need(input, "QuotaCode")?);
    call.region.rules.check(&rules::UNKNOWN, found.is_some(), no_such_resource)?;
    Ok(found.unwrap_or(&QUOTAS[0]))
}

fn show(call: &Call<'_>, quota: &Quota, value: f64) -> Value {
    json!({
        "ServiceCode": SERVICE,
        "ServiceName": SERVICE_NAME,
        "QuotaArn": call.arn(&format!("{SERVICE}/{}", quota.code)),
        "QuotaCode": quota.code,
        "QuotaName": quota.name,
        "Value": value,
        "Unit": "None",
        "Adjustable": true,
        "GlobalQuota": false,
        "QuotaAppliedAtLevel": "ACCOUNT",
    })
}

fn show_increase(call: &Call<'_>, increase: &Increase) -> Value {
    let Increase { id, quota, desired, status, created, updated, requester } = increase;
    json!({
        "Id": id,
        "ServiceCode": SERVICE,
        "ServiceName": SERVICE_NAME,
        "QuotaCode": quota.code,
        "QuotaName": quota.name,
        "DesiredValue": desired,
        "Status": status,
        "Created": epoch(*created),
        "LastUpdated": epoch(*updated),
        "Requester": requester,
        "QuotaArn": call.arn(&format!("{SERVICE}/{}", quota.code)),
        "GlobalQuota": false,
        "Unit": "None",
        "QuotaRequestedAtLevel": "ACCOUNT",
    })
}

fn epoch(time: Timestamp) -> f64 {
    time.as_millisecond() as f64 / 1000.0
}

fn request(call: &Call<'_>, input: &Value) -> Answer {
    let in_force = &call.region.rules;
    let quota = quota(call, input)?;
    let desired =
        input["DesiredValue"].as_f64().ok_or_else(|| illegal("DesiredValue is required."))?;
    let now = call.region.clock.now();
    let mut state = call.state();
    in_force.check(&rules::GREATER, desired > state.quotas.value(quota), || {
        illegal("You must provide a quota value greater than the current quota value")
    })?;
    let open = state.quotas.open(quota).next().is_some();
    in_force.check(&rules::ONE_OPEN, !open, || {
        let message = "Only one open service quota increase request is allowed per quota.";
        ApiError::new("ResourceAlreadyExistsException", message)
    })?;
    let user = call.caller.arn(&call.region.config.account_id);
    let increase = Increase {
        id: uuid::Uuid::new_v4().simple().to_string(),
        quota,
        desired,
        status: "PENDING",
        created: now,
        updated: now,
        requester: json!({"accountId": call.region.config.account_id, "callerArn": user})
            .to_string(),
    };
    let shown = show_increase(call, &increase);
    state.quotas.increases.push(increase);
    if !in_force.on(&rules::APPROVED) {
        state.quotas.set(quota.code, desired, now);
    }
    Ok(json!({ "RequestedQuota": shown }))
}

fn history(call: &Call<'_>, input: &Value, quota: Option<&Quota>) -> Answer {
    let status = input["Status"].as_str();
    let state = call.state();
    let asked = state.quotas.increases.iter();
    let shown = asked
        .filter(|increase| quota.is_none_or(|quota| increase.quota == quota))
        .filter(|increase| status.is_none_or(|status| increase.status == status))
        .map(|increase| show_increase(call, increase));
    page(call, input, "RequestedQuotas", shown.collect())
}

/// One page, and the token of the next; a token is the place in base 64.
fn page(call: &Call<'_>, input: &Value, field: &str, items: Vec<Value>) -> Answer {
    let in_force = &call.region.rules;
    let size = input["MaxResults"].as_u64().unwrap_or(PAGE);
    in_force.check(&rules::MAX_RESULTS, (1..=PAGE).contains(&size), || {
        illegal(format!("MaxResults must be 1 to {PAGE}."))
    })?;
    let decode = |token: &str| {
        let text = String::from_utf8(STANDARD.decode(token).ok()?).ok()?;
        text.parse::<usize>().ok().filter(|place| *place < items.len())
    };
    let token = input["NextToken"].as_str();
    let begin = token.map_or(Some(0), decode);
    in_force.check(&rules::TOKEN, begin.is_some(), || {
        ApiError::new("InvalidPaginationTokenException", "Invalid NextToken.")
    })?;
    let begin = begin.unwrap_or(0);
    let end = if in_force.on(&rules::PAGES) {
        begin.saturating_add(usize::try_from(size).unwrap_or(usize::MAX)).min(items.len())
    } else {
        items.len()
    };
    let mut answer = json!({ field: &items[begin..end] });
    if end < items.len() {
        answer["NextToken"] = json!(STANDARD.encode(end.to_string()));
    }
    Ok(answer)
}
