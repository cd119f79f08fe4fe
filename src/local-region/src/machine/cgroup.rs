//! cgroups of our own, outside of any unit, in every hierarchy present.
//!
//! On purpose so on a systemd host too (`--register=no --keep-unit`): the
//! same code serves a host whose pid 1 is not systemd, and a name is all that
//! `down` needs. Without a cgroup of its own, two machines would share nspawn's
//! `payload` and kill each other (cgroups(7), systemd-nspawn(1)).

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::process::kill;

/// One cgroup, in all hierarchies.
#[derive(Debug, Clone)]
pub struct Cgroup {
    folders: Vec<PathBuf>,
}

impl Cgroup {
    /// The cgroup of this name, made or not.
    pub fn named(name: &str) -> Self {
        let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        Self { folders: hierarchies(&mounts).into_iter().map(|root| root.join(name)).collect() }
    }

    /// Makes it and opens the files through which a process enters it.
    pub fn create(&self) -> io::Result<Vec<File>> {
        let mut doors = Vec::new();
        for folder in &self.folders {
            std::fs::create_dir_all(folder)?;
            doors.push(File::options().write(true).open(folder.join("cgroup.procs"))?);
        }
        if doors.is_empty() {
            return Err(io::Error::other("no cgroup hierarchy is mounted under /sys/fs/cgroup"));
        }
        Ok(doors)
    }

    /// Processes in it and below.
    pub fn processes(&self) -> Vec<u32> {
        let mut pids = Vec::new();
        for folder in &self.folders {
            walk(folder, &mut |dir| {
                let text = std::fs::read_to_string(dir.join("cgroup.procs")).unwrap_or_default();
                // 0 is a process of a pid namespace that is not ours.
                let found = text.lines().filter_map(|line| line.parse::<u32>().ok());
                pids.extend(found.filter(|pid| *pid != 0));
            });
        }
        pids.sort_unstable();
        pids.dedup();
        pids
    }

    /// Kills everything in it; whether it is empty within the time given.
    pub fn kill(&self, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        loop {
            let pids = self.processes();
            if pids.is_empty() {
                return true;
            }
            for pid in pids {
                kill(pid, libc::SIGKILL);
            }
            if Instant::now() > deadline {
                return false;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Removes it, bottom-up; v1 never does so by itself. A cgroup stays busy
    /// for a moment after its last process.
    pub fn remove(&self, patience: Duration) -> io::Result<()> {
        let deadline = Instant::now() + patience;
        for folder in &self.folders {
            loop {
                let mut failed = None;
                walk(folder, &mut |dir| {
                    if let Err(error) = std::fs::remove_dir(dir) {
                        failed = Some(error);
                    }
                });
                match failed {
                    None => break,
                    Some(error) if Instant::now() > deadline => return Err(error),
                    Some(_) => std::thread::sleep(Duration::from_millis(10)),
                }
            }
        }
        Ok(())
    }

    /// Removes the folders themselves, if nothing is below them.
    pub fn remove_if_empty(&self) -> io::Result<()> {
        self.folders.iter().filter(|folder| folder.exists()).try_for_each(std::fs::remove_dir)
    }

    /// Whether any of it exists.
    pub fn exists(&self) -> bool {
        self.folders.iter().any(|folder| folder.exists())
    }
}

/// Visits a folder and what is below, deepest first.
fn walk(folder: &Path, visit: &mut dyn FnMut(&Path)) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten().filter(|e| e.file_type().is_ok_and(|t| t.is_dir())) {
        walk(&entry.path(), visit);
    }
    visit(folder);
}

/// Mount points of all cgroup hierarchies; not cpuset, which a process cannot
/// enter before its CPUs are set, and which nspawn does not need.
fn hierarchies(mountinfo: &str) -> Vec<PathBuf> {
    let mut roots = Vec::new();
    for line in mountinfo.lines() {
        let Some((left, right)) = line.split_once(" - ") else { continue };
        let mut right = right.split(' ');
        let kind = right.next().unwrap_or_default();
        let options = right.next_back().unwrap_or_default();
        let fields: Vec<&str> = left.split(' ').collect();
        let is_ours = match kind {
            "cgroup2" => true,
            "cgroup" => !options.split(',').any(|option| option == "cpuset"),
            _ => false,
        };
        if let (true, Some(point)) = (is_ours, fields.get(4))
            && point.starts_with("/sys/fs/cgroup")
            && !roots.iter().any(|root| root == Path::new(point))
        {
            roots.push(PathBuf::from(point));
        }
    }
    roots
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_layouts_of_hierarchies_are_found() {
        let hybrid = "30 24 0:26 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n\
                      31 24 0:27 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n\
                      32 24 0:28 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n\
                      33 24 0:29 / /mnt/x rw shared:1 - ext4 /dev/vda rw";
        assert_eq!(
            hierarchies(hybrid),
            [Path::new("/sys/fs/cgroup/memory"), Path::new("/sys/fs/cgroup/unified")]
        );
        let v2 = "30 24 0:26 / /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw,nsdelegate";
        assert_eq!(hierarchies(v2), [Path::new("/sys/fs/cgroup")]);
    }
}
