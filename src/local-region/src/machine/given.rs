//! What the region puts into a machine: a layer below its disk and above its
//! image, and files beside.

use std::io;
use std::path::{Path, PathBuf};

use super::clock::MachineClock;
use super::gpus::MachineGpus;
use crate::backend::Gpus;
use crate::process::write_atomic;

/// The folder of one machine, seen as what is given to it.
pub(super) struct Given(PathBuf);

impl Given {
    pub(super) fn of(machine_dir: &Path) -> Self {
        Self(machine_dir.to_owned())
    }

    /// The layer of its root filesystem.
    pub(super) fn layer(&self) -> PathBuf {
        self.0.join("given")
    }

    /// Writes it: where the endpoint is (for units), its clock and GPUs if it
    /// has any, and the identity by which cloud-init knows that this is EC2 and asks for
    /// IMDSv2 tokens: `/sys/hypervisor/uuid`, as on a Xen instance.
    pub(super) fn write(
        &self,
        endpoint_url: &str,
        clock: Option<&MachineClock>,
        gpus: Option<&Gpus>,
    ) -> io::Result<()> {
        let drop_in = self.layer().join("etc/systemd/system.conf.d");
        std::fs::create_dir_all(&drop_in)?;
        let text = format!("[Manager]\nDefaultEnvironment=\"AWS_ENDPOINT_URL={endpoint_url}\"\n");
        write_atomic(&drop_in.join("50-nixl-region.conf"), text.as_bytes(), 0o644)?;
        if let Some(clock) = clock {
            clock.install(&self.layer())?;
        }
        if let Some(gpus) = gpus {
            MachineGpus::of(&self.0).install(&self.layer(), gpus)?;
        }
        if self.hypervisor_uuid().exists() {
            return Ok(());
        }
        let uuid = uuid::Uuid::new_v4().to_string();
        write_atomic(&self.hypervisor_uuid(), format!("ec2{}\n", &uuid[3..]).as_bytes(), 0o444)
    }

    fn hypervisor_uuid(&self) -> PathBuf {
        self.0.join("hypervisor-uuid")
    }

    /// nspawn's argument that shows the identity.
    pub(super) fn bind(&self) -> String {
        format!("--bind-ro={}:/sys/hypervisor/uuid", self.hypervisor_uuid().display())
    }
}
