//! What is written beside a machine for `exec` and `logs`, which run in
//! another process.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::process::{ProcessRef, children, comm, write_atomic};

/// One running machine.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MachineRecord {
    /// `i-…`
    pub instance_id: String,
    /// Private address.
    pub private_ip: std::net::Ipv4Addr,
    /// Its `systemd-nspawn`; another one after each reboot.
    pub nspawn: ProcessRef,
}

impl MachineRecord {
    /// Writes it.
    pub fn write(&self, path: &Path) -> std::io::Result<()> {
        write_atomic(path, &serde_json::to_vec_pretty(self)?, 0o600)
    }

    /// Reads it.
    pub fn read(path: &Path) -> std::io::Result<Self> {
        Ok(serde_json::from_slice(&std::fs::read(path)?)?)
    }

    /// The machine's pid 1 as this computer sees it, once it runs.
    pub fn leader(&self) -> Option<u32> {
        leader(self.nspawn)
    }
}

/// The machine's pid 1: the child of nspawn that has become systemd.
pub fn leader(nspawn: ProcessRef) -> Option<u32> {
    if !nspawn.alive() {
        return None;
    }
    children(nspawn.pid).into_iter().find(|pid| comm(*pid).as_deref() == Some("systemd"))
}
