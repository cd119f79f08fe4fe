//! An error as an AWS service names it.

use crate::sigv4::SignatureError;
use http::StatusCode;

/// Code, message and status; each protocol has its own envelope for them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct ApiError {
    /// AWS error code, e.g. `InvalidGroup.Duplicate`.
    pub code: String,
    /// Message.
    pub message: String,
    /// HTTP status.
    pub status: StatusCode,
    /// The rule that refused, if it is one of the table.
    pub rule: Option<&'static str>,
}

impl ApiError {
    /// Status 400, which most refusals have.
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        Self {
            code: code.to_owned(),
            message: message.into(),
            status: StatusCode::BAD_REQUEST,
            rule: None,
        }
    }

    /// The same error, named after the rule that refused.
    #[must_use]
    pub fn by(self, rule: &'static crate::rules::Rule) -> Self {
        Self { rule: Some(rule.id), ..self }
    }

    /// The same error with another status.
    #[must_use]
    pub fn status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    /// The operation is not one the service has (or not one this region has).
    #[must_use]
    pub fn unknown_operation(service: &str, operation: &str) -> Self {
        tracing::warn!(service, operation, "operation is not part of the local region");
        match service {
            "ec2" | "iam" | "sts" => Self::new(
                "InvalidAction",
                format!("The action {operation} is not valid for this web service."),
            ),
            _ => Self::new("UnknownOperationException", format!("{operation} is not known here"))
                .status(StatusCode::NOT_FOUND),
        }
    }

    /// A request that is not authentic, named as the service names it.
    #[must_use]
    pub fn from_signature(service: &str, error: &SignatureError) -> Self {
        use SignatureError as E;
        let json = !matches!(service, "ec2" | "iam" | "sts");
        let code = match (error, service) {
            (E::UnknownKey | E::Mismatch | E::Scope(_), "ec2") => {
                return Self::new(
                    "AuthFailure",
                    "AWS was not able to validate the provided access credentials",
                )
                .status(StatusCode::UNAUTHORIZED);
            }
            (E::ExpiredToken | E::Stale(_), "ec2") => {
                return Self::new("RequestExpired", format!("Request has expired. {error}"));
            }
            (E::Missing, _) if json => "MissingAuthenticationTokenException",
            (E::Missing, _) => "MissingAuthenticationToken",
            (E::Incomplete(_), _) if json => "IncompleteSignatureException",
            (E::Incomplete(_), _) => "IncompleteSignature",
            (E::UnknownKey, _) if json => "UnrecognizedClientException",
            (E::UnknownKey, _) => "InvalidClientTokenId",
            (E::ExpiredToken, _) if json => "ExpiredTokenException",
            (E::ExpiredToken, _) => "ExpiredToken",
            (E::Mismatch | E::Scope(_) | E::Stale(_), _) if json => "InvalidSignatureException",
            (E::Mismatch | E::Scope(_) | E::Stale(_), _) => "SignatureDoesNotMatch",
        };
        let status = match error {
            E::Incomplete(_) => StatusCode::BAD_REQUEST,
            _ if json && !matches!(error, E::Missing) => StatusCode::BAD_REQUEST,
            _ => StatusCode::FORBIDDEN,
        };
        Self::new(code, error.to_string()).status(status)
    }
}
