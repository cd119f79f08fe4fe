//! Which calls are meant: `ec2:RunInstances`, `ec2:Describe*`, `RunInstances`, `*`.

use crate::api::policy::wildcard;
use crate::api::protocol::Service;
use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// Service and operation, both with `*` and `?`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CallPattern {
    service: String,
    operation: String,
}

/// Why a pattern can match nothing.
#[derive(Debug, thiserror::Error)]
pub enum PatternError {
    /// The service is none of the region's.
    #[error("`{0}` is no service of the region; write service:Operation, e.g. ec2:RunInstances")]
    Service(String),
    /// There is no operation.
    #[error("no operation in `{0}`; write service:Operation, e.g. ec2:RunInstances or ec2:*")]
    Operation(String),
}

impl CallPattern {
    /// Whether a call is meant.
    #[must_use]
    pub fn matches(&self, service: &str, operation: &str) -> bool {
        wildcard(&self.service, service) && wildcard(&self.operation, operation)
    }
}

impl FromStr for CallPattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        let (service, operation) = text.split_once(':').unwrap_or(("*", text));
        let known = service.contains(['*', '?'])
            || ["s3", "sagemaker-mlflow"].contains(&service)
            || Service::from_scope(service).is_some();
        if !known {
            return Err(PatternError::Service(service.to_owned()));
        }
        if operation.is_empty() {
            return Err(PatternError::Operation(text.to_owned()));
        }
        Ok(Self { service: service.to_owned(), operation: operation.to_owned() })
    }
}

impl TryFrom<String> for CallPattern {
    type Error = PatternError;

    fn try_from(text: String) -> Result<Self, PatternError> {
        text.parse()
    }
}

impl std::fmt::Display for CallPattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.service, self.operation)
    }
}

impl From<CallPattern> for String {
    fn from(pattern: CallPattern) -> Self {
        pattern.to_string()
    }
}

/// Whether a caller is meant by a pattern of its ARN, or of the last part of
/// it, which is a user's name or an instance's id.
#[must_use]
pub fn caller_matches(pattern: &str, arn: &str) -> bool {
    wildcard(pattern, arn) || wildcard(pattern, short(arn))
}

/// Last part of an ARN.
#[must_use]
pub fn short(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_name_a_service_that_is_there() {
        let pattern: CallPattern = "ec2:Describe*".parse().unwrap();
        assert!(pattern.matches("ec2", "DescribeVpcs") && !pattern.matches("ec2", "RunInstances"));
        assert!("RunInstances".parse::<CallPattern>().unwrap().matches("ec2", "RunInstances"));
        for wrong in ["ce2:RunInstances", "ec2:", ""] {
            assert!(wrong.parse::<CallPattern>().is_err(), "{wrong}");
        }
        let arn = "arn:aws:sts::111122223333:assumed-role/node/i-0abc";
        assert!(caller_matches("i-*", arn) && caller_matches("*:assumed-role/*", arn));
        assert!(!caller_matches("node", arn));
    }
}
