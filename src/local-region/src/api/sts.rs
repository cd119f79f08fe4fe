//! STS (API reference 2011-06-15): who am I, who may I be.

use super::policy::{self, Asked, Decision};
use super::trust::{self, Principal, Trust};
use super::{Answer, ApiError, Call, Caller, denial, params::Params};
use crate::rules::sts as rules;
use http::StatusCode;
use jiff::SignedDuration;
use serde_json::json;

/// Session length when none is asked for, and the longest one for who is in a
/// session already.
const USUAL_SECS: u32 = 3600;

/// Carries out an operation. GetCallerIdentity needs no permission.
pub fn perform(call: &Call<'_>, p: &Params) -> Answer {
    match call.operation {
        "GetCallerIdentity" => {
            let account = &call.region.config.account_id;
            Ok(json!({
                "Arn": call.caller.arn(account),
                "UserId": call.caller.user_id(),
                "Account": account,
            }))
        }
        "AssumeRole" => assume_role(call, p),
        "DecodeAuthorizationMessage" => {
            call.authorize("*")?;
            let encoded = p.need("EncodedMessage")?;
            let message = denial::decode(encoded).ok_or_else(|| {
                let why = "Message is not valid";
                ApiError::new("InvalidAuthorizationMessageException", why)
            })?;
            Ok(json!({ "DecodedMessage": message }))
        }
        other => Err(ApiError::unknown_operation("sts", other)),
    }
}

fn assume_role(call: &Call<'_>, p: &Params) -> Answer {
    let in_force = &call.region.rules;
    let arn = p.need("RoleArn")?;
    let name = p.need("RoleSessionName")?;
    let fits = (2..=64).contains(&name.len())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c));
    in_force.check(&rules::SESSION_NAME, fits, || {
        invalid(
            "roleSessionName",
            name,
            r"Member must satisfy regular expression pattern: [\w+=,.@-]*, with length 2 to 64",
        )
    })?;
    let secs = p.number("DurationSeconds")?.unwrap_or(USUAL_SECS);
    in_force.check(&rules::DURATION, (900..=43200).contains(&secs), || {
        let secs = secs.to_string();
        invalid("durationSeconds", &secs, "Member must have value between 900 and 43200")
    })?;
    let trusted = trusted(call, arn, p.get("ExternalId"));
    in_force.check(&rules::TRUST, trusted, || {
        let who = call.caller.arn(&call.region.config.account_id);
        let message =
            format!("User: {who} is not authorized to perform: sts:AssumeRole on resource: {arn}");
        ApiError::new("AccessDenied", message).status(StatusCode::FORBIDDEN)
    })?;
    let mut state = call.state();
    let role = state.iam.role_of(arn).ok_or_else(|| invalid("roleArn", arn, "No such role"))?;
    let too_long = |why: &str| {
        ApiError::new("ValidationError", format!("The requested DurationSeconds exceeds {why}"))
    };
    in_force.check(&rules::MAX_DURATION, secs <= role.max_session_secs, || {
        too_long("the MaxSessionDuration set for this role.")
    })?;
    let chained = matches!(call.caller, Caller::Session { .. });
    in_force.check(&rules::CHAINED, !chained || secs <= USUAL_SECS, || {
        too_long("the 1 hour session limit for roles assumed by role chaining.")
    })?;
    let (role_name, role_id) = (role.name.clone(), role.id.clone());
    let now = call.region.clock.now();
    let expires = now.saturating_add(SignedDuration::from_secs(secs.into())).unwrap_or(now);
    let credentials = state.sessions.assume(name, &role_name, now, expires);
    let account = &call.region.config.account_id;
    Ok(json!({
        "Credentials": {
            "AccessKeyId": credentials.access_key_id,
            "SecretAccessKey": credentials.secret_access_key,
            "SessionToken": credentials.session_token,
            "Expiration": credentials.expiration,
        },
        "AssumedRoleUser": {
            "AssumedRoleId": format!("{role_id}:{name}"),
            "Arn": format!("arn:aws:sts::{account}:assumed-role/{role_name}/{name}"),
        },
    }))
}

fn invalid(field: &str, value: &str, constraint: &str) -> ApiError {
    let message = format!(
        "1 validation error detected: Value '{value}' at '{field}' failed to satisfy constraint: {constraint}"
    );
    ApiError::new("ValidationError", message)
}

/// Whether the caller may assume the role: the trust policy says so by name, or
/// lets in the account and an identity policy of the caller allows it.
fn trusted(call: &Call<'_>, role_arn: &str, external_id: Option<&str>) -> bool {
    let account = &call.region.config.account_id;
    let mut context = policy::context(call.region, call.caller);
    context.extend(external_id.map(|id| ("sts:ExternalId".to_owned(), vec![id.to_owned()])));
    let trust = {
        let state = call.state();
        let Some(role) = state.iam.role_of(role_arn) else { return false };
        let mut arns = vec![call.caller.arn(account)];
        if let Caller::Session { role_name, .. } = call.caller {
            arns.extend(state.iam.roles.get(role_name).map(|role| role.arn.clone()));
        }
        trust::of(&role.trust, &Principal::Caller { account, arns: &arns }, context)
    };
    let asked = Asked::new("sts:AssumeRole", role_arn);
    let identity = policy::decide(call.region, call.caller, &asked);
    let by_account = call.region.rules.on(&rules::ACCOUNT_TRUST);
    match trust {
        Trust::No => false,
        Trust::Account if by_account => identity == Decision::Allowed,
        _ => identity != Decision::Denied,
    }
}
