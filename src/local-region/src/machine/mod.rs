//! Machines: `systemd-nspawn --boot` over an overlay of the image's layers,
//! each in its own mount namespace, network namespace and cgroup.

mod agent;
pub mod cgroup;
mod clock;
mod commands;
mod console;
mod disk;
mod doors;
pub mod exec;
mod given;
mod gpus;
mod hardware;
pub(crate) mod nspawn;
mod power;
pub mod record;
mod supervise;
pub mod sweep;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use axum::Router;
use tokio_util::sync::CancellationToken;

use crate::backend::{BackendError, MachineSpec, Machines, Platform, Script, ScriptEnd};
use crate::firewall::Firewall;
use crate::imds::LateDirectory;
use crate::layout::Layout;
use crate::net::{Links, Network};
pub use commands::DiskSpace;
pub use gpus::GpuState;
pub use hardware::Hardware;
use supervise::Machine;

/// How long an orderly power-off may take when the disk goes anyway.
const TERMINATE_PATIENCE: Duration = Duration::from_secs(5);
/// The same when the disk stays (EC2: minutes).
const STOP_PATIENCE: Duration = Duration::from_secs(20);

/// The machines of one region.
pub struct NspawnMachines {
    layout: Layout,
    network: Network,
    directory: LateDirectory,
    port: u16,
    hardware: Hardware,
    endpoint: OnceLock<Router>,
    running: Mutex<HashMap<String, Arc<Machine>>>,
}

impl NspawnMachines {
    /// Makes the region's network; machines come later.
    pub fn new(
        layout: &Layout,
        directory: LateDirectory,
        port: u16,
        hardware: Hardware,
    ) -> Result<Arc<Self>, BackendError> {
        let network = Network::create(layout).map_err(|error| BackendError {
            what: "make the region's network".into(),
            why: error.to_string(),
        })?;
        Ok(Arc::new(Self {
            layout: layout.clone(),
            network,
            directory,
            port,
            hardware,
            endpoint: OnceLock::new(),
            running: Mutex::default(),
        }))
    }

    /// The region's endpoint, to be served on every machine's loopback too.
    /// Late, because the endpoint is made with the machines; the second call
    /// changes nothing.
    pub fn serve_in_machines(&self, endpoint: Router) {
        let _ = self.endpoint.set(endpoint);
    }

    /// What is done to the machines' links.
    pub fn links(&self) -> &Links {
        self.network.links()
    }

    /// Ids of the machines that exist now.
    pub fn ids(&self) -> Vec<String> {
        let mut ids: Vec<_> = self.table().keys().cloned().collect();
        ids.sort();
        ids
    }

    /// Ids and states of the machines that exist now.
    pub fn states(&self) -> Vec<(String, &'static str)> {
        let mut states: Vec<_> =
            self.table().iter().map(|(id, machine)| (id.clone(), machine.state())).collect();
        states.sort();
        states
    }

    /// Powers all machines off, at the same time, and removes them.
    pub async fn shutdown(&self) {
        let ids = self.ids();
        let results = futures_util::future::join_all(ids.iter().map(|id| self.terminate(id))).await;
        for error in results.into_iter().filter_map(Result::err) {
            tracing::warn!(%error, "machine left behind");
        }
    }

    fn table(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<Machine>>> {
        self.running.lock().unwrap_or_else(|e| e.into_inner())
    }

    fn machine(&self, instance_id: &str) -> Option<Arc<Machine>> {
        self.table().get(instance_id).cloned()
    }

    fn known(&self, what: &str, instance_id: &str) -> Result<Arc<Machine>, BackendError> {
        self.machine(instance_id).ok_or_else(|| BackendError {
            what: format!("{what} {instance_id}"),
            why: "no such machine".into(),
        })
    }
}

#[async_trait::async_trait]
impl Machines for NspawnMachines {
    async fn start(&self, spec: MachineSpec) -> Result<(), BackendError> {
        let id = spec.instance_id.clone();
        let endpoint = self.endpoint.get().cloned().unwrap_or_default();
        let machine = Machine::new(
            spec,
            self.layout.clone(),
            self.network.clone(),
            Arc::clone(&self.directory),
            self.port,
            self.hardware,
        );
        let stopped = {
            let mut table = self.table();
            let before = table.get(&id).map(|before| before.ended());
            if before == Some(false) {
                return Err(machine.fail("start", "it runs already"));
            }
            table.insert(id.clone(), Arc::clone(&machine));
            before.is_some()
        };
        let started = machine.start(endpoint).await;
        match &started {
            Err(_) if stopped => machine.unplug().await,
            Err(_) => {
                machine.remove().await;
                self.table().remove(&id);
            }
            Ok(()) => {}
        }
        started
    }

    async fn stop(&self, instance_id: &str, orderly: bool) -> Result<(), BackendError> {
        let machine = self.known("stop", instance_id)?;
        machine.power_off(if orderly { STOP_PATIENCE } else { Duration::ZERO }).await;
        machine.unplug().await;
        Ok(())
    }

    async fn terminate(&self, instance_id: &str) -> Result<Vec<u8>, BackendError> {
        let Some(machine) = self.machine(instance_id) else { return Ok(Vec::new()) };
        machine.power_off(TERMINATE_PATIENCE).await;
        machine.remove().await;
        self.table().remove(instance_id);
        Ok(machine.console())
    }

    async fn reboot(&self, instance_id: &str) -> Result<(), BackendError> {
        self.known("reboot", instance_id)?.reboot()
    }

    async fn firewall(&self, firewall: Firewall) -> Result<(), BackendError> {
        let links = self.network.links().clone();
        let set = tokio::task::spawn_blocking(move || links.firewall(firewall)).await;
        let failed = |why: String| BackendError { what: "filter the bridge".into(), why };
        set.map_err(|error| failed(error.to_string()))?.map_err(|error| failed(error.to_string()))
    }

    fn console(&self, instance_id: &str) -> Vec<u8> {
        self.machine(instance_id).map(|machine| machine.console()).unwrap_or_default()
    }

    async fn platform(&self, instance_id: &str) -> Option<Platform> {
        self.machine(instance_id)?.platform().await
    }

    async fn run(
        &self,
        instance_id: &str,
        script: &Script,
        stop: CancellationToken,
    ) -> Result<ScriptEnd, BackendError> {
        match self.machine(instance_id) {
            Some(machine) => machine.run(script, stop).await,
            None => Err(BackendError {
                what: format!("run a script in {instance_id}"),
                why: "no such machine".into(),
            }),
        }
    }
}
