//! What is answered in place of the server, as MLflow's clients read it.

use http::StatusCode;
use nixl_cluster::reason::{self, Reason};
use std::time::Duration;

/// An answer of our own.
#[derive(Debug, Clone)]
pub(super) struct Refusal {
    pub status: StatusCode,
    /// MLflow's code (`mlflow/protos/databricks.proto`, `ErrorCode`).
    pub code: &'static str,
    /// What it says about the node's health, if anything.
    pub reason: Option<&'static Reason>,
    pub message: String,
    pub retry_after: Option<Duration>,
}

impl Refusal {
    fn new(status: StatusCode, code: &'static str, message: String) -> Self {
        Self { status, code, reason: None, message, retry_after: None }
    }

    pub fn no_token() -> Self {
        let message = "the token is missing or wrong: set MLFLOW_TRACKING_TOKEN to what is in /run/nixl/mlflow-token, which root and the group nixl-mlflow may read".to_owned();
        Self::new(StatusCode::UNAUTHORIZED, "UNAUTHENTICATED", message)
    }

    pub fn not_allowed(what: &str) -> Self {
        let message = format!(
            "this endpoint does not pass {what} on; add it to allow below [mlflow] in /etc/nixl/node.toml if it should"
        );
        Self::new(StatusCode::FORBIDDEN, "PERMISSION_DENIED", message)
    }

    pub fn bad_path(why: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BAD_REQUEST", format!("the path {why}"))
    }

    pub fn bad_body(why: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BAD_REQUEST", format!("the body did not come: {why}"))
    }

    pub fn slow_body(limit: Duration) -> Self {
        let message = format!("nothing of the body came for {} s", limit.as_secs());
        Self::new(StatusCode::REQUEST_TIMEOUT, "BAD_REQUEST", message)
    }

    pub fn too_many(wait: Duration) -> Self {
        let message = "too many requests wait for this endpoint; requests_per_sec below [mlflow] in /etc/nixl/node.toml is its pace".to_owned();
        let it = Self::new(StatusCode::TOO_MANY_REQUESTS, "REQUEST_LIMIT_EXCEEDED", message);
        Self { retry_after: Some(wait), ..it }
    }

    pub fn no_room(why: String) -> Self {
        let it = Self::new(StatusCode::INSUFFICIENT_STORAGE, "RESOURCE_EXHAUSTED", why);
        Self { reason: Some(&reason::MLFLOW_NO_ROOM), ..it }
    }

    pub fn no_credentials(why: &str) -> Self {
        let it = Self::unavailable(format!("the node's role has no credentials: {why}"));
        Self { reason: Some(&reason::MLFLOW_CREDENTIALS), ..it }
    }

    pub fn unreachable(why: String) -> Self {
        let it = Self::unavailable(why);
        Self { reason: Some(&reason::MLFLOW_SERVER_UNREACHABLE), ..it }
    }

    /// The request was sent and may have been carried out.
    pub fn lost(why: String) -> Self {
        let it = Self::new(StatusCode::BAD_GATEWAY, "INTERNAL_ERROR", why);
        Self { reason: Some(&reason::MLFLOW_SERVER_ERROR), ..it }
    }

    pub fn silent(limit: Duration) -> Self {
        let message = format!("the server has not answered for {} s", limit.as_secs());
        let it = Self::new(StatusCode::GATEWAY_TIMEOUT, "INTERNAL_ERROR", message);
        Self { reason: Some(&reason::MLFLOW_SERVER_ERROR), ..it }
    }

    pub fn unsigned(why: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BAD_REQUEST", format!("it cannot be signed: {why}"))
    }

    pub fn stopping() -> Self {
        Self::unavailable("the endpoint is stopping".to_owned())
    }

    fn unavailable(message: String) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "TEMPORARILY_UNAVAILABLE", message)
    }
}
