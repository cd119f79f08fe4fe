//! Looks at everything, each at its own pace, until stopped.

use super::facts::{Disk, Host, Memory, State};
use super::{clock, disk, host, memory, name};
use crate::board::{Board, Reading, Settle};
use jiff::Timestamp;
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// Memory and disks: a person who cleans up wants to see it soon.
const HOST_INTERVAL: Duration = Duration::from_secs(10);
/// To look may start a service for a moment, and clocks drift slowly.
const CLOCK_INTERVAL: Duration = Duration::from_secs(60);
/// Every look at the state folder writes to its disk.
const FOLDER_INTERVAL: Duration = Duration::from_secs(60);
/// Against what flaps; the first reading counts at once.
const SETTLE: Settle = Settle { bad_after: 3, good_after: 3 };
/// Where logs grow.
const LOG_FOLDER: &str = "/var/log";

/// What there is to watch.
pub struct System {
    root: PathBuf,
    state_folder: Option<PathBuf>,
    board: Board,
    state: State,
    stop: CancellationToken,
}

impl System {
    /// `root` is `/` on a node; the state folder is the first of systemd's
    /// `STATE_DIRECTORY`.
    #[must_use]
    pub fn new(
        root: &Path,
        state_directory: Option<&OsStr>,
        board: Board,
        state: State,
        stop: CancellationToken,
    ) -> Self {
        let first = state_directory.and_then(|paths| std::env::split_paths(paths).next());
        let state_folder = first.filter(|path| path.is_absolute());
        Self { root: root.to_owned(), state_folder, board, state, stop }
    }

    /// Watches until stopped.
    pub async fn run(self) {
        let looks =
            async { tokio::join!(self.watch_host(), self.watch_clock(), self.watch_folder()) };
        tokio::select! {
            () = self.stop.cancelled() => {}
            _ = looks => {}
        }
    }

    async fn watch_host(&self) {
        let mut kills = memory::Kills::default();
        loop {
            let (root, folder) = (self.root.clone(), self.state_folder.clone());
            let seen = off_the_runtime(move || Ok(Seen::look(&root, folder.as_deref()))).await;
            match seen {
                Ok(seen) => self.tell_host(seen, &mut kills),
                Err(error) => tracing::error!(%error, "the host could not be looked at"),
            }
            tokio::time::sleep(HOST_INTERVAL).await;
        }
    }

    fn tell_host(&self, seen: Seen, kills: &mut memory::Kills) {
        let tell = |name, readings: Vec<Reading>, settle| {
            self.board.set_settled(name, readings, settle);
        };
        if let Some(told) = known("memory", seen.memory) {
            tell(name::MEMORY, vec![memory::judge(&told)], SETTLE);
            let killed = kills.judge(told.oom_kills, Timestamp::now());
            tell(name::OOM_KILLS, vec![killed], Settle::AT_ONCE);
            self.state.change(|facts| facts.memory = Some(told));
        }
        if let Some(told) = known("disks", seen.disks) {
            tell(name::DISK, told.iter().map(|disk| disk::judge(disk, None)).collect(), SETTLE);
            self.state.change(|facts| facts.disks = told);
        }
        if let Some(told) = known("host", seen.host) {
            self.state.change(|facts| facts.host = Some(told));
        }
    }

    async fn watch_clock(&self) {
        let begun = Instant::now();
        loop {
            if let Some(told) = known("clock", clock::read(&self.root).await) {
                let reading = clock::judge(told.as_ref(), begun.elapsed());
                self.board.set_settled(name::CLOCK, reading.into_iter().collect(), SETTLE);
                self.state.change(|facts| facts.clock = told);
            }
            tokio::time::sleep(CLOCK_INTERVAL).await;
        }
    }

    async fn watch_folder(&self) {
        let Some(folder) = &self.state_folder else { return };
        loop {
            let tried = {
                let folder = folder.clone();
                off_the_runtime(move || disk::try_folder(&folder)).await
            };
            let reading = disk::judge_folder(folder, &tried);
            self.board.set_settled(name::STATE_FOLDER, vec![reading], Settle::AT_ONCE);
            tokio::time::sleep(FOLDER_INTERVAL).await;
        }
    }
}

/// One look at the host.
struct Seen {
    host: io::Result<Host>,
    memory: io::Result<Memory>,
    disks: io::Result<Vec<Disk>>,
}

impl Seen {
    fn look(root: &Path, state_folder: Option<&Path>) -> Self {
        let mut folders = vec![Path::new("/")];
        folders.extend(state_folder);
        folders.push(Path::new(LOG_FOLDER));
        Self {
            host: host::read(root),
            memory: memory::read(root),
            disks: disk::read(root, &folders),
        }
    }
}

/// What was read; what could not be keeps its last reading, whose time tells.
fn known<T>(what: &str, read: io::Result<T>) -> Option<T> {
    read.inspect_err(|error| tracing::warn!(%error, "{what} not seen: {error}")).ok()
}

/// A disk that hangs must hold up nobody but who asked it.
async fn off_the_runtime<T: Send + 'static>(
    look: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(look).await.unwrap_or_else(|error| Err(io::Error::other(error)))
}
