//! Client tokens: the same request again gets the first answer again.

use super::{Answer, ApiError, Call, Input, bad, names};
use crate::rules::imagebuilder as rules;
use crate::state::ids;
use serde_json::{Value, json};

const MAX_TOKEN_CHARS: usize = 64;

/// Carries out `act` once for each client token.
pub fn once(
    call: &Call<'_>,
    input: &Input<'_>,
    act: impl FnOnce() -> Result<(&'static str, String), ApiError>,
) -> Answer {
    let token = input.need("clientToken")?.to_owned();
    let in_force = &call.region.rules;
    in_force.check(&rules::TOKEN_LENGTH, token.len() <= MAX_TOKEN_CHARS, || {
        bad("clientToken", format!("It has at most {MAX_TOKEN_CHARS} characters."))
    })?;
    let key = (call.operation.to_owned(), token.clone());
    if let Some((request, answer)) = call.state().imagebuilder.tokens.get(&key) {
        in_force.check(&rules::TOKEN_MISMATCH, request == input.body, || {
            ApiError::new(
                "IdempotentParameterMismatchException",
                "You have specified a client token for an operation using parameter values that differ from a previous request that used the same client token.",
            )
        })?;
        if in_force.on(&rules::TOKEN_REPLAY) {
            return Ok(answer.clone());
        }
    }
    let (field, arn) = act()?;
    let answer = json!({"requestId": ids::request(), "clientToken": token, field: arn});
    call.state().imagebuilder.tokens.insert(key, (input.body.clone(), answer.clone()));
    Ok(answer)
}

/// Ends a dry run; its success is an error.
pub fn dry_run(call: &Call<'_>, input: &Input<'_>) -> Result<(), ApiError> {
    let dry = input.body["dryRun"] == Value::Bool(true);
    call.region.rules.check(&rules::DRY_RUN, !dry, || {
        ApiError::new(
            "DryRunOperationException",
            "The dry run operation of the resource was successful, and no resources or mutations were actually performed due to the dry run flag in the request.",
        )
        .status(http::StatusCode::PRECONDITION_FAILED)
    })
}

/// A resource of this ARN is there already.
pub fn exists(arn: &str) -> ApiError {
    ApiError::new(
        "ResourceAlreadyExistsException",
        format!("The following resource '{}' already exists: '{arn}'.", names::kind(arn)),
    )
}
