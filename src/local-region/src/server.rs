//! The region as one HTTP service for any number of listeners.
//!
//! The service of the credential scope routes a call; S3 goes to the s3s
//! crate. `/_region/…` is the control API, `/_mlflow/…` is mounted in front of
//! this service by the machine half.

use crate::api::protocol::{self, Service};
use crate::api::{ApiError, Caller};
use crate::backend::{Builder, Machines, RootFs, TrackingServers};
use crate::clock::Clock;
use crate::rules::Rules;
use crate::sigv4::{Authorization, SignatureError, SignedRequest};
use crate::state::{State, calls::CallRecord, ids};
use crate::windows::Windows;
use crate::{control, debian, s3};
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State as Shared};
use axum::response::Response;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Largest body of a call that is not S3; AWS takes 1 MiB of JSON at most.
const MAX_BODY_BYTES: usize = 1 << 20;

/// What a region is made of.
pub struct RegionConfig {
    /// Folder for S3 objects (`<state_dir>/s3/<bucket>/<key>`).
    pub state_dir: PathBuf,
    /// Region name; `us-east-1`.
    pub region: String,
    /// Twelve digits.
    pub account_id: String,
    /// The laptop's access key.
    pub access_key_id: String,
    /// Its secret.
    pub secret_access_key: String,
    /// What clients call us, for URLs in answers.
    pub endpoint_url: String,
    /// Header `x-nixl-region-token` of the control API.
    pub control_token: String,
    /// Real machines.
    pub machines: Arc<dyn Machines>,
    /// Image builds.
    pub builder: Arc<dyn Builder>,
    /// MLflow servers.
    pub tracking: Arc<dyn TrackingServers>,
    /// The Debian image every account sees.
    pub base_image: RootFs,
}

/// A running region; clones share it.
#[derive(Clone)]
pub struct Region {
    pub(crate) inner: Arc<Inner>,
}

/// What operations share.
pub struct Inner {
    /// Settings.
    pub config: RegionConfig,
    /// Rules in force.
    pub rules: Rules,
    /// Windows of eventual consistency.
    pub windows: Windows,
    /// Sessions of Session Manager.
    pub sessions: crate::session::grants::Grants,
    /// The region's clock.
    pub clock: Clock,
    state: Mutex<State>,
    pub(crate) s3: s3::Objects,
    pub(crate) runtime: tokio::runtime::Handle,
}

impl Inner {
    /// The state. A panic while it was held leaves plain data behind, so a
    /// poisoned lock is still good.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Folder of S3 objects.
    #[must_use]
    pub fn s3_root(&self) -> PathBuf {
        self.config.state_dir.join("s3")
    }
}

impl Region {
    /// A new, empty region. Must be called inside a tokio runtime, in which its
    /// machines, builds and servers will be started.
    ///
    /// # Errors
    /// If the folder for S3 cannot be made.
    pub fn new(config: RegionConfig) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Handle::current();
        let s3_root = config.state_dir.join("s3");
        std::fs::create_dir_all(&s3_root).map_err(|error| {
            anyhow::anyhow!("cannot make the folder {}: {error}", s3_root.display())
        })?;
        let rules = Rules::default();
        let mut state = State {
            rules: rules.clone(),
            ec2: crate::state::ec2::Ec2::new(),
            iam: Default::default(),
            ssm: Default::default(),
            imagebuilder: Default::default(),
            sagemaker: Default::default(),
            sessions: Default::default(),
            calls: Default::default(),
        };
        debian::register(&mut state, &config);
        let objects = s3::Objects::new(&s3_root)?;
        Ok(Self {
            inner: Arc::new_cyclic(|weak| {
                objects.attach(weak.clone());
                Inner {
                    config,
                    rules,
                    windows: Windows::default(),
                    sessions: Default::default(),
                    clock: Clock::default(),
                    state: Mutex::new(state),
                    s3: objects,
                    runtime,
                }
            }),
        })
    }

    /// The HTTP service, to be served on any number of listeners.
    pub fn service(&self) -> Router {
        Router::new()
            .route("/_region/status", axum::routing::get(control::status))
            .route("/_region/calls", axum::routing::get(control::calls))
            .fallback(serve)
            .with_state(self.inner.clone())
    }

    /// Sessions of Session Manager, for who serves their streams.
    #[must_use]
    pub fn sessions(&self) -> crate::session::grants::Grants {
        self.inner.sessions.clone()
    }

    /// Terminates all machines and deletes all tracking servers.
    pub async fn shutdown(&self) {
        crate::lifecycle::shutdown(&self.inner).await;
    }
}

async fn serve(Shared(region): Shared<Arc<Inner>>, request: Request) -> Response {
    let started = Instant::now();
    let request_id = ids::request();
    if is_s3(&request) {
        let told = format!("{} {}", request.method(), request.uri().path());
        let caller = Authorization::parse(request.headers())
            .ok()
            .and_then(|auth| secret_of(&region, &auth).ok())
            .map_or_else(|| "-".to_owned(), |(_, caller)| caller.arn(&region.config.account_id));
        let response = region.s3.serve(request).await;
        let status = response.status();
        let outcome =
            if status.as_u16() < 400 { "OK".to_owned() } else { status.as_u16().to_string() };
        record(&region, caller, "s3", told, (outcome, None), started);
        return response;
    }
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, MAX_BODY_BYTES).await else {
        let answer = Err(ApiError::new("RequestEntityTooLarge", "The request is too large."));
        return protocol::respond(Service::Ec2, "", &request_id, &answer);
    };
    let signed = SignedRequest {
        method: &parts.method,
        path: parts.uri.path(),
        query: parts.uri.query().unwrap_or_default(),
        headers: &parts.headers,
        body: &body,
    };
    let parsed = Authorization::parse(&parts.headers);
    let scope = parsed.as_ref().ok().map(|auth| auth.service.as_str());
    let service = match scope {
        Some(scope) => Service::from_scope(scope),
        None => Service::guess(signed.method, signed.path, signed.headers, signed.body),
    };
    let Some(service) = service else {
        let answer = Err(ApiError::unknown_operation(scope.unwrap_or("-"), signed.path));
        return protocol::respond(Service::ImageBuilder, "", &request_id, &answer);
    };
    let operation = service.operation(&signed);
    let caller = parsed.and_then(|auth| authenticate(&region, &auth, &signed));
    let (name, answer) = match caller {
        Err(error) => ("-".to_owned(), Err(ApiError::from_signature(service.name(), &error))),
        Ok(caller) => (
            caller.arn(&region.config.account_id),
            protocol::perform(&region, &caller, service, &operation, &signed),
        ),
    };
    let outcome = answer
        .as_ref()
        .err()
        .map_or_else(|| ("OK".to_owned(), None), |error| (error.code.clone(), error.rule));
    record(&region, name, service.name(), operation.clone(), outcome, started);
    protocol::respond(service, &operation, &request_id, &answer)
}

/// S3 is what is signed for it, what is presigned, and what is neither signed
/// nor shaped like a call of another service.
fn is_s3(request: &Request<Body>) -> bool {
    match Authorization::parse(request.headers()) {
        Ok(auth) => auth.service == "s3",
        Err(_) => {
            let root = request.uri().path() == "/";
            let other = request.headers().contains_key("x-amz-target")
                || (root && request.method() == http::Method::POST)
                || crate::api::imagebuilder::is_path(request.uri().path());
            !other && !request.headers().contains_key("authorization")
        }
    }
}

/// The secret behind an access key, and whose it is.
pub(crate) fn secret_of(
    region: &Inner,
    auth: &Authorization,
) -> Result<(String, Caller), SignatureError> {
    secret_of_key(region, &auth.access_key_id, auth.session_token.as_deref())
}

/// The same from key and session token, as S3 knows them.
pub(crate) fn secret_of_key(
    region: &Inner,
    access_key_id: &str,
    session_token: Option<&str>,
) -> Result<(String, Caller), SignatureError> {
    if access_key_id == region.config.access_key_id {
        return match session_token {
            None => Ok((region.config.secret_access_key.clone(), Caller::Administrator)),
            Some(_) => Err(SignatureError::UnknownKey),
        };
    }
    let state = region.state();
    let session = state.sessions.find(access_key_id).ok_or(SignatureError::UnknownKey)?;
    if session_token != Some(session.credentials.session_token.as_str()) {
        return Err(SignatureError::UnknownKey);
    }
    if session.expires <= jiff::Timestamp::now() {
        return Err(SignatureError::ExpiredToken);
    }
    let role = state.iam.roles.get(&session.role_name).ok_or(SignatureError::UnknownKey)?;
    let caller = Caller::Session {
        role_name: role.name.clone(),
        role_id: role.id.clone(),
        instance_id: session.instance_id.clone(),
    };
    Ok((session.credentials.secret_access_key.clone(), caller))
}

fn authenticate(
    region: &Inner,
    auth: &Authorization,
    request: &SignedRequest<'_>,
) -> Result<Caller, SignatureError> {
    let (secret, caller) = secret_of(region, auth)?;
    auth.verify(request, &region.config.region, &secret, jiff::Timestamp::now())?;
    Ok(caller)
}

fn record(
    region: &Inner,
    caller: String,
    service: &str,
    operation: String,
    (outcome, rule): (String, Option<&'static str>),
    started: Instant,
) {
    let latency_micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
    tracing::debug!(service, operation, outcome, caller, latency_micros, "call");
    region.state().calls.push(CallRecord {
        sequence: 0,
        time: jiff::Timestamp::now().to_string(),
        caller,
        service: service.to_owned(),
        operation,
        outcome,
        rule,
        latency_micros,
    });
}
