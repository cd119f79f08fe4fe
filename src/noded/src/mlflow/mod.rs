//! The presigned MLflow URL: minted through SageMaker, shown on the board.

pub mod command;
pub mod endpoint;
mod watch;

pub use watch::Watch;
pub(crate) mod permission;

use crate::beat::INTERVAL;
use crate::board::{Board, Reading, name};
use crate::events;
use nixl_aws::sagemaker::SageMaker;
use nixl_aws::{AwsError, ErrorKind};
use nixl_cluster::reason;
use nixl_mlflow::{MintError, Minter, TrackingResource, UrlKeeper};
use std::sync::{Arc, OnceLock};
use tokio_util::sync::CancellationToken;

/// The keeper once the settings are known; `None` inside if no ARN is set.
pub type Slot = Arc<OnceLock<Option<Arc<UrlKeeper>>>>;

/// What the reading says where there is no tracking server.
pub const NOT_CONFIGURED: &str = "not configured";

/// Mints for one tracking resource.
pub struct SageMakerMinter {
    sagemaker: Arc<dyn SageMaker>,
    resource: TrackingResource,
}

impl SageMakerMinter {
    /// A minter for `resource`.
    #[must_use]
    pub fn new(sagemaker: Arc<dyn SageMaker>, resource: TrackingResource) -> Self {
        Self { sagemaker, resource }
    }
}

#[async_trait::async_trait]
impl Minter for SageMakerMinter {
    async fn mint(&self, expires_secs: u32, session_secs: u32) -> Result<String, MintError> {
        let sagemaker = &self.sagemaker;
        let minted = match &self.resource {
            TrackingResource::Server { name, .. } => {
                sagemaker.create_presigned_tracking_server_url(name, expires_secs, session_secs)
            }
            TrackingResource::App { arn, .. } => {
                sagemaker.create_presigned_app_url(arn, expires_secs, session_secs)
            }
        };
        minted.await.map_err(|error| failed(&error, &self.resource))
    }
}

/// AWS's words name the action only where its policies are evaluated in full.
fn failed(error: &AwsError, resource: &TrackingResource) -> MintError {
    let refused = error.is(&["AccessDeniedException", "AccessDenied", "UnauthorizedOperation"]);
    let (mut message, action) = (error.to_string(), resource.presign_action());
    if refused && !message.contains(action) {
        message = format!("{message}; the node's role needs {action} on {resource}");
    }
    MintError { denied: refused || error.kind == ErrorKind::NoCredentials, message }
}

/// Keeps a URL and shows how that goes, until stopped.
pub async fn run(keeper: Arc<UrlKeeper>, board: Board, stop: CancellationToken) {
    let watch = async {
        let mut interval = tokio::time::interval(INTERVAL);
        let mut told = None;
        loop {
            interval.tick().await;
            let reading = reading(&keeper);
            let code = reading.code().filter(|code| *code != reason::INITIALIZING.code);
            match &reading.reason {
                Some((reason, evidence)) if code.is_some() && code != told => {
                    if *reason == &reason::MLFLOW_DENIED {
                        events::mlflow_denied(board.stage(), evidence);
                    } else {
                        events::reason(board.stage(), reason, evidence);
                    }
                }
                _ => {}
            }
            told = code;
            board.set(name::MLFLOW, reading);
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = keeper.clone().run() => tracing::error!("the MLflow URL keeper ended"),
        () = watch => {}
    }
}

fn reading(keeper: &UrlKeeper) -> Reading {
    let status = keeper.status();
    let value = if status.ready { "one unspent URL is at hand" } else { "no URL is at hand" };
    match status.last_error {
        Some((true, text)) => Reading::bad(&reason::MLFLOW_DENIED, text).value(value),
        Some((false, text)) => Reading::bad(&reason::MLFLOW_UNREACHABLE, text).value(value),
        None if status.ready => Reading::good(value),
        None => Reading::bad(&reason::INITIALIZING, "the next URL is being made").value(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_told_from_an_outage() {
        let error = |kind| AwsError {
            service: "sagemaker",
            operation: "CreatePresignedMlflowTrackingServerUrl",
            kind,
            message: "x".to_owned(),
        };
        let service = |code: &str| ErrorKind::Service { code: code.to_owned(), status: 400 };
        let app = "arn:aws:sagemaker:us-east-1:111122223333:mlflow-app/app-1".parse().unwrap();
        let failed = |error| super::failed(&error, &app);
        let refused = failed(error(service("AccessDeniedException")));
        assert!(refused.denied);
        let named = "sagemaker:CreatePresignedMlflowAppUrl on arn:aws:sagemaker:us-east-1:111122223333:mlflow-app/app-1";
        assert!(refused.message.ends_with(named), "{}", refused.message);
        assert!(!failed(error(service("ThrottlingException"))).denied);
        assert!(!failed(error(ErrorKind::Unreachable)).denied);
    }
}
