//! Where the steps run: systemd-nspawn, not booted, over an overlay of the
//! parent, with this computer's network so that apt works.

use std::fs::File;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};

use super::log::{BuildLog, Tail};
use super::place::{Output, Place};
use super::toe::{Console, Stream};
use crate::backend::RootFs;
use crate::layout::Layout;
use crate::machine::cgroup::Cgroup;
use crate::machine::nspawn::Overlay;

const KILL_PATIENCE: Duration = Duration::from_secs(10);
/// Where Image Builder works on the instance.
pub(super) const WORK_DIR: &str = "/tmp";

/// The instance being built.
pub(crate) struct Sandbox {
    overlay: Overlay,
    cgroup: Cgroup,
    name: String,
    folder: PathBuf,
    log: BuildLog,
}

impl Sandbox {
    pub(crate) fn new(
        layout: &Layout,
        id: &str,
        folder: &Path,
        parent: &RootFs,
    ) -> io::Result<Self> {
        let overlay = Overlay::prepare(folder, parent, None)?;
        Ok(Self {
            overlay,
            cgroup: Cgroup::named(&layout.cgroup_of(id)),
            name: layout.machine_netns(id),
            folder: folder.to_owned(),
            log: BuildLog::create(&folder.join("log"))?,
        })
    }

    /// Has the clean-up script run at the end, as a standard build's user data does.
    pub(super) fn want_clean_up(&self) -> io::Result<()> {
        let tmp = self.overlay.upper().join("tmp");
        std::fs::create_dir_all(&tmp)?;
        std::fs::set_permissions(&tmp, std::fs::Permissions::from_mode(0o1777))?;
        File::create(tmp.join("perform_cleanup")).map(drop)
    }

    /// The root, for who has to look at it from outside.
    pub(crate) fn overlay(&self) -> &Overlay {
        &self.overlay
    }

    /// Runs a script with arguments; its exit code is the result.
    pub(crate) async fn bash(
        &self,
        script: &str,
        arguments: &[String],
        timeout_secs: Option<u64>,
        console: Option<&Console>,
    ) -> io::Result<Output> {
        let head = ["/bin/bash", "-c", script, "bash"].into_iter();
        let argv: Vec<&str> = head.chain(arguments.iter().map(String::as_str)).collect();
        self.spawn(&argv, None, None, timeout_secs, console).await
    }

    /// Without an output of its own what it says goes to the log.
    async fn spawn(
        &self,
        argv: &[&str],
        stdin: Option<File>,
        stdout: Option<File>,
        timeout_secs: Option<u64>,
        console: Option<&Console>,
    ) -> io::Result<Output> {
        let doors: Vec<File> = self.cgroup.create()?;
        let mut command = self.overlay.nspawn(&self.name, doors);
        command
            // Bound, not copied: this computer's resolver must not get into the image.
            .args(["--as-pid2", "--console=pipe", "--resolv-conf=bind-host"])
            .arg(format!("--chdir={WORK_DIR}"))
            .args(argv)
            // What a step leaves in /tmp is there for the next, as on an instance.
            .env("SYSTEMD_NSPAWN_TMPFS_TMP", "0")
            .stdin(stdin.map_or_else(Stdio::null, Stdio::from));
        if let Some(stdout) = stdout {
            command.stdout(stdout);
        }
        let mut child = command.spawn()?;
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let tail = std::sync::Mutex::new(Tail::default());
        let work = async {
            let stream = |name| console.map(|console| console.stream(name));
            let (status, ..) = tokio::join!(
                child.wait(),
                self.keep(stdout, &tail, stream("Stdout")),
                self.keep(stderr, &tail, stream("Stderr"))
            );
            status
        };
        let limit = timeout_secs.map_or(Duration::MAX, Duration::from_secs);
        let ended = tokio::time::timeout(limit, work).await;
        // A step's background processes end with it, as nspawn's init does.
        let cgroup = self.cgroup.clone();
        let killed = tokio::task::spawn_blocking(move || cgroup.kill(KILL_PATIENCE)).await;
        if !matches!(killed, Ok(true)) {
            return Err(io::Error::other("processes of the step do not die"));
        }
        let tail = without_noise(&tail.into_inner().unwrap_or_else(|e| e.into_inner()).text());
        let output = match ended {
            Ok(status) => Output { code: status?.code(), tail, timed_out: None },
            Err(_) => Output { code: None, tail, timed_out: timeout_secs },
        };
        if let Some(console) = console {
            output.tell(console);
        }
        Ok(output)
    }

    async fn keep(
        &self,
        from: Option<impl AsyncRead + Unpin>,
        tail: &std::sync::Mutex<Tail>,
        mut told: Option<Stream>,
    ) {
        let Some(mut from) = from else { return };
        let mut buffer = [0; 8192];
        while let Ok(size @ 1..) = from.read(&mut buffer).await {
            tail.lock().unwrap_or_else(|e| e.into_inner()).push(&buffer[..size]);
            if let Some(told) = &mut told {
                told.push(&buffer[..size]);
            }
            if let Err(error) = self.log.write(&buffer[..size]) {
                tracing::warn!(%error, "build log not kept");
            }
        }
        if let Some(told) = &mut told {
            told.flush();
        }
    }

    /// Ends what is left of the instance; its disk stays until the next call.
    pub(crate) async fn close(&self) {
        let (cgroup, name) = (self.cgroup.clone(), self.name.clone());
        let closed = tokio::task::spawn_blocking(move || {
            cgroup.kill(KILL_PATIENCE);
            cgroup.remove(KILL_PATIENCE)?;
            crate::machine::sweep::remove_propagation(&name)
        })
        .await;
        if !matches!(closed, Ok(Ok(()))) {
            tracing::warn!("a build's cgroup stays until the region goes down");
        }
        for name in ["work", "root"] {
            if let Err(error) = tokio::fs::remove_dir_all(self.folder.join(name)).await {
                tracing::warn!(name, %error, "folder of a build not removed");
            }
        }
    }

    /// The changes as a layer. Whiteouts and overlay attributes in it mean the
    /// same in a lower layer (kernel documentation, overlayfs).
    pub(super) fn layer(&self) -> PathBuf {
        self.overlay.upper()
    }

    /// Drops the changes of a build that failed.
    pub(super) async fn drop_upper(&self) {
        if let Err(error) = tokio::fs::remove_dir_all(self.overlay.upper()).await {
            tracing::warn!(%error, "disk of a failed build not removed");
        }
    }
}

#[async_trait::async_trait]
impl Place for Sandbox {
    async fn run(
        &self,
        argv: &[&str],
        stdin: Option<File>,
        timeout_secs: Option<u64>,
        console: Option<&Console>,
    ) -> io::Result<Output> {
        self.spawn(argv, stdin, None, timeout_secs, console).await
    }

    async fn read(&self, path: &str, to: File, timeout_secs: Option<u64>) -> io::Result<Output> {
        self.spawn(&["/bin/cat", "--", path], None, Some(to), timeout_secs, None).await
    }

    /// What runs has ended with its step, and the next one starts with an empty `/run`:
    /// there is nothing more to a reboot of what was never booted.
    async fn reboot(&self) -> io::Result<()> {
        Ok(())
    }

    fn log(&self, text: &str) {
        if let Err(error) = self.log.write(text.as_bytes()) {
            tracing::warn!(%error, "build log not kept");
        }
    }
}

/// nspawn's own tidying up complains last, whatever the step did.
fn without_noise(text: &str) -> String {
    let lines = text.lines().filter(|line| !line.contains("/run/systemd/nspawn/propagate"));
    lines.collect::<Vec<_>>().join("\n")
}
