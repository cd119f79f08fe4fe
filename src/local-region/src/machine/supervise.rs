//! One machine: started, watched, started again after a reboot; `power` has
//! what is done to it.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Child;
use tokio::sync::watch;
use tokio::time::Instant;

use super::cgroup::Cgroup;
use super::clock::MachineClock;
use super::console::Console;
use super::disk;
use super::doors::Doors;
use super::given::Given;
use super::gpus::MachineGpus;
use super::hardware::Hardware;
use super::nspawn::Overlay;
use super::record::{MachineRecord, leader};
use crate::backend::{BackendError, MachineSpec, Platform};
use crate::imds::{self, LateDirectory};
use crate::layout::Layout;
use crate::net::Network;
use crate::process::ProcessRef;

/// nspawn's exit status when the machine asked for a reboot.
const REBOOT: i32 = 133;
/// How long a machine's init may take to appear.
const START_PATIENCE: Duration = Duration::from_secs(30);
/// How long the kernel may take to let go of killed processes.
pub(super) const KILL_PATIENCE: Duration = Duration::from_secs(10);

/// Where a machine stands: the running nspawn with the number of its boot,
/// without power, or why it ended.
#[derive(Debug, Clone)]
pub(super) enum Phase {
    Starting,
    Running(ProcessRef, u64),
    Off,
    Ended(String),
}

/// What is to become of a machine once its nspawn has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    /// What the machine itself asked for: a reboot or its end.
    Own,
    /// Boot again, however it ended.
    Boot,
    /// Stay without power until then, or until another wish.
    Off(Option<Instant>),
    /// It is over.
    End,
}

pub(super) struct Machine {
    pub(super) spec: MachineSpec,
    pub(super) layout: Layout,
    pub(super) network: Network,
    directory: LateDirectory,
    port: u16,
    pub(super) hardware: Hardware,
    pub(super) cgroup: Cgroup,
    console: Console,
    pub(super) doors: Doors,
    /// `start` has returned well; before, a failure is its to tell.
    started: AtomicBool,
    pub(super) wish: watch::Sender<Wish>,
    pub(super) phase: watch::Sender<Phase>,
    /// Held by who kills its processes, until they are dead.
    pub(super) killing: tokio::sync::Mutex<()>,
    /// What the machine said of itself in this boot.
    pub(super) platform: Mutex<Option<Platform>>,
}

impl Machine {
    pub(super) fn new(
        spec: MachineSpec,
        layout: Layout,
        network: Network,
        directory: LateDirectory,
        port: u16,
        hardware: Hardware,
    ) -> Arc<Self> {
        let id = &spec.instance_id;
        Arc::new(Self {
            cgroup: Cgroup::named(&layout.cgroup_of(id)),
            console: Console::new(&layout.console_log(id)),
            doors: Doors::default(),
            started: AtomicBool::new(false),
            wish: watch::Sender::new(Wish::Own),
            phase: watch::Sender::new(Phase::Starting),
            killing: tokio::sync::Mutex::default(),
            platform: Mutex::default(),
            spec,
            layout,
            network,
            directory,
            port,
            hardware,
        })
    }

    pub(super) fn id(&self) -> &str {
        &self.spec.instance_id
    }

    /// Its nspawn and its pid 1, while it runs.
    pub(super) fn init(&self) -> Option<(ProcessRef, u32)> {
        let Phase::Running(nspawn, _) = *self.phase.borrow() else { return None };
        Some((nspawn, leader(nspawn)?))
    }

    /// The endpoint as seen from inside.
    pub(super) fn endpoint_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(super) fn fail(&self, what: &str, why: impl ToString) -> BackendError {
        BackendError { what: format!("{what} {}", self.id()), why: why.to_string() }
    }

    /// Starts it on the disk in its folder, or a new one; returns once its init runs.
    pub(super) async fn start(self: &Arc<Self>, endpoint: Router) -> Result<(), BackendError> {
        let started = self.try_start(endpoint).await;
        match &started {
            Ok(()) => self.started.store(true, Ordering::SeqCst),
            Err(error) => {
                self.phase.send_replace(Phase::Ended(error.why.clone()));
            }
        }
        started
    }

    async fn try_start(self: &Arc<Self>, endpoint: Router) -> Result<(), BackendError> {
        let fail = |why: String| self.fail("start", why);
        let machine = Arc::clone(self);
        let overlay = blocking(move || machine.prepare()).await.map_err(fail)?;
        let imds = imds::router(Arc::clone(&self.directory), self.id());
        self.doors
            .open(&self.layout.machine_netns(self.id()), self.port, endpoint, imds)
            .map_err(|error| fail(format!("listen inside the machine: {error}")))?;
        let child = self.boot(&overlay, 1).map_err(|error| fail(error.to_string()))?;
        tokio::spawn(Arc::clone(self).supervise(overlay, child));
        self.wait_for_init().await
    }

    fn prepare(&self) -> Result<Overlay, String> {
        let folder = self.folder();
        let given = Given::of(&folder);
        given
            .write(&self.endpoint_url(), self.clock().as_ref(), self.spec.gpus.as_ref())
            .map_err(|e| format!("write what it is given: {e}"))?;
        let mut root = self.spec.root.clone();
        root.layers.insert(0, given.layer());
        let disk = self.hardware.disk_bytes.map(|bytes| (disk::image(&folder), bytes));
        if let Some((image, bytes)) = &disk {
            disk::ensure(image, *bytes).map_err(|e| format!("make its disk: {e}"))?;
        }
        let overlay = Overlay::prepare(&folder, &root, disk.map(|(image, _)| image))
            .map_err(|e| e.to_string())?;
        self.network
            .attach(self.id(), self.spec.private_ip, &self.spec.mac)
            .map_err(|e| e.to_string())?;
        Ok(overlay)
    }

    fn folder(&self) -> PathBuf {
        self.layout.machine_dir(self.id())
    }

    /// Its own clock, if it has one.
    pub(super) fn clock(&self) -> Option<MachineClock> {
        self.hardware.clocks.then(|| MachineClock::of(&self.folder()))
    }

    /// Its GPUs, if it has any.
    pub(super) fn gpus(&self) -> Option<MachineGpus> {
        self.spec.gpus.as_ref().map(|_| MachineGpus::of(&self.folder()))
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
            .arg(Given::of(&self.folder()).bind())
            .args(self.clock().map(|clock| clock.bind()))
            .args(self.gpus().map(|gpus| gpus.bind()))
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
        let deadline = Instant::now() + START_PATIENCE;
        loop {
            let phase = self.phase.borrow().clone();
            match phase {
                Phase::Running(nspawn, _) if leader(nspawn).is_some() => return Ok(()),
                Phase::Ended(why) => return Err(self.fail("start", why)),
                _ if Instant::now() > deadline => {
                    return Err(self.fail("start", "its init did not appear in 30 s"));
                }
                _ => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    }

    /// Follows the machine until it ends for good.
    async fn supervise(self: Arc<Self>, overlay: Overlay, mut child: Child) {
        let mut boot = 1;
        let why = loop {
            let code = child.wait().await.ok().and_then(|status| status.code());
            // The next boot mounts the same disk: nobody else may still use it.
            self.kill().await;
            if let Err(why) = self.what_next(code).await {
                break why;
            }
            boot += 1;
            match self.boot(&overlay, boot) {
                Ok(next) => child = next,
                Err(error) => break format!("boot again: {error}"),
            }
            tracing::info!(instance_id = self.id(), boot, "booted again");
        };
        self.end(why);
    }

    /// Returns when the machine is to boot again, or why it is not.
    async fn what_next(&self, code: Option<i32>) -> Result<(), String> {
        let mut wishes = self.wish.subscribe();
        loop {
            let wish = *wishes.borrow_and_update();
            match wish {
                Wish::End => return Err("terminated".into()),
                Wish::Own if code != Some(REBOOT) => return Err(self.last_words(code)),
                Wish::Own => return Ok(()),
                Wish::Boot => {
                    self.wish.send_if_modified(|now| {
                        let fulfilled = *now == Wish::Boot;
                        *now = if fulfilled { Wish::Own } else { *now };
                        fulfilled
                    });
                    return Ok(());
                }
                Wish::Off(until) => {
                    self.phase.send_replace(Phase::Off);
                    let back = async {
                        match until {
                            Some(until) => tokio::time::sleep_until(until).await,
                            None => std::future::pending().await,
                        }
                    };
                    tokio::select! {
                        () = back => self.wish.send_if_modified(|now| {
                            let over = *now == wish;
                            *now = if over { Wish::Boot } else { *now };
                            over
                        }),
                        // The sender lives as long as `self`.
                        changed = wishes.changed() => changed.is_ok(),
                    };
                }
            }
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
        if self.started.load(Ordering::SeqCst) && *self.wish.borrow() != Wish::End {
            tracing::info!(instance_id = self.id(), why, "machine ended by itself");
            if let Some(directory) = self.directory.get() {
                directory.machine_ended(self.id(), &why);
            }
        }
    }

    pub(super) fn state(&self) -> &'static str {
        match *self.phase.borrow() {
            Phase::Starting => "pending",
            Phase::Running(..) if *self.wish.borrow() == Wish::End => "shutting-down",
            Phase::Running(..) => "running",
            Phase::Off => "off",
            Phase::Ended(_) => "stopped",
        }
    }

    pub(super) fn console(&self) -> Vec<u8> {
        self.console.tail()
    }
}

pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, String> {
    tokio::task::spawn_blocking(work).await.map_err(|error| error.to_string())?
}
