//! Whether the metadata service answers, and insists on session tokens.

use crate::board::Reading;
use nixl_aws::AwsError;
use nixl_cluster::reason;

/// What its last answer means, or that there was none.
pub fn judge(instance_type: &str, error: Option<&AwsError>) -> Reading {
    match error {
        None => Reading::good(instance_type),
        Some(error) => Reading::bad(&reason::IMDS_UNREACHABLE, error.to_string()),
    }
}

/// Whether requests without a token are refused.
pub fn judge_tokens(required: bool) -> Reading {
    if required {
        return Reading::good("required");
    }
    let evidence = "a request without a session token was answered";
    Reading::bad(&reason::IMDS_TOKENS_OPTIONAL, evidence).value("optional")
}
