//! What a call of the API ends in when it does not do what was asked.

use crate::call::Call;

/// A call that failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{call}: {failure}")]
pub struct CallError {
    /// Which.
    pub call: Call,
    /// How.
    pub failure: Failure,
}

/// How a call failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The token cannot be read; nothing was sent.
    #[error("no token: {0}")]
    NoToken(String),
    /// Nobody listens; nothing was sent.
    #[error("nobody answers: {0}")]
    NotSent(String),
    /// It was sent, and what came of it is not known.
    #[error("no answer: {0}")]
    NoAnswer(String),
    /// The answer is no success.
    #[error("{status} {}{}", code.as_deref().unwrap_or("(not of MLflow)"), after(message))]
    Refused {
        /// HTTP status.
        status: u16,
        /// `error_code` of MLflow's answer, if it has one.
        code: Option<String>,
        /// What the answer says.
        message: String,
    },
    /// A success that cannot be understood.
    #[error("the answer is not MLflow's: {0}")]
    Unreadable(String),
}

fn after(message: &str) -> String {
    if message.is_empty() { String::new() } else { format!(": {message}") }
}

/// The name is taken.
pub(crate) const ALREADY_EXISTS: &str = "RESOURCE_ALREADY_EXISTS";
/// There is no such thing.
pub(crate) const DOES_NOT_EXIST: &str = "RESOURCE_DOES_NOT_EXIST";

impl CallError {
    /// MLflow's error code.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        match &self.failure {
            Failure::Refused { code, .. } => code.as_deref(),
            _ => None,
        }
    }

    /// Whether a permission is missing; the call's [`Call::action`] says which.
    #[must_use]
    pub fn is_denied(&self) -> bool {
        matches!(self.failure, Failure::Refused { status: 403, .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_refuses_is_told() {
        let refused = |code: Option<&str>, message: &str| {
            let (code, message) = (code.map(str::to_owned), message.to_owned());
            CallError {
                call: Call::CreateRun,
                failure: Failure::Refused { status: 404, code, message },
            }
            .to_string()
        };
        assert_eq!(refused(Some("X"), "y"), "runs/create: 404 X: y");
        assert_eq!(refused(None, ""), "runs/create: 404 (not of MLflow)");
    }
}
