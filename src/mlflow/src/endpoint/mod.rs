//! The loopback endpoint: what MLflow's clients ask without any signature goes to
//! SageMaker with the node's, so that every client in every language works.
//!
//! It has no listener and knows no instance: requests come from whoever serves it.

mod allow;
mod answer;
mod attempt;
mod body;
mod credentials;
mod guard;
mod pace;
mod refusal;
mod retry;
mod room;
mod sign;
mod spool;
mod state;
mod unsigned;
mod upstream;

pub use allow::{Allow, RuleError};
pub use answer::AnswerBody;
pub use guard::Peer;
pub use state::EndpointStatus;
pub use upstream::{Upstream, UpstreamError};

use crate::TrackingResource;
use aws_credential_types::provider::SharedCredentialsProvider;
use body::Payload;
use bytes::Bytes;
use credentials::Identity;
use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use pace::Pace;
use refusal::Refusal;
use room::Room;
use state::State;
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::Semaphore;
use unsigned::Unsigned;

/// Where the state is told, without a token: there is no secret in it.
pub const STATUS_PATH: &str = "/-/status";
/// Requests whose bodies are held or sent at once; more wait unread. As large ones are
/// on disk this bounds the memory.
const AT_ONCE: usize = 64;
/// The cheapest question that needs a right and an answering server.
const PROBE: (&str, &str) = ("/api/2.0/mlflow/experiments/search", r#"{"max_results":1}"#);
/// Without traffic the state is looked at so often; ±20 %.
const PROBE_EVERY: Duration = Duration::from_secs(60);

/// How long what may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Until one attempt is answered; of a large body, until anything moves.
    pub attempt: Duration,
    /// All attempts and waits; below the 120 s after which MLflow's clients give up.
    pub total: Duration,
    /// The same for a large body, counted from when it is here: it is sent on, and
    /// then the server stores it before it answers. Below these 120 s as well.
    pub total_large: Duration,
    /// Until something moves on a body that comes or goes.
    pub stall: Duration,
    /// First wait before another attempt; it doubles.
    pub backoff: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            attempt: Duration::from_secs(25),
            total: Duration::from_secs(50),
            total_large: Duration::from_secs(110),
            stall: Duration::from_secs(50),
            backoff: Duration::from_millis(200),
        }
    }
}

/// What an endpoint is made of.
#[derive(Debug)]
pub struct Parts {
    /// The tracking server or App; nothing in a request can name another one.
    pub resource: TrackingResource,
    /// Where requests go.
    pub upstream: Upstream,
    /// The node's role.
    pub credentials: SharedCredentialsProvider,
    /// What requests of [`Peer`]s that are not trusted must carry as `Authorization: Bearer`.
    pub token: String,
    /// What may be asked.
    pub allow: Allow,
    /// Most requests a second, all users together; `None` for no limit.
    pub requests_per_sec: Option<u32>,
    /// Where bodies are kept that do not fit into memory.
    pub body_folder: PathBuf,
    /// Bytes of disk for them, all together.
    pub body_disk_bytes: u64,
    /// How long what may take.
    pub limits: Limits,
}

/// The endpoint.
#[derive(Debug)]
pub struct Endpoint {
    resource: TrackingResource,
    upstream: Upstream,
    identity: Identity,
    token: String,
    allow: Allow,
    pace: Pace,
    at_once: Semaphore,
    room: Room,
    limits: Limits,
    state: State,
    unsigned: Unsigned,
}

impl Endpoint {
    /// An endpoint; it asks nobody by itself before [`run`](Self::run).
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        Self {
            resource: parts.resource,
            upstream: parts.upstream,
            identity: Identity::new(parts.credentials),
            token: parts.token,
            allow: parts.allow,
            pace: Pace::new(parts.requests_per_sec, parts.limits.total),
            at_once: Semaphore::new(AT_ONCE),
            room: Room::new(parts.body_folder, parts.body_disk_bytes),
            limits: parts.limits,
            state: State::default(),
            unsigned: Unsigned::default(),
        }
    }

    /// Answers a request.
    pub async fn answer<B>(&self, request: Request<B>, peer: Peer) -> Response<AnswerBody>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        if request.uri().path() == STATUS_PATH && request.method() == Method::GET {
            return answer::json(StatusCode::OK, &self.status());
        }
        self.pass(request, peer).await.unwrap_or_else(|refusal| {
            if let Some(reason) = refusal.reason {
                self.state.fault(reason, &refusal.message);
            }
            answer::refused(&refusal)
        })
    }

    async fn pass<B>(
        &self,
        request: Request<B>,
        peer: Peer,
    ) -> Result<Response<AnswerBody>, Refusal>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (head, body) = request.into_parts();
        guard::check(&head, peer, &self.token, &self.allow)?;
        self.pace.wait(peer.uid).await?;
        let _place = self.at_once.acquire().await.map_err(|_| Refusal::stopping())?;
        let payload = Payload::read(body, &self.room, self.limits.stall).await?;
        self.send(&head, &payload).await
    }

    /// What can be shown.
    #[must_use]
    pub fn status(&self) -> EndpointStatus {
        self.state.status()
    }

    /// Looks at the server while nobody else does, until dropped.
    pub async fn run(&self) {
        loop {
            if self.state.silent_for() >= PROBE_EVERY {
                self.probe().await;
            }
            tokio::time::sleep(retry::jittered(PROBE_EVERY)).await;
        }
    }

    /// One look; how it went is in [`status`](Self::status).
    pub async fn probe(&self) {
        let Some((head, payload)) = probe() else { return };
        match self.send(&head, &payload).await {
            Ok(answer) => drop(answer.into_body().collect().await),
            Err(refusal) => {
                if let Some(reason) = refusal.reason {
                    self.state.fault(reason, &refusal.message);
                }
            }
        }
    }
}

fn probe() -> Option<(http::request::Parts, Payload)> {
    let (path, body) = PROBE;
    let request = Request::post(path).header(http::header::CONTENT_TYPE, "application/json");
    let (head, ()) = request.body(()).ok()?.into_parts();
    Some((head, Payload::of(Bytes::from_static(body.as_bytes()))))
}
