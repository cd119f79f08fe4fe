//! What the node itself tells.

use super::{SETTLE, System, known, off_the_runtime};
use crate::system::facts::{CloudInit, Disk, Host, Memory};
use crate::system::filler::Fillers;
use crate::system::{clock, cloud_init, disk, host, memory, name};
use jiff::Timestamp;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

/// Memory and disks: a person who cleans up wants to see it soon.
const HOST_INTERVAL: Duration = Duration::from_secs(10);
/// To look may start a service for a moment, and clocks drift slowly.
const CLOCK_INTERVAL: Duration = Duration::from_secs(60);
/// Every look at the state folder writes to its disk.
const FOLDER_INTERVAL: Duration = Duration::from_secs(60);
/// While it runs; afterwards it changes no more in this boot.
const CLOUD_INIT_INTERVAL: Duration = Duration::from_secs(10);
/// Where logs grow.
const LOG_FOLDER: &str = "/var/log";

impl System {
    pub(super) async fn watch_host(&self) {
        let (mut kills, mut fillers) = (memory::Kills::default(), Fillers::default());
        loop {
            let (root, folder) = (self.root.clone(), self.folders.state.clone());
            let seen = move || Ok(Seen::look(&root, folder.as_deref(), fillers));
            fillers = match known("the host", off_the_runtime(seen).await) {
                Some(seen) => self.tell_host(seen, &mut kills),
                None => Fillers::default(),
            };
            tokio::time::sleep(HOST_INTERVAL).await;
        }
    }

    fn tell_host(&self, seen: Seen, kills: &mut memory::Kills) -> Fillers {
        if let Some(told) = known("memory", seen.memory) {
            self.board.set_settled(name::MEMORY, vec![memory::judge(&told)], SETTLE);
            self.tell(name::OOM_KILLS, kills.judge(told.oom_kills, Timestamp::now()));
            self.state.change(|facts| facts.memory = Some(told));
        }
        if let Some(told) = known("disks", seen.disks) {
            let judge = |disk| disk::judge(disk, seen.fillers.of(disk));
            self.board.set_settled(name::DISK, told.iter().map(judge).collect(), SETTLE);
            self.state.change(|facts| facts.disks = told);
        }
        if let Some(told) = known("host", seen.host) {
            self.state.change(|facts| facts.host = Some(told));
        }
        seen.fillers
    }

    pub(super) async fn watch_clock(&self) {
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

    pub(super) async fn watch_folder(&self) {
        let Some(folder) = &self.folders.state else { return };
        loop {
            let tried = {
                let folder = folder.clone();
                off_the_runtime(move || disk::try_folder(&folder)).await
            };
            self.tell(name::STATE_FOLDER, disk::judge_folder(folder, &tried));
            tokio::time::sleep(FOLDER_INTERVAL).await;
        }
    }

    pub(super) async fn watch_cloud_init(&self) {
        loop {
            let root = self.root.clone();
            let read = off_the_runtime(move || cloud_init::read(&root)).await;
            if let Some(told) = known("cloud-init", read) {
                self.tell(name::CLOUD_INIT, cloud_init::judge(&told, Timestamp::now()));
                let done = matches!(told, CloudInit::Done { .. });
                self.state.change(|facts| facts.cloud_init = Some(told));
                if done {
                    return;
                }
            }
            tokio::time::sleep(CLOUD_INIT_INTERVAL).await;
        }
    }
}

/// One look at the host.
struct Seen {
    host: io::Result<Host>,
    memory: io::Result<Memory>,
    disks: io::Result<Vec<Disk>>,
    fillers: Fillers,
}

impl Seen {
    fn look(root: &Path, state_folder: Option<&Path>, mut fillers: Fillers) -> Self {
        let mut folders = vec![Path::new("/")];
        folders.extend(state_folder);
        folders.push(Path::new(LOG_FOLDER));
        let disks = disk::read(root, &folders);
        for disk in disks.iter().flatten().filter(|disk| disk::low(disk)) {
            fillers.look(root, disk);
        }
        Self { host: host::read(root), memory: memory::read(root), disks, fillers }
    }
}
