//! One error for every service, with the facts a retry policy or a person needs.

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::display::DisplayErrorContext;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

/// What went wrong with a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ErrorKind {
    /// The service answered with an error.
    Service {
        /// AWS error code, e.g. `InvalidGroup.Duplicate`.
        code: String,
        /// HTTP status.
        status: u16,
    },
    /// No connection could be made; the request was surely not carried out.
    Unreachable,
    /// No credentials were found or they could not be loaded.
    NoCredentials,
    /// The answer was lost or not understood; the request may have been
    /// carried out.
    Ambiguous,
    /// The request was never sent because it is not valid.
    Invalid,
}

/// A failed call.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{service} {operation}: {}", self.told())]
pub struct AwsError {
    /// Service, e.g. `ec2`.
    pub service: &'static str,
    /// Operation, e.g. `RunInstances`.
    pub operation: &'static str,
    /// What went wrong.
    pub kind: ErrorKind,
    /// The service's own message, or the transport's.
    pub message: String,
}

impl AwsError {
    /// The service's error code, if it answered with one.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        match &self.kind {
            ErrorKind::Service { code, .. } => Some(code),
            _ => None,
        }
    }

    /// Whether the service answered with one of these codes.
    #[must_use]
    pub fn is(&self, codes: &[&str]) -> bool {
        self.code().is_some_and(|code| codes.contains(&code))
    }

    fn told(&self) -> String {
        match &self.kind {
            ErrorKind::Service { code, .. } => format!("{code}: {}", self.message),
            ErrorKind::Unreachable => match endpoint_from_env() {
                Some(url) => format!(
                    "nothing answers at {url} ({}); AWS_ENDPOINT_URL points there: start the local region with `nixl-region up`, or unset the variable to use AWS",
                    self.message
                ),
                None => format!(
                    "the endpoint cannot be reached ({}); check the network and AWS_REGION",
                    self.message
                ),
            },
            ErrorKind::NoCredentials => format!(
                "no AWS credentials ({}); sign in with `aws sso login` or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; for the local region: `eval \"$(nixl-region env)\"`",
                self.message
            ),
            ErrorKind::Ambiguous => {
                format!("no usable answer, it may have been carried out ({})", self.message)
            }
            ErrorKind::Invalid => format!("the request is not valid: {}", self.message),
        }
    }

    /// From an SDK call's error.
    pub fn from_sdk<E>(
        service: &'static str,
        operation: &'static str,
        error: SdkError<E, HttpResponse>,
    ) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let (kind, message) = match &error {
            SdkError::ServiceError(answer) => (
                ErrorKind::Service {
                    code: answer.err().code().unwrap_or("Unknown").to_owned(),
                    status: answer.raw().status().as_u16(),
                },
                answer.err().message().unwrap_or_default().to_owned(),
            ),
            SdkError::ConstructionFailure(_) => {
                (ErrorKind::Invalid, DisplayErrorContext(&error).to_string())
            }
            _ => (unanswered(&DisplayErrorContext(&error).to_string()), innermost(&error)),
        };
        Self { service, operation, kind, message }
    }
}

/// Phrases of hyper and of the SDK's HTTP client for a connection that never
/// came to be. A reset of a made connection is not among them: the request may
/// have arrived.
const NEVER_CONNECTED: [&str; 4] =
    ["client error (Connect)", "tcp connect error", "dns error", "HTTP connect timeout"];

/// Whether an error told in full says that no connection was made.
pub(crate) fn never_connected(told: &str) -> bool {
    NEVER_CONNECTED.iter().any(|phrase| told.contains(phrase))
}

/// The kind of an error without an answer. The SDK reports missing credentials
/// as a dispatch failure, too.
fn unanswered(told: &str) -> ErrorKind {
    if never_connected(told) {
        ErrorKind::Unreachable
    } else if told.contains("redentials") {
        ErrorKind::NoCredentials
    } else {
        ErrorKind::Ambiguous
    }
}

/// The innermost cause says what happened; the layers above only repeat it.
/// One line of it: the credential chain lists every place it looked at below.
pub(crate) fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    let text = last.to_string();
    let line = text.lines().next().unwrap_or_default();
    line.trim_end_matches(" Attempted:").trim_end_matches('.').to_owned()
}

fn endpoint_from_env() -> Option<String> {
    std::env::var("AWS_ENDPOINT_URL").ok().filter(|url| !url.is_empty())
}
