//! What all commands on nodes need.

use super::Cli;
use crate::access::nodes::{Found, all};
use crate::services::Services;
use crate::wiring;
use anyhow::bail;
use nixl_aws::{Aws, ssm};
use std::process::ExitCode;

/// A command whose own exit code is the result; everything is told already.
#[derive(Debug, thiserror::Error)]
#[error("exit code {0}")]
pub struct Exited(pub u8);

impl From<&Exited> for ExitCode {
    fn from(exited: &Exited) -> Self {
        Self::from(exited.0)
    }
}

/// The cluster and its nodes.
pub(super) struct Access {
    pub services: Services,
    pub nodes: Vec<Found>,
    pub region: String,
    /// Where SSM is called.
    pub endpoint: String,
}

impl Access {
    pub async fn load(cli: &Cli) -> anyhow::Result<Self> {
        let aws = Aws::load(cli.region.as_deref()).await;
        let Some(region) = aws.region().map(str::to_owned) else {
            bail!(
                "no region: set AWS_REGION or pass --region (for the local region: `eval \"$(nixl-region env)\"`)"
            );
        };
        let services = wiring::services(&aws);
        let nodes = all(&services, &cli.cluster, &region).await?;
        let endpoint = ssm::Client::new(&aws).endpoint().unwrap_or_default().to_owned();
        Ok(Self { services, nodes, region, endpoint })
    }
}

/// `Ok` for 0.
pub(super) fn exited(code: u8) -> anyhow::Result<()> {
    if code == 0 { Ok(()) } else { Err(Exited(code).into()) }
}

/// Ends a wait by Ctrl-C or SIGTERM.
pub(super) async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let terminated = async {
        match signal(SignalKind::terminate()) {
            Ok(mut signal) => drop(signal.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminated => {}
    }
}
