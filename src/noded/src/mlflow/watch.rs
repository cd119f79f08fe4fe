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
                    let describe = async |name: &str| {
                        let found = self.sagemaker.describe_tracking_server(name).await?;
                        Ok(found.map(|server| (server.status, server.is_active)))
                    };
                    let stopped = server.stopped(&self.resource, Instant::now(), describe).await;
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
    /// A reading, if the server does not answer because it does not run; `describe`
    /// asks SageMaker for its status, and whether it is active.
    async fn stopped(
        &mut self,
        resource: &TrackingResource,
        now: Instant,
        describe: impl AsyncFnOnce(&str) -> nixl_aws::Result<Option<(String, bool)>>,
    ) -> Option<Reading> {
        // An App is always there.
        let TrackingResource::Server { name, .. } = resource else { return None };
        if self.asked.is_none_or(|asked| now.duration_since(asked) >= DESCRIBE_EVERY) {
            self.asked = Some(now);
            self.stopped = match describe(name).await {
                Ok(Some((_, true))) => None,
                Ok(Some((status, false))) => Some(format!("SageMaker says {name} is {status}")),
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

    /// What is told of a server of which SageMaker says this, one second a step, and
    /// how often it was asked.
    async fn told(resource: &str, said: &[Said], steps: usize) -> (Vec<Option<String>>, usize) {
        let resource = resource.parse().unwrap();
        let (begun, mut server, mut asked) = (Instant::now(), Server::default(), 0);
        let mut told = Vec::new();
        for step in 0..steps {
            let now = begun + Duration::from_secs(step as u64);
            let describe = async |name: &str| {
                assert_eq!(name, "a");
                asked += 1;
                match said[(asked - 1).min(said.len() - 1)] {
                    Said::Is(status, is_active) => Ok(Some((status.to_owned(), is_active))),
                    Said::Unknown => Ok(None),
                    Said::Refused => Err(refused()),
                }
            };
            let reading = server.stopped(&resource, now, describe).await;
            told.push(reading.and_then(|it| it.reason).map(|(reason, seen)| {
                assert_eq!(reason.code, "mlflow.stopped");
                seen
            }));
        }
        (told, asked)
    }

    #[derive(Clone, Copy)]
    enum Said {
        Is(&'static str, bool),
        Unknown,
        Refused,
    }

    fn refused() -> nixl_aws::AwsError {
        nixl_aws::AwsError {
            service: "sagemaker",
            operation: "DescribeMlflowTrackingServer",
            kind: nixl_aws::ErrorKind::NoCredentials,
            message: "x".to_owned(),
        }
    }

    const SERVER: &str = "arn:aws:sagemaker:us-east-1:111122223333:mlflow-tracking-server/a";

    #[tokio::test]
    async fn a_server_that_does_not_run_is_told_by_what_sagemaker_says() {
        let told = async |said| told(SERVER, &[said], 1).await.0.remove(0);
        let stopped = told(Said::Is("Stopped", false)).await;
        assert_eq!(stopped.as_deref(), Some("SageMaker says a is Stopped"));
        assert_eq!(told(Said::Is("Created", true)).await, None);
        assert!(told(Said::Unknown).await.unwrap().contains("knows no tracking server a"));
        assert_eq!(told(Said::Refused).await, None);
        let app = "arn:aws:sagemaker:us-east-1:111122223333:mlflow-app/a";
        assert_eq!(super::tests::told(app, &[Said::Unknown], 1).await, (vec![None], 0));
    }

    #[tokio::test]
    async fn sagemaker_is_asked_once_a_minute() {
        let said = [Said::Is("Stopped", false), Said::Is("Starting", false), Said::Is("x", true)];
        let (told, asked) = told(SERVER, &said, 121).await;
        assert_eq!(asked, 3);
        assert!(told[59].as_ref().unwrap().ends_with("Stopped"));
        assert!(told[60].as_ref().unwrap().ends_with("Starting"));
        assert_eq!(told[120], None);
    }
}
