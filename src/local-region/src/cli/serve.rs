//! The region's process: makes the halves, ties them together, serves until
//! SIGTERM, takes everything down. All wiring is here.

use std::net::Ipv4Addr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};

use super::Settings;
use super::half::Half;
use super::state::Credentials;
use crate::backend::Directory;
use crate::imds::LateDirectory;
use crate::layout::Layout;
use crate::mlflow;
use crate::net::prompt;
use crate::process::{ProcessRef, write_atomic};
use crate::server::{Region, RegionConfig};

/// Without the S3 crates: their spans hold whole requests.
const LOG_FILTER: &str = "info,s3s=off,s3s_fs=off";

pub(super) fn run(
    layout: &Layout,
    cache_dir: &Path,
    settings: &Settings,
) -> anyhow::Result<ExitCode> {
    tracing_subscriber::fmt()
        .with_ansi(false)
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_env("NIXL_REGION_LOG")
                .unwrap_or_else(|_| LOG_FILTER.into()),
        )
        .init();
    let lock = std::fs::File::create(layout.lock_file()).context("make the region's lock")?;
    lock.try_lock().context("another region runs with this state folder")?;
    let runtime = tokio::runtime::Runtime::new().context("start the runtime")?;
    runtime.block_on(serve(layout, cache_dir, settings))?;
    Ok(ExitCode::SUCCESS)
}

async fn serve(layout: &Layout, cache_dir: &Path, settings: &Settings) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, settings.port))
        .await
        .with_context(|| format!("listen on 127.0.0.1:{}", settings.port))?;
    let mut credentials = Credentials::generate(settings.port, &settings.region);
    credentials.fixed = settings.fixed()?;

    let directory = LateDirectory::default();
    let half = Half::make(layout, cache_dir, settings, &credentials, &directory)?;

    let region = Region::new(RegionConfig {
        state_dir: layout.state_dir().to_path_buf(),
        region: credentials.region.clone(),
        account_id: credentials.account_id.clone(),
        access_key_id: credentials.access_key_id.clone(),
        secret_access_key: credentials.secret_access_key.clone(),
        endpoint_url: credentials.endpoint_url.clone(),
        control_token: credentials.control_token.clone(),
        machines: half.machines(),
        builder: half.builder(layout),
        tracking: half.tracking(),
        base_image: half.base_image(layout, cache_dir)?,
        record: settings.record.clone(),
    })?;
    let as_directory: Arc<dyn Directory> = Arc::new(region.clone());
    // Set once, here.
    let _ = directory.set(Arc::clone(&as_directory));
    let sessions = crate::session::serve::router(region.sessions(), layout);
    let router = region
        .service()
        .merge(sessions)
        .merge(mlflow::router(Arc::clone(&directory), region.clock()))
        .merge(half.routes(&credentials.control_token, as_directory));
    half.serve_in_machines(router.clone());
    half.furnish(&region);

    credentials.write(layout)?;
    let me = ProcessRef::of(std::process::id()).context("read this process's start time")?;
    write_atomic(&layout.pid_file(), &serde_json::to_vec(&me)?, 0o644)
        .context("write the pid file")?;
    tracing::info!(endpoint = credentials.endpoint_url, "region is up");

    tokio::select! {
        result = axum::serve(prompt(listener), router).into_future() => result.context("serve")?,
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("region goes down");
    region.shutdown().await;
    half.shutdown().await;
    Ok(())
}
