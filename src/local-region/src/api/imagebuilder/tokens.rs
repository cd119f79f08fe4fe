//! Client tokens: the same request again gets the first answer again.

use super::{Answer, ApiError, Call, Input, invalid};
use crate::state::ids;
use serde_json::{Value, json};

/// Carries out `act` once for each client token.
pub fn once(
    call: &Call<'_>,
    input: &Input<'_>,
    act: impl FnOnce() -> Result<(&'static str, String), ApiError>,
) -> Answer {
    let token = input.need("clientToken")?.to_owned();
    if token.len() > 64 {
        return Err(invalid("clientToken has 1 to 64 characters."));
    }
    let key = (call.operation.to_owned(), token.clone());
    if let Some((request, answer)) = call.state().imagebuilder.tokens.get(&key) {
        return if request == input.body {
            Ok(answer.clone())
        } else {
            Err(ApiError::new(
                "IdempotentParameterMismatchException",
                "You have specified a client token for an operation using parameter values that differ from a previous request that used the same client token.",
            ))
        };
    }
    let (field, arn) = act()?;
    let answer = json!({"requestId": ids::request(), "clientToken": token, field: arn});
    call.state().imagebuilder.tokens.insert(key, (input.body.clone(), answer.clone()));
    Ok(answer)
}

/// Ends a dry run; its success is an error.
pub fn dry_run(input: &Input<'_>) -> Result<(), ApiError> {
    if input.body["dryRun"] == Value::Bool(true) {
        return Err(ApiError::new(
            "DryRunOperationException",
            "The dry run operation of the resource was successful, and no resources or mutations were actually performed due to the dry run flag in the request.",
        )
        .status(http::StatusCode::PRECONDITION_FAILED));
    }
    Ok(())
}

/// A resource of this ARN is there already.
pub fn exists(arn: &str) -> ApiError {
    ApiError::new("ResourceAlreadyExistsException", format!("The resource '{arn}' already exists."))
}
