//! What can be done to a machine beside what AWS does to an instance: power
//! cuts, a full disk, a wrong clock.

use std::sync::Arc;
use std::time::Duration;

use super::supervise::{Machine, blocking};
use super::{GpuState, NspawnMachines, disk, exec};
use crate::backend::BackendError;

/// How full a machine's disk is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct DiskSpace {
    /// Taken by `fill_disk`.
    pub filled_bytes: u64,
    /// Free.
    pub free_bytes: u64,
}

impl NspawnMachines {
    /// Takes a machine's power away: no shutdown. It boots again after
    /// `off_for`, or when [`power_on`](Self::power_on) is called.
    pub async fn power_cut(
        &self,
        instance_id: &str,
        off_for: Option<Duration>,
    ) -> Result<(), BackendError> {
        self.known("cut the power of", instance_id)?.power_cut(off_for).await
    }

    /// Gives a machine its power back.
    pub fn power_on(&self, instance_id: &str) -> Result<(), BackendError> {
        self.known("power on", instance_id)?.power_on()
    }

    /// Fills a machine's disk, but for some bytes.
    pub async fn fill_disk(
        &self,
        instance_id: &str,
        leave_bytes: u64,
    ) -> Result<DiskSpace, BackendError> {
        let machine = self.known("fill the disk of", instance_id)?;
        if machine.hardware.disk_bytes.is_none() {
            let why = "the machines share this computer's disk, which is not filled: \
                       bring the region up with --machine-disks 8G";
            return Err(machine.fail("fill the disk of", why));
        }
        machine.disk_space("fill the disk of", disk::FILL, leave_bytes).await
    }

    /// Gives back what [`fill_disk`](Self::fill_disk) took.
    pub async fn free_disk(&self, instance_id: &str) -> Result<DiskSpace, BackendError> {
        let machine = self.known("free the disk of", instance_id)?;
        machine.disk_space("free the disk of", disk::FREE, 0).await
    }

    /// Moves a machine's clock from where it stands; how many seconds it is
    /// ahead of this computer's then.
    pub fn move_clock(&self, instance_id: &str, by_secs: i64) -> Result<i64, BackendError> {
        self.change_clock(instance_id, |ahead| ahead.saturating_add(by_secs))
    }

    /// Puts a machine's clock right.
    pub fn reset_clock(&self, instance_id: &str) -> Result<i64, BackendError> {
        self.change_clock(instance_id, |_| 0)
    }

    /// Makes one of a machine's GPUs as it is to be.
    pub fn set_gpu(&self, id: &str, index: u32, state: GpuState) -> Result<(), BackendError> {
        let machine = self.known("change a GPU of", id)?;
        let fail = |why: String| machine.fail("change a GPU of", why);
        let gpus = machine.gpus().ok_or_else(|| fail("its instance type has none".into()))?;
        gpus.set(index, state).map_err(|error| fail(error.to_string()))
    }

    fn change_clock(
        &self,
        instance_id: &str,
        change: impl FnOnce(i64) -> i64,
    ) -> Result<i64, BackendError> {
        let machine = self.known("change the clock of", instance_id)?;
        let fail = |why: String| machine.fail("change the clock of", why);
        let clock = machine.clock().ok_or_else(|| {
            fail(
                "the machines have this computer's: bring the region up with --machine-clocks"
                    .into(),
            )
        })?;
        let ahead_secs = clock.ahead_secs().map(change).map_err(|e| fail(e.to_string()))?;
        clock.set(ahead_secs).map_err(|e| fail(e.to_string()))?;
        Ok(ahead_secs)
    }
}

impl Machine {
    /// Runs one of the scripts about its disk, which tell of it.
    async fn disk_space(
        self: &Arc<Self>,
        what: &str,
        script: &'static str,
        argument: u64,
    ) -> Result<DiskSpace, BackendError> {
        let (_, leader) = self.init().ok_or_else(|| self.fail(what, "it is not running"))?;
        let argument = argument.to_string();
        let told = blocking(move || {
            let argv = ["bash", "-c", script, "disk", &argument].map(str::to_owned);
            let output = exec::enter(leader, &argv).output().map_err(|e| e.to_string())?;
            let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).trim().to_owned();
            if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
        });
        let told = told.await.map_err(|why| self.fail(what, why))?;
        let mut numbers = told.split_whitespace().map(str::parse);
        match (numbers.next(), numbers.next()) {
            (Some(Ok(filled_bytes)), Some(Ok(free_bytes))) => {
                Ok(DiskSpace { filled_bytes, free_bytes })
            }
            _ => Err(self.fail(what, format!("df in the machine said {told:?}"))),
        }
    }
}
