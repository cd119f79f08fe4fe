//! One machine: started, watched, restarted after a reboot, removed.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Child;
use tokio::sync::watch;

use super::cgroup::Cgroup;
use super::console::Console;
use super::doors::Doors;
use super::nspawn::Overlay;
use super::record::{MachineRecord, leader};
use crate::backend::{BackendError, MachineSpec};
use crate::imds::{self, LateDirectory};
use crate::layout::Layout;
use crate::net::Network;
use crate::process::{ProcessRef, kill, write_atomic};

/// nspawn's exit status when the machine asked for a reboot.
const REBOOT: i32 = 133;
/// How long an orderly power-off may take.
const POWER_OFF_PATIENCE: Duration = Duration::from_secs(5);
/// How long an orderly reboot may take before it is forced (EC2: 4 minutes).
const REBOOT_PATIENCE: Duration = Duration::from_secs(30);
/// How long a machine's init may take to appear.
const START_PATIENCE: Duration = Duration::from_secs(30);
/// How long the kernel may take to let go of killed processes.
const KILL_PATIENCE: Duration = Duration::from_secs(10);

/// Where a machine stands: the running nspawn with the number of its boot,
/// or why it ended.
#[derive(Debug, Clone)]
enum Phase {
    Starting,
    Running(ProcessRef, u64),
    Ended(String),
}

pub(super) struct Machine {
    spec: MachineSpec,
    layout: Layout,
    network: Network,
    directory: LateDirectory,
    port: u16,
    cgroup: Cgroup,
    console: Console,
    doors: Doors,
    stopping: AtomicBool,
    /// `start` has returned well; before, a failure is its to tell.
    started: AtomicBool,
    restart: AtomicBool,
    phase: watch::Sender<Phase>,
}

impl Machine {
    pub(super) fn new(
        spec: MachineSpec,
        layout: Layout,
        network: Network,
        directory: LateDirectory,
        port: u16,
    ) -> Arc<Self> {
        let id = &spec.instance_id;
        Arc::new(Self {
            cgroup: Cgroup::named(&layout.cgroup_of(id)),
            console: Console::new(&layout.console_log(id)),
            doors: Doors::default(),
            stopping: AtomicBool::new(false),
            started: AtomicBool::new(false),
            restart: AtomicBool::new(false),
            phase: watch::Sender::new(Phase::Starting),
            spec,
            layout,
            network,
            directory,
            port,
        })
    }

    fn id(&self) -> &str {
        &self.spec.instance_id
    }

    fn fail(&self, what: &str, why: impl ToString) -> BackendError {
        BackendError { what: format!("{what} {}", self.id()), why: why.to_string() }
    }

    /// Starts it; returns once its init runs.
    pub(super) async fn start(self: &Arc<Self>, endpoint: Router) -> Result<(), BackendError> {
        let fail = |why: String| self.fail("start", why);
        let machine = Arc::clone(self);
        let overlay = blocking(move || machine.prepare()).await.map_err(fail)?;
        let imds = imds::router(Arc::clone(&self.directory), self.id());
        self.doors
            .open(&self.layout.machine_netns(self.id()), self.port, endpoint, imds)
            .map_err(|error| fail(format!("listen inside the machine: {error}")))?;
        let child = self.boot(&overlay, 1).map_err(|error| fail(error.to_string()))?;
        tokio::spawn(Arc::clone(self).supervise(overlay, child));
        self.wait_for_init().await?;
        self.started.store(true, Ordering::SeqCst);
        Ok(())
    }

    fn prepare(&self) -> Result<Overlay, String> {
        let folder = self.layout.machine_dir(self.id());
        let overlay = Overlay::prepare(&folder, &self.spec.root).map_err(|e| e.to_string())?;
        self.write_identity(&overlay).map_err(|e| format!("write its disk: {e}"))?;
        self.network
            .attach(self.id(), self.spec.private_ip, &self.spec.mac)
            .map_err(|e| e.to_string())?;
        Ok(overlay)
    }

    /// What the region gives a machine: where the endpoint is (for units), and,
    /// beside its disk, the identity by which cloud-init knows that this is EC2
    /// and asks for IMDSv2 tokens: `/sys/hypervisor/uuid`, as on a Xen instance.
    fn write_identity(&self, overlay: &Overlay) -> io::Result<()> {
        let drop_in = overlay.upper().join("etc/systemd/system.conf.d");
        std::fs::create_dir_all(&drop_in)?;
        let text = format!(
            "[Manager]\nDefaultEnvironment=\"AWS_ENDPOINT_URL=http://127.0.0.1:{}\"\n",
            self.port
        );
        write_atomic(&drop_in.join("50-nixl-region.conf"), text.as_bytes(), 0o644)?;
        let uuid = uuid::Uuid::new_v4().to_string();
        write_atomic(&self.hypervisor_uuid(), format!("ec2{}\n", &uuid[3..]).as_bytes(), 0o444)
    }

    fn hypervisor_uuid(&self) -> PathBuf {
        self.layout.machine_dir(self.id()).join("hypervisor-uuid")
    }

    fn boot(self: &Arc<Self>, overlay: &Overlay, boot: u64) -> io::Result<Child> {
        let name = self.layout.machine_netns(self.id());
        let mut child = overlay
            .nspawn(&name, self.cgroup.create()?)
            .arg("--boot")
            // A console of its own, of which we get what is written to it.
            .arg("--console=read-only")
            .arg("--resolv-conf=off")
            .arg(format!("--hostname={}", self.spec.host_name))
            .arg(format!("--network-namespace-path=/run/netns/{name}"))
            .arg(format!("--bind-ro={}:/sys/hypervisor/uuid", self.hypervisor_uuid().display()))
            // `/sys` as with a private network; with a namespace given by path
            // nspawn forgets that, and `/sys/hypervisor` could not be made.
            .env("SYSTEMD_NSPAWN_API_VFS_WRITABLE", "network")
            .spawn()?;
        let pid = child.id().and_then(ProcessRef::of);
        let nspawn = pid.ok_or_else(|| io::Error::other("systemd-nspawn ended at once"))?;
        if let Some(stdout) = child.stdout.take() {
            tokio::spawn(Arc::clone(self).keep_output(stdout));
        }
        if let Some(stderr) = child.stderr.take() {
            tokio::spawn(Arc::clone(self).keep_output(stderr));
        }
        let record = MachineRecord {
            instance_id: self.id().to_owned(),
            private_ip: self.spec.private_ip,
            nspawn,
        };
        record.write(&self.layout.machine_record(self.id()))?;
        self.phase.send_replace(Phase::Running(nspawn, boot));
        Ok(child)
    }

    async fn keep_output(self: Arc<Self>, mut from: impl AsyncRead + Unpin) {
        let mut buffer = [0; 8192];
        while let Ok(size @ 1..) = from.read(&mut buffer).await {
            if let Err(error) = self.console.write(&buffer[..size]) {
                tracing::warn!(instance_id = self.id(), %error, "console not kept");
            }
        }
    }

    async fn wait_for_init(&self) -> Result<(), BackendError> {
        let deadline = tokio::time::Instant::now() + START_PATIENCE;
        loop {
            let phase = self.phase.borrow().clone();
            match phase {
                Phase::Running(nspawn, _) if leader(nspawn).is_some() => return Ok(()),
                Phase::Ended(why) => return Err(self.fail("start", why)),
                _ if tokio::time::Instant::now() > deadline => {
                    return Err(self.fail("start", "its init did not appear in 30 s"));
                }
                _ => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    }

    /// Follows the machine until it ends for good.
    async fn supervise(self: Arc<Self>, overlay: Overlay, mut child: Child) {
        for boot in 2.. {
            let code = child.wait().await.ok().and_then(|status| status.code());
            let forced = self.restart.swap(false, Ordering::SeqCst);
            let stopping = self.stopping.load(Ordering::SeqCst);
            // The next boot mounts the same disk: nobody else may still use it.
            let cgroup = self.cgroup.clone();
            let _ = tokio::task::spawn_blocking(move || cgroup.kill(KILL_PATIENCE)).await;
            let why = if stopping {
                "terminated".into()
            } else if code == Some(REBOOT) || forced {
                match self.boot(&overlay, boot) {
                    Ok(next) => {
                        tracing::info!(instance_id = self.id(), boot, "rebooted");
                        child = next;
                        continue;
                    }
                    Err(error) => format!("reboot: {error}"),
                }
            } else {
                self.last_words(code)
            };
            self.end(why);
            return;
        }
    }

    fn last_words(&self, code: Option<i32>) -> String {
        match code {
            Some(0) => "powered off".into(),
            code => {
                let tail = self.console.tail();
                let text = String::from_utf8_lossy(&tail);
                // nspawn's own tidying up complains last, whatever went wrong.
                let last = text.lines().rev().find(|line| {
                    !line.trim().is_empty() && !line.contains("/run/systemd/nspawn/propagate")
                });
                let status = code.map_or("a signal".into(), |code| format!("status {code}"));
                format!(
                    "systemd-nspawn ended with {status}: {}",
                    last.unwrap_or("no output").trim()
                )
            }
        }
    }

    fn end(&self, why: String) {
        self.phase.send_replace(Phase::Ended(why.clone()));
        if self.started.load(Ordering::SeqCst) && !self.stopping.load(Ordering::SeqCst) {
            tracing::info!(instance_id = self.id(), why, "machine ended by itself");
            if let Some(directory) = self.directory.get() {
                directory.machine_ended(self.id(), &why);
            }
        }
    }

    /// Asks systemd to power off, then kills what is left (systemd(1),
    /// "Signals": SIGRTMIN+4).
    pub(super) async fn power_off(&self) {
        self.stopping.store(true, Ordering::SeqCst);
        let phase = self.phase.borrow().clone();
        if let Phase::Running(nspawn, _) = phase
            && let Some(leader) = leader(nspawn)
        {
            kill(leader, libc::SIGRTMIN() + 4);
            let mut phase = self.phase.subscribe();
            let ended = phase.wait_for(|phase| matches!(phase, Phase::Ended(_)));
            let _ = tokio::time::timeout(POWER_OFF_PATIENCE, ended).await;
        }
        let cgroup = self.cgroup.clone();
        if !matches!(
            tokio::task::spawn_blocking(move || cgroup.kill(KILL_PATIENCE)).await,
            Ok(true)
        ) {
            tracing::error!(instance_id = self.id(), "processes of the machine do not die");
        }
    }

    /// Removes everything the machine had.
    pub(super) async fn remove(self: &Arc<Self>) {
        self.stopping.store(true, Ordering::SeqCst);
        self.doors.close().await;
        let machine = Arc::clone(self);
        let removed = blocking(move || {
            machine.cgroup.kill(KILL_PATIENCE);
            let id = machine.id();
            let results = [
                machine.network.detach(id).map_err(|e| e.to_string()),
                machine.cgroup.remove(KILL_PATIENCE).map_err(|e| format!("cgroup: {e}")),
                remove_dir(&machine.layout.machine_dir(id)).map_err(|e| format!("disk: {e}")),
                super::sweep::remove_propagation(&machine.layout.machine_netns(id))
                    .map_err(|e| format!("propagation folder: {e}")),
            ];
            match results.into_iter().filter_map(Result::err).collect::<Vec<_>>() {
                errors if errors.is_empty() => Ok(()),
                errors => Err(errors.join("; ")),
            }
        });
        if let Err(error) = removed.await {
            tracing::error!(instance_id = self.id(), error, "machine not removed whole");
        }
    }

    /// Asks systemd to reboot (SIGRTMIN+5); forces it when nothing happens.
    pub(super) fn reboot(self: &Arc<Self>) -> Result<(), BackendError> {
        let Phase::Running(nspawn, boot) = self.phase.borrow().clone() else {
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
                machine.restart.store(true, Ordering::SeqCst);
                let cgroup = machine.cgroup.clone();
                let _ = tokio::task::spawn_blocking(move || cgroup.kill(KILL_PATIENCE)).await;
            }
        });
        Ok(())
    }

    pub(super) fn state(&self) -> &'static str {
        match *self.phase.borrow() {
            Phase::Starting => "pending",
            Phase::Running(..) if self.stopping.load(Ordering::SeqCst) => "shutting-down",
            Phase::Running(..) => "running",
            Phase::Ended(_) => "stopped",
        }
    }

    pub(super) fn console(&self) -> Vec<u8> {
        self.console.tail()
    }
}

fn remove_dir(path: &std::path::Path) -> io::Result<()> {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, String> {
    tokio::task::spawn_blocking(work).await.map_err(|error| error.to_string())?
}
