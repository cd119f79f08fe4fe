//! How the endpoint is, on the board: it is another process, so it is asked.

use crate::board::{Board, Reading, name};
use crate::{client, events};
use nixl_aws::sagemaker::SageMaker;
use nixl_cluster::reason;
use nixl_mlflow::TrackingResource;
use nixl_mlflow::endpoint::{EndpointStatus, STATUS_PATH};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

const ASK_EVERY: Duration = Duration::from_secs(2);
/// It starts after the settings are there and the environment is written.
const GRACE: Duration = Duration::from_secs(30);
/// SageMaker's control plane is shared by the account.
const DESCRIBE_EVERY: Duration = Duration::from_secs(60);

/// Who looks.
pub struct Watch {
    /// Where the endpoint listens.
    pub listen: SocketAddr,
    /// Says whether the tracking server runs at all.
    pub sagemaker: Arc<dyn SageMaker>,
    /// The tracking server or App.
    pub resource: TrackingResource,
    /// Where it is told.
    pub board: Board,
    /// Ends it.
    pub stop: CancellationToken,
}

impl Watch {
    /// Looks until stopped.
    pub async fn run(self) {
        let (begun, mut told) = (Instant::now(), None);
        let mut server = Server::default();
        let mut interval = tokio::time::interval(ASK_EVERY);
        loop {
            tokio::select! {
                () = self.stop.cancelled() => return,
                _ = interval.tick() => {}
            }
            let status = self.ask().await;
            let reading = match &status {
                Some(status) if status.reason.is_some() => {
                    let stopped = server.stopped(self.sagemaker.as_ref(), &self.resource).await;
                    stopped.unwrap_or_else(|| reading(status))
                }
                Some(status) => reading(status),
                None if begun.elapsed() < GRACE => {
                    Reading::bad(&reason::INITIALIZING, "the endpoint has not answered yet")
                }
                None => {
                    let evidence = format!("nothing answers on {}", self.listen);
                    Reading::bad(&reason::MLFLOW_ENDPOINT_DOWN, evidence)
                }
            };
            let code = reading.code().filter(|code| *code != reason::INITIALIZING.code);
            if let Some((reason, evidence)) = reading.reason.as_ref()
                && code.is_some()
                && code != told
            {
                events::reason(self.board.stage(), reason, evidence);
            }
            told = code;
            self.board.set(name::MLFLOW_ENDPOINT, reading);
        }
    }

    async fn ask(&self) -> Option<EndpointStatus> {
        let listen = self.listen;
        let asked = tokio::task::spawn_blocking(move || client::get(listen, STATUS_PATH));
        let (status, body) = asked.await.ok()?.ok()?;
        (status == 200).then(|| serde_json::from_str(&body).ok())?
    }
}

fn reading(status: &EndpointStatus) -> Reading {
    let value = match status.last_ok_secs {
        Some(_) => "MLflow answers",
        None => "MLflow has not been asked yet",
    };
    let evidence = status.evidence.clone().unwrap_or_default();
    match status.reason.as_deref().and_then(reason::find) {
        Some(reason) => Reading::bad(reason, evidence),
        None => Reading::good(value),
    }
}

/// What SageMaker said of the tracking server, and when.
#[derive(Default)]
struct Server {
    asked: Option<Instant>,
    stopped: Option<String>,
}

impl Server {
    /// A reading, if the server does not answer because it does not run.
    async fn stopped(
        &mut self,
        sagemaker: &dyn SageMaker,
        resource: &TrackingResource,
    ) -> Option<Reading> {
        // An App is always there.
        let TrackingResource::Server { name, .. } = resource else { return None };
        if self.asked.is_none_or(|asked| asked.elapsed() >= DESCRIBE_EVERY) {
            self.asked = Some(Instant::now());
            self.stopped = match sagemaker.describe_tracking_server(name).await {
                Ok(Some(server)) if server.is_active => None,
                Ok(Some(server)) => Some(format!("SageMaker says {name} is {}", server.status)),
                Ok(None) => Some(format!("SageMaker knows no tracking server {name}")),
                // Who may not look says nothing about the server.
                Err(_) => None,
            };
        }
        let evidence = self.stopped.as_ref()?;
        Some(Reading::bad(&reason::MLFLOW_STOPPED, evidence.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_endpoint_says_is_what_the_board_says() {
        let mut status = EndpointStatus::default();
        assert_eq!(reading(&status).code(), None);
        for code in ["mlflow.throttled", "mlflow.server_unreachable", "mlflow.clock_skew"] {
            status.reason = Some(code.to_owned());
            status.evidence = Some("seen".to_owned());
            let reading = reading(&status);
            assert_eq!(reading.code(), Some(code));
            assert_eq!(reading.reason.unwrap().1, "seen");
        }
    }
}
