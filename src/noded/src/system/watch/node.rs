//! What the node itself tells.

use super::{HANGS_AFTER, SETTLE, System, known, off_the_runtime, patient};
use crate::system::facts::{CloudInit, Disk, Host, Memory};
use crate::system::filler::Fillers;
use crate::system::{clock, cloud_init, disk, host, memory, name};
use jiff::Timestamp;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

/// Memory and disks: a person who cleans up wants to see it soon.
const HOST_INTERVAL: Duration = Duration::from_secs(10);
/// While nothing keeps the clock.
const CLOCK_INTERVAL: Duration = Duration::from_secs(60);
/// While something does: clocks drift slowly, and each look may start timedated,
/// whose start and end are lines in the journal.
const CLOCK_KEPT_INTERVAL: Duration = Duration::from_secs(1800);
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
            let hangs = |reading| self.tell(name::DISK, reading);
            let looked = patient(HANGS_AFTER, off_the_runtime(seen), hangs).await;
            fillers = match known("the host", looked) {
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
        let (begun, mut kept_looks) = (Instant::now(), 0);
        loop {
            if let Some(told) = known("clock", clock::read(&self.root).await) {
                let reading = clock::judge(told.as_ref(), begun.elapsed());
                self.board.set_settled(name::CLOCK, reading.into_iter().collect(), SETTLE);
                let kept = told.as_ref().is_some_and(|clock| clock.synchronised);
                kept_looks = if kept { kept_looks + 1 } else { 0 };
                self.state.change(|facts| facts.clock = told);
            }
            tokio::time::sleep(clock_interval(kept_looks)).await;
        }
    }

    pub(super) async fn watch_folder(&self) {
        let Some(folder) = &self.folders.state else { return };
        loop {
            let tried = {
                let folder = folder.clone();
                off_the_runtime(move || disk::try_folder(&folder))
            };
            let hangs = |reading| self.tell(name::STATE_FOLDER, reading);
            let tried = patient(HANGS_AFTER, tried, hangs).await;
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

/// After so many looks in a row that saw the clock kept: until then the reading
/// may not be settled.
fn clock_interval(kept_looks: u32) -> Duration {
    if kept_looks < SETTLE.good_after { CLOCK_INTERVAL } else { CLOCK_KEPT_INTERVAL }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_kept_is_looked_at_rarely() {
        assert_eq!(clock_interval(0), Duration::from_secs(60));
        assert_eq!(clock_interval(SETTLE.good_after - 1), Duration::from_secs(60));
        assert_eq!(clock_interval(SETTLE.good_after), Duration::from_secs(1800));
        assert_eq!(clock_interval(u32::MAX), Duration::from_secs(1800));
    }
}
