//! Universal targets: an operation of a service, named by an ARN.

use super::{Input, constraint, invalid};
use crate::api::protocol::Service;
use crate::api::{ApiError, Call, trust, trust::Principal, trust::Trust};
use crate::rules::scheduler as rules;
use crate::state::iam::Role;
use serde_json::{Value, json};

/// How the ARN of a universal target begins.
const UNIVERSAL: &str = "arn:aws:scheduler:::aws-sdk:";

/// Beginnings of operations that only read; Scheduler does not call them
/// (user guide, "Using universal targets", unsupported API actions).
const READ_ONLY: &[&str] = &[
    "get",
    "describe",
    "list",
    "poll",
    "receive",
    "search",
    "scan",
    "query",
    "select",
    "read",
    "lookup",
    "discover",
    "validate",
    "batchGet",
    "batchDescribe",
    "batchRead",
    "transactGet",
    "adminGet",
    "adminList",
    "testMigration",
    "retrieve",
    "testConnection",
    "translateDocument",
    "isAuthorized",
];

/// The service and operation (`TerminateInstances`) behind a target's ARN.
#[must_use]
pub fn operation(arn: &str) -> Option<(&'static Service, String)> {
    let (service, action) = arn.strip_prefix(UNIVERSAL)?.split_once(':')?;
    let service = Service::from_scope(service).filter(|service| service.takes_parameters())?;
    let mut letters = action.chars();
    let first = letters.next()?;
    Some((service, first.to_uppercase().chain(letters).collect()))
}

/// Whether the role lets Scheduler in for schedules of the group.
#[must_use]
pub fn trusts(role: &Role, account: &str, group_arn: &str) -> bool {
    let context = vec![
        ("aws:SourceArn".to_owned(), vec![group_arn.to_owned()]),
        ("aws:SourceAccount".to_owned(), vec![account.to_owned()]),
    ];
    trust::of(&role.trust, &Principal::Service("scheduler.amazonaws.com"), context) != Trust::No
}

/// Checks the target of a request; it comes back with its defaults.
pub(super) fn read(call: &Call<'_>, input: &Input<'_>, group_arn: &str) -> Result<Value, ApiError> {
    let in_force = &call.region.rules;
    let target = &input.body["Target"];
    let text = |field: &str| target[field].as_str().unwrap_or_default();
    let (arn, role_arn) = (text("Arn"), text("RoleArn"));
    if operation(arn).is_none() {
        return Err(invalid(format!(
            "The local region invokes universal targets of its own services, {UNIVERSAL}SERVICE:ACTION, not {arn}"
        )));
    }
    let action = arn.rsplit(':').next().unwrap_or_default();
    let reads = READ_ONLY.iter().any(|begin| action.starts_with(begin));
    in_force.check(&rules::READ_ONLY, !reads, || {
        invalid(format!("The API action {action} is not supported as a target."))
    })?;
    let parsed: Option<Value> =
        target["Input"].as_str().map(serde_json::from_str).map(Result::unwrap_or_default);
    let fits = parsed.as_ref().is_none_or(Value::is_object);
    in_force.check(&rules::INPUT, fits, || {
        invalid("The Input of a universal target must be a well-formed JSON object.")
    })?;
    call.pass_role(role_arn, "scheduler.amazonaws.com")?;
    let trusted = {
        let state = call.state();
        let account = &call.region.config.account_id;
        state.iam.role_of(role_arn).is_some_and(|role| trusts(role, account, group_arn))
    };
    in_force.check(&rules::TRUST, trusted, || {
        invalid("The execution role you provide must allow AWS EventBridge Scheduler to assume the role.")
    })?;
    let retry = &target["RetryPolicy"];
    let number = |field: &str, usual: u64, (least, most): (u64, u64)| {
        let value = retry[field].as_u64().unwrap_or(usual);
        in_force.check(&rules::RETRY_POLICY, (least..=most).contains(&value), || {
            constraint(field, &value.to_string(), &format!("have value between {least} and {most}"))
        })?;
        Ok::<_, ApiError>(value)
    };
    let mut target = target.clone();
    target["RetryPolicy"] = json!({
        "MaximumEventAgeInSeconds": number("MaximumEventAgeInSeconds", 86_400, (60, 86_400))?,
        "MaximumRetryAttempts": number("MaximumRetryAttempts", 185, (0, 185))?,
    });
    Ok(target)
}
