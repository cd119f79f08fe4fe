//! Instances as records: they start, stop and end in time, and their nodes speak.

use super::NO_MACHINES;
use super::node::Node;
use super::script::Script;
use crate::backend::{self, BackendError, MachineSpec, Machines, Platform, ScriptEnd};
use crate::firewall::Firewall;
use crate::imds::LateDirectory;
use axum::Router;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use tokio_util::sync::CancellationToken;

/// The machines of one region, none of which is there.
pub struct PretendMachines {
    script: Arc<Script>,
    directory: LateDirectory,
    endpoint: OnceLock<Router>,
    records: Mutex<BTreeMap<String, Record>>,
}

/// What is known of one.
struct Record {
    host_name: String,
    /// Boots so far.
    boots: u64,
    /// Ends its node; `None` while it is stopped.
    power: Option<CancellationToken>,
}

impl PretendMachines {
    /// None yet; the directory comes later.
    #[must_use]
    pub fn new(script: Arc<Script>, directory: LateDirectory) -> Arc<Self> {
        Arc::new(Self { script, directory, endpoint: OnceLock::new(), records: Mutex::default() })
    }

    /// The region's endpoint, which nodes call. The second call changes nothing.
    pub fn serve_in_machines(&self, endpoint: Router) {
        let _ = self.endpoint.set(endpoint);
    }

    /// Ids and states of all that have not ended.
    #[must_use]
    pub fn states(&self) -> Vec<(String, &'static str)> {
        let state = |record: &Record| if record.power.is_some() { "pretend" } else { "stopped" };
        self.table().iter().map(|(id, record)| (id.clone(), state(record))).collect()
    }

    fn table(&self) -> MutexGuard<'_, BTreeMap<String, Record>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the node of a machine that has power speak.
    fn boot(&self, id: &str) {
        let (Some(endpoint), Some(directory)) = (self.endpoint.get(), self.directory.get()) else {
            return;
        };
        let mut table = self.table();
        let Some(record) = table.get_mut(id) else { return };
        record.boots += 1;
        let power = CancellationToken::new();
        if let Some(before) = record.power.replace(power.clone()) {
            before.cancel();
        }
        let node =
            Node { id: id.to_owned(), endpoint: endpoint.clone(), directory: directory.clone() };
        let script = self.script.clone();
        tokio::spawn(async move {
            let off = power.run_until_cancelled(node.speak(&script)).await;
            if off == Some(true) {
                node.directory.machine_ended(&node.id, "it powered itself off, as its script says");
            }
        });
    }

    /// Takes its power away; false if there is no such machine.
    fn off(&self, id: &str) -> bool {
        let mut table = self.table();
        let Some(record) = table.get_mut(id) else { return false };
        if let Some(power) = record.power.take() {
            power.cancel();
        }
        true
    }
}

fn unknown(what: &str, id: &str) -> BackendError {
    BackendError { what: format!("{what} {id}"), why: "no such machine".to_owned() }
}

#[async_trait::async_trait]
impl Machines for PretendMachines {
    async fn start(&self, spec: MachineSpec) -> Result<(), BackendError> {
        tokio::time::sleep(self.script.start()).await;
        let new = || Record { host_name: spec.host_name, boots: 0, power: None };
        self.table().entry(spec.instance_id.clone()).or_insert_with(new);
        self.boot(&spec.instance_id);
        Ok(())
    }

    async fn stop(&self, instance_id: &str, _: bool) -> Result<(), BackendError> {
        if !self.off(instance_id) {
            return Err(unknown("stop", instance_id));
        }
        tokio::time::sleep(self.script.end()).await;
        Ok(())
    }

    async fn terminate(&self, instance_id: &str) -> Result<Vec<u8>, BackendError> {
        if self.off(instance_id) {
            tokio::time::sleep(self.script.end()).await;
            self.table().remove(instance_id);
        }
        Ok(self.console(instance_id))
    }

    async fn reboot(&self, instance_id: &str) -> Result<(), BackendError> {
        if !self.off(instance_id) {
            return Err(unknown("reboot", instance_id));
        }
        self.boot(instance_id);
        Ok(())
    }

    async fn firewall(&self, _: Firewall) -> Result<(), BackendError> {
        Ok(())
    }

    fn console(&self, _: &str) -> Vec<u8> {
        format!("{NO_MACHINES}\n").into_bytes()
    }

    async fn platform(&self, instance_id: &str) -> Option<Platform> {
        let table = self.table();
        let record = table.get(instance_id).filter(|record| record.power.is_some())?;
        self.script.agent.then(|| Platform {
            boot: record.boots,
            computer_name: record.host_name.clone(),
            name: "Debian GNU/Linux".to_owned(),
            version: "12".to_owned(),
        })
    }

    async fn run(
        &self,
        instance_id: &str,
        script: &backend::Script,
        _: CancellationToken,
    ) -> Result<ScriptEnd, BackendError> {
        let answer = self.script.answer(&script.text).ok_or_else(|| BackendError {
            what: format!("run a script in {instance_id}"),
            why: format!("{NO_MACHINES}, and its script has no answer to this command"),
        })?;
        Ok(ScriptEnd {
            exit_code: Some(answer.exit),
            stdout: answer.stdout.clone().into_bytes(),
            stderr: answer.stderr.clone().into_bytes(),
        })
    }
}
