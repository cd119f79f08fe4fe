//! The machine half of a region: real, or one that only pretends.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use axum::Router;

use super::state::Credentials;
use super::{MachineKind, Settings, machine_routes, pretend_routes};
use crate::backend::{Builder, Directory, Machines, RootFs, TrackingServers};
use crate::base_image;
use crate::build::NspawnBuilder;
use crate::imds::LateDirectory;
use crate::layout::Layout;
use crate::machine::NspawnMachines;
use crate::mlflow::{MlflowServers, Store};
use crate::pretend::{self, PretendBuilder, PretendMachines, PretendServers, Script};
use crate::server::Region;

/// One of both.
pub(super) enum Half {
    Real {
        machines: Arc<NspawnMachines>,
        tracking: Arc<MlflowServers>,
    },
    Pretend {
        machines: Arc<PretendMachines>,
        builder: Arc<PretendBuilder>,
        tracking: Arc<PretendServers>,
    },
}

impl Half {
    pub(super) fn make(
        layout: &Layout,
        cache_dir: &Path,
        settings: &Settings,
        credentials: &Credentials,
        directory: &LateDirectory,
    ) -> anyhow::Result<Self> {
        if settings.machines == MachineKind::Pretend {
            let script = Arc::new(script(settings)?);
            let machines = PretendMachines::new(script.clone(), Arc::clone(directory));
            let builder = PretendBuilder::new(script);
            return Ok(Self::Pretend { machines, builder, tracking: Arc::default() });
        }
        let store = Store {
            endpoint_url: credentials.endpoint_url.clone(),
            region: credentials.region.clone(),
            access_key_id: credentials.access_key_id.clone(),
            secret_access_key: credentials.secret_access_key.clone(),
        };
        let (port, hardware) = (settings.port, settings.hardware());
        Ok(Self::Real {
            machines: NspawnMachines::new(layout, Arc::clone(directory), port, hardware)?,
            tracking: MlflowServers::new(layout, &settings.venv(cache_dir), store),
        })
    }

    pub(super) fn machines(&self) -> Arc<dyn Machines> {
        match self {
            Self::Real { machines, .. } => machines.clone(),
            Self::Pretend { machines, .. } => machines.clone(),
        }
    }

    pub(super) fn builder(&self, layout: &Layout) -> Arc<dyn Builder> {
        match self {
            Self::Real { .. } => NspawnBuilder::new(layout),
            Self::Pretend { builder, .. } => builder.clone(),
        }
    }

    pub(super) fn tracking(&self) -> Arc<dyn TrackingServers> {
        match self {
            Self::Real { tracking, .. } => tracking.clone(),
            Self::Pretend { tracking, .. } => tracking.clone(),
        }
    }

    /// What Debian's image is made of; nothing is there where nothing boots.
    pub(super) fn base_image(&self, layout: &Layout, cache_dir: &Path) -> anyhow::Result<RootFs> {
        match self {
            Self::Real { .. } => {
                Ok(base_image::ensure(cache_dir, &|line| tracing::info!("{line}"))?)
            }
            Self::Pretend { .. } => Ok(RootFs { layers: vec![layout.state_dir().join("no-root")] }),
        }
    }

    /// What a new region has that this half cannot make.
    pub(super) fn furnish(&self, region: &Region) {
        if matches!(self, Self::Pretend { .. }) {
            pretend::register(region);
        }
    }

    /// Control routes of machines and links.
    pub(super) fn routes(&self, token: &str, directory: Arc<dyn Directory>) -> Router {
        match self {
            Self::Real { machines, .. } => {
                machine_routes::router(token, machines.clone(), directory)
            }
            Self::Pretend { machines, .. } => {
                pretend_routes::router(token, machines.clone(), directory)
            }
        }
    }

    pub(super) fn serve_in_machines(&self, endpoint: Router) {
        match self {
            Self::Real { machines, .. } => machines.serve_in_machines(endpoint),
            Self::Pretend { machines, .. } => machines.serve_in_machines(endpoint),
        }
    }

    /// Ends what the region's end has left.
    pub(super) async fn shutdown(&self) {
        if let Self::Real { machines, tracking } = self {
            tokio::join!(machines.shutdown(), tracking.shutdown());
        }
    }
}

/// What nodes do, by the file that was named.
pub(super) fn script(settings: &Settings) -> anyhow::Result<Script> {
    let Some(path) = &settings.script else { return Ok(Script::default()) };
    let text = std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
    Script::parse(&text).with_context(|| path.display().to_string())
}
