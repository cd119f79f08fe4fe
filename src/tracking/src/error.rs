//! What a call of the API ends in when it does not do what was asked.

use crate::call::Call;
use std::time::Duration;

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
        /// What `Retry-After` asks for.
        retry_after: Option<Duration>,
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

    /// Whether the server may have done it all the same.
    #[must_use]
    pub fn may_be_done(&self) -> bool {
        match &self.failure {
            Failure::NoToken(_) | Failure::NotSent(_) => false,
            Failure::NoAnswer(_) | Failure::Unreadable(_) => true,
            Failure::Refused { status, .. } => !(400..500).contains(status) || *status == 408,
        }
    }

    /// Whether a permission is missing; the call's [`Call::action`] says which.
    #[must_use]
    pub fn is_denied(&self) -> bool {
        matches!(self.failure, Failure::Refused { status: 403, .. })
    }

    /// Whether MLflow will never take it: the same words would be refused again.
    #[must_use]
    pub fn is_lasting(&self) -> bool {
        matches!(
            self.failure,
            Failure::Refused { status: 400 | 404 | 409 | 413 | 422, code: Some(_), .. }
        )
    }

    /// How long the server wants to be left alone.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self.failure {
            Failure::Refused { retry_after, .. } => retry_after,
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16, code: Option<&str>) -> CallError {
        let code = code.map(str::to_owned);
        let message = "x".to_owned();
        let failure = Failure::Refused { status, code, message, retry_after: None };
        CallError { call: Call::CreateRun, failure }
    }

    #[test]
    fn what_is_not_known_is_told_from_what_was_refused() {
        let not_sent = Failure::NotSent("refused".to_owned());
        assert!(!CallError { call: Call::CreateRun, failure: not_sent }.may_be_done());
        let cut_off = Failure::NoAnswer("reset".to_owned());
        assert!(CallError { call: Call::CreateRun, failure: cut_off }.may_be_done());
        for (status, may_be_done) in [(400, false), (403, false), (408, true), (429, false)] {
            assert_eq!(refused(status, None).may_be_done(), may_be_done, "{status}");
        }
        assert!(refused(503, Some("TEMPORARILY_UNAVAILABLE")).may_be_done());
    }

    #[test]
    fn only_mlflow_itself_refuses_for_good() {
        assert!(refused(400, Some("INVALID_PARAMETER_VALUE")).is_lasting());
        // Something else listens there, or the front does.
        assert!(!refused(404, None).is_lasting());
        for status in [401, 403, 429, 500, 503] {
            assert!(!refused(status, Some("X")).is_lasting(), "{status}");
        }
        assert_eq!(refused(404, None).to_string(), "runs/create: 404 (not of MLflow): x");
    }
}
