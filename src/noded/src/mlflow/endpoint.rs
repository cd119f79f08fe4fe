//! `nixl-noded mlflow-endpoint`: a process of its own, so that a gigabyte of
//! artifacts does not delay the heartbeats of the daemon's two threads.

use crate::administrators::Administrators;
use crate::beat::Beats;
use crate::http::{self, Listening};
use crate::{notify, port, settings};
use anyhow::Context as _;
use nixl_aws::Aws;
use nixl_cluster::MlflowSettings;
use nixl_cluster::mlflow::TOKEN_FILE;
use nixl_mlflow::TrackingResource;
use nixl_mlflow::endpoint::{Allow, Endpoint, Limits, Parts, Upstream};
use sd_notify::NotifyState;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

const RUNTIME_THREADS: usize = 2;
/// Each process of a job keeps a few open.
const MOST_CONNECTIONS: usize = 1024;
/// Nothing moves while a server stores a large body; by then MLflow's clients give up.
const IDLE: Duration = Duration::from_secs(120);
/// What has begun may end; the service manager waits longer.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);
/// What a Small tracking server takes (AWS's sizes, mlflow.md).
const SERVER_REQUESTS_PER_SEC: u32 = 25;
/// The first of these that is set; the first is the one of AWS's plugin.
const URL_VARIABLES: [&str; 2] = ["SAGEMAKER_MLFLOW_CUSTOM_ENDPOINT", "AWS_ENDPOINT_URL"];

/// Options of `mlflow-endpoint`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Settings file.
    #[arg(long, value_name = "FILE", default_value = nixl_cluster::settings::PATH)]
    settings: PathBuf,
    /// File with the token that every request must carry.
    #[arg(long, value_name = "FILE", default_value = TOKEN_FILE)]
    token: PathBuf,
    /// Folder for bodies that do not fit into memory.
    #[arg(long, value_name = "DIR", env = "CACHE_DIRECTORY", default_value = "/var/tmp")]
    bodies: PathBuf,
}

/// Runs until SIGTERM or SIGINT.
///
/// # Errors
/// If there is no MLflow, no token, or the port is taken.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let settings = settings::load(&args.settings)?;
    let arn = settings.mlflow_tracking_arn.with_context(|| {
        format!("there is no MLflow: no mlflow_tracking_arn in {}", args.settings.display())
    })?;
    let resource: TrackingResource = arn.parse()?;
    let token = token(&args.token)?;
    let listener = port::listener(settings.mlflow.listen)
        .context("listen below [mlflow] is the endpoint's address")?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(RUNTIME_THREADS)
        .enable_all()
        .build()
        .context("no runtime")?;
    let done = runtime.block_on(async {
        let endpoint = endpoint(resource, token, &settings.mlflow, &args.bodies).await?;
        serve(Arc::new(endpoint), listener).await
    });
    runtime.shutdown_background();
    done
}

fn token(path: &Path) -> anyhow::Result<String> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("{} cannot be read", path.display()))?;
    let token = text.trim();
    anyhow::ensure!(!token.is_empty(), "{} is empty", path.display());
    Ok(token.to_owned())
}

async fn endpoint(
    resource: TrackingResource,
    token: String,
    settings: &MlflowSettings,
    bodies: &Path,
) -> anyhow::Result<Endpoint> {
    let aws = Aws::load(Some(resource.region())).await;
    let credentials = aws.sdk().credentials_provider().context("no source of credentials")?;
    let url = match settings.endpoint.clone().or_else(url_of_environment) {
        Some(url) => url,
        None => resource.endpoint()?,
    };
    let usual = match resource {
        TrackingResource::Server { .. } => Some(SERVER_REQUESTS_PER_SEC),
        TrackingResource::App { .. } => None,
    };
    tracing::info!(arn = resource.arn(), url, "MLflow's endpoint on {}", settings.listen);
    Ok(Endpoint::new(Parts {
        resource,
        upstream: Upstream::new(&url)?,
        credentials,
        token,
        allow: Allow::parse(&settings.allow)?,
        requests_per_sec: settings.requests_per_sec.or(usual),
        body_folder: bodies.to_owned(),
        body_disk_bytes: settings.body_disk_bytes,
        limits: Limits::default(),
    }))
}

fn url_of_environment() -> Option<String> {
    let set = |name| std::env::var(name).ok().filter(|url: &String| !url.is_empty());
    URL_VARIABLES.into_iter().find_map(set)
}

async fn serve(endpoint: Arc<Endpoint>, listener: std::net::TcpListener) -> anyhow::Result<()> {
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let beat = Beats::default().task("http");
    let administrators = Administrators::below(Path::new("/"));
    let listening = Listening::with_places(listener, beat, MOST_CONNECTIONS, IDLE)?;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let served = axum::serve(listening, http::passing(endpoint.clone(), administrators))
        .with_graceful_shutdown(async { drop(stopped.await) });
    let served = tokio::spawn(async move { served.await });
    notify::tell(&[NotifyState::Ready]);
    tokio::select! {
        _ = term.recv() => {}
        _ = int.recv() => {}
        () = endpoint.run() => {}
    }
    notify::tell(&[NotifyState::Stopping]);
    drop(stop);
    // What is still under way then is cut off, as the service manager would.
    let _ = tokio::time::timeout(STOP_TIMEOUT, served).await;
    Ok(())
}
