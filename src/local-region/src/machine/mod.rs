//! Machines: `systemd-nspawn --boot` over an overlay of the image's layers,
//! each in its own mount namespace, network namespace and cgroup.

pub mod cgroup;
mod console;
mod doors;
pub mod exec;
pub(crate) mod nspawn;
pub mod record;
mod supervise;
pub mod sweep;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};

use axum::Router;

use crate::backend::{BackendError, MachineSpec, Machines};
use crate::imds::LateDirectory;
use crate::layout::Layout;
use crate::net::Network;
use supervise::Machine;

/// The machines of one region.
pub struct NspawnMachines {
    layout: Layout,
    network: Network,
    directory: LateDirectory,
    port: u16,
    endpoint: OnceLock<Router>,
    running: Mutex<HashMap<String, Arc<Machine>>>,
}

impl NspawnMachines {
    /// Makes the region's network; machines come later.
    pub fn new(
        layout: &Layout,
        directory: LateDirectory,
        port: u16,
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
        );
        if self.table().insert(id.clone(), Arc::clone(&machine)).is_some() {
            return Err(BackendError {
                what: format!("start {id}"),
                why: "it runs already".into(),
            });
        }
        let started = machine.start(endpoint).await;
        if started.is_err() {
            machine.remove().await;
            self.table().remove(&id);
        }
        started
    }

    async fn terminate(&self, instance_id: &str) -> Result<(), BackendError> {
        let Some(machine) = self.machine(instance_id) else { return Ok(()) };
        machine.power_off().await;
        machine.remove().await;
        self.table().remove(instance_id);
        Ok(())
    }

    async fn reboot(&self, instance_id: &str) -> Result<(), BackendError> {
        match self.machine(instance_id) {
            Some(machine) => machine.reboot(),
            None => Err(BackendError {
                what: format!("reboot {instance_id}"),
                why: "no such machine".into(),
            }),
        }
    }

    fn console(&self, instance_id: &str) -> Vec<u8> {
        self.machine(instance_id).map(|machine| machine.console()).unwrap_or_default()
    }
}
