//! STS (API reference 2011-06-15): who am I.

use super::{Answer, ApiError, Call, params::Params};
use serde_json::json;

/// Carries out an operation. GetCallerIdentity needs no permission.
pub fn perform(call: &Call<'_>, _p: &Params) -> Answer {
    match call.operation {
        "GetCallerIdentity" => {
            let account = &call.region.config.account_id;
            Ok(json!({
                "Arn": call.caller.arn(account),
                "UserId": call.caller.user_id(),
                "Account": account,
            }))
        }
        other => Err(ApiError::unknown_operation("sts", other)),
    }
}
