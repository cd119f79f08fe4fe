//! STS: who is calling (API reference 2011-06-15).

use crate::{Aws, AwsError, ErrorKind, Result};

/// Whose credentials these are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Account id, 12 digits.
    pub account: String,
    /// `arn:aws:iam::…` or `arn:aws:sts::…`
    pub arn: String,
}

impl Identity {
    /// `aws`, `aws-cn`, `aws-us-gov`: the second part of every ARN here.
    #[must_use]
    pub fn partition(&self) -> &str {
        self.arn.split(':').nth(1).filter(|part| !part.is_empty()).unwrap_or("aws")
    }
}

/// The call; [`Client`] makes it, tests script it.
#[async_trait::async_trait]
pub trait Sts: Send + Sync {
    /// The caller; needs no permission.
    async fn get_caller_identity(&self) -> Result<Identity>;
}

/// The SDK's client.
#[derive(Debug, Clone)]
pub struct Client {
    sdk: aws_sdk_sts::Client,
}

impl Client {
    /// A client with the shared configuration.
    #[must_use]
    pub fn new(aws: &Aws) -> Self {
        Self { sdk: aws_sdk_sts::Client::new(aws.sdk()) }
    }
}

#[async_trait::async_trait]
impl Sts for Client {
    async fn get_caller_identity(&self) -> Result<Identity> {
        const OPERATION: &str = "GetCallerIdentity";
        let answer = self
            .sdk
            .get_caller_identity()
            .send()
            .await
            .map_err(|error| AwsError::from_sdk("sts", OPERATION, error))?;
        match (answer.account, answer.arn) {
            (Some(account), Some(arn)) => Ok(Identity { account, arn }),
            _ => Err(AwsError {
                service: "sts",
                operation: OPERATION,
                kind: ErrorKind::Ambiguous,
                message: "the answer names no account".to_owned(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_partition_comes_from_the_arn() {
        let of = |arn: &str| {
            Identity { account: String::new(), arn: arn.to_owned() }.partition().to_owned()
        };
        assert_eq!(of("arn:aws-cn:iam::123456789012:user/a"), "aws-cn");
        assert_eq!(of("odd"), "aws");
    }
}
