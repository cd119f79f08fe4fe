//! What is done to a running machine: power-off, reboot, power cut, removal.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::MutexGuard;
use tokio::time::Instant;

use super::record::leader;
use super::supervise::{KILL_PATIENCE, Machine, Phase, Wish, blocking};
use crate::backend::BackendError;
use crate::process::kill;

/// How long an orderly reboot may take before it is forced (EC2: 4 minutes).
const REBOOT_PATIENCE: Duration = Duration::from_secs(30);

impl Machine {
    /// Asks systemd to power off, then kills what is left after `patience`
    /// (systemd(1), "Signals": SIGRTMIN+4).
    pub(super) async fn power_off(&self, patience: Duration) {
        self.wish.send_replace(Wish::End);
        let phase = self.phase.borrow().clone();
        if let Phase::Running(nspawn, _) = phase
            && let Some(leader) = leader(nspawn)
            && !patience.is_zero()
        {
            kill(leader, libc::SIGRTMIN() + 4);
            self.until_ended(patience).await;
        }
        self.kill().await;
        if !matches!(*self.phase.borrow(), Phase::Starting) {
            self.until_ended(KILL_PATIENCE).await;
        }
    }

    async fn until_ended(&self, patience: Duration) {
        let mut phase = self.phase.subscribe();
        let ended = phase.wait_for(|phase| matches!(phase, Phase::Ended(_)));
        // Who waits has another means, or nothing to wait for any more.
        let _ = tokio::time::timeout(patience, ended).await;
    }

    /// Kills its processes; what they have not written is lost.
    pub(super) async fn kill(&self) {
        self.kill_all(self.killing.lock().await).await;
    }

    async fn kill_all(&self, _killing: MutexGuard<'_, ()>) {
        let cgroup = self.cgroup.clone();
        let dead = tokio::task::spawn_blocking(move || cgroup.kill(KILL_PATIENCE)).await;
        if !matches!(dead, Ok(true)) {
            tracing::error!(instance_id = self.id(), "processes of the machine do not die");
        }
    }

    /// Takes its power away, for a time or until `power_on`.
    pub(super) async fn power_cut(&self, off_for: Option<Duration>) -> Result<(), BackendError> {
        if !matches!(*self.phase.borrow(), Phase::Running(..)) {
            return Err(self.fail("cut the power of", "it is not running"));
        }
        // Held until it is dead: who still kills would kill the next boot.
        let killing = self.killing.lock().await;
        self.wish.send_replace(Wish::Off(off_for.map(|time| Instant::now() + time)));
        self.kill_all(killing).await;
        Ok(())
    }

    /// Gives power back after a power cut.
    pub(super) fn power_on(&self) -> Result<(), BackendError> {
        let was_off = self.wish.send_if_modified(|wish| {
            let off = matches!(wish, Wish::Off(_));
            *wish = if off { Wish::Boot } else { *wish };
            off
        });
        let why = "it has power; an instance that was stopped starts by StartInstances";
        if was_off { Ok(()) } else { Err(self.fail("power on", why)) }
    }

    /// Asks systemd to reboot (SIGRTMIN+5); forces it when nothing happens.
    pub(super) fn reboot(self: &Arc<Self>) -> Result<(), BackendError> {
        let Phase::Running(nspawn, boot) = *self.phase.borrow() else {
            return Err(self.fail("reboot", "it is not running"));
        };
        let Some(leader) = leader(nspawn) else {
            return Err(self.fail("reboot", "its init is not running"));
        };
        kill(leader, libc::SIGRTMIN() + 5);
        let machine = Arc::clone(self);
        tokio::spawn(async move {
            let mut phase = machine.phase.subscribe();
            let next = phase.wait_for(|phase| !matches!(phase, Phase::Running(_, b) if *b == boot));
            if tokio::time::timeout(REBOOT_PATIENCE, next).await.is_err() {
                tracing::warn!(instance_id = machine.id(), "reboot forced");
                let killing = machine.killing.lock().await;
                machine.wish.send_if_modified(|wish| {
                    let own = *wish == Wish::Own;
                    *wish = if own { Wish::Boot } else { *wish };
                    own
                });
                machine.kill_all(killing).await;
            }
        });
        Ok(())
    }

    /// Whether it is over, so that only its disk is left.
    pub(super) fn ended(&self) -> bool {
        matches!(*self.phase.borrow(), Phase::Ended(_))
    }

    /// Removes everything the machine had, except its disk.
    pub(super) async fn unplug(self: &Arc<Self>) {
        self.clear(false).await;
    }

    /// Removes everything the machine had.
    pub(super) async fn remove(self: &Arc<Self>) {
        self.clear(true).await;
    }

    async fn clear(self: &Arc<Self>, disk_too: bool) {
        self.wish.send_replace(Wish::End);
        self.doors.close().await;
        let machine = Arc::clone(self);
        let removed = blocking(move || {
            machine.cgroup.kill(KILL_PATIENCE);
            let id = machine.id();
            let mut results = vec![
                machine.network.detach(id).map_err(|e| e.to_string()),
                machine.cgroup.remove(KILL_PATIENCE).map_err(|e| format!("cgroup: {e}")),
                super::sweep::remove_propagation(&machine.layout.machine_netns(id))
                    .map_err(|e| format!("propagation folder: {e}")),
            ];
            if disk_too {
                let folder = machine.layout.machine_dir(id);
                results.push(remove_dir(&folder).map_err(|e| format!("disk: {e}")));
            }
            match results.into_iter().filter_map(Result::err).collect::<Vec<_>>() {
                errors if errors.is_empty() => Ok(()),
                errors => Err(errors.join("; ")),
            }
        });
        if let Err(error) = removed.await {
            tracing::error!(instance_id = self.id(), error, "machine not removed whole");
        }
    }
}

fn remove_dir(path: &std::path::Path) -> io::Result<()> {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}
