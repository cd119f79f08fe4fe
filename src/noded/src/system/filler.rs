//! What fills a disk, as far as the daemon may look: the folders that grow by
//! themselves. Only a disk that is low is worth the walk.

use super::facts::Disk;
use std::collections::BTreeMap;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const FOLDERS: [&str; 5] = ["var/log", "var/cache", "var/crash", "var/lib/systemd/coredump", "opt"];
/// A walk through so many entries takes about a tenth of a second.
const MOST_ENTRIES: usize = 20_000;
const KEEP: Duration = Duration::from_secs(300);
/// What has less of a disk does not fill it.
const LEAST_PERCENT: u64 = 5;

/// What was found, by the first path of the disk, and when.
#[derive(Debug, Default)]
pub struct Fillers(BTreeMap<String, (Instant, Option<String>)>);

impl Fillers {
    /// Looks, unless it has just done so; `root` is `/` on a node.
    pub fn look(&mut self, root: &Path, disk: &Disk) {
        let Some(name) = disk.paths.first() else { return };
        if self.0.get(name).is_some_and(|(at, _)| at.elapsed() < KEEP) {
            return;
        }
        self.0.insert(name.clone(), (Instant::now(), find(root, disk)));
    }

    /// What fills this disk, as a person would say it.
    pub fn of(&self, disk: &Disk) -> Option<&str> {
        self.0.get(disk.paths.first()?)?.1.as_deref()
    }
}

fn find(root: &Path, disk: &Disk) -> Option<String> {
    let path = root.join(disk.paths.first()?.trim_start_matches('/'));
    let mut walk = Walk {
        device: std::fs::metadata(path).ok()?.dev(),
        entries_left: MOST_ENTRIES,
        largest: None,
    };
    let held = FOLDERS.map(|folder| (walk.sum(&root.join(folder)), folder));
    let (bytes, folder) = held.into_iter().max_by_key(|(bytes, _)| *bytes)?;
    if bytes < disk.size_bytes / 100 * LEAST_PERCENT {
        return None;
    }
    let about = if walk.entries_left == 0 { "at least " } else { "" };
    let mut told = format!("/{folder} holds {about}{} MiB", bytes >> 20);
    if let Some((bytes, path)) = walk.largest {
        let path = path.strip_prefix(root).unwrap_or(&path);
        told =
            format!("{told}; the largest file seen is /{} ({} MiB)", path.display(), bytes >> 20);
    }
    Some(told)
}

struct Walk {
    device: u64,
    entries_left: usize,
    largest: Option<(u64, PathBuf)>,
}

impl Walk {
    /// Bytes below a folder on this device; links are not followed, and what
    /// cannot be read counts nothing.
    fn sum(&mut self, folder: &Path) -> u64 {
        let mut bytes = 0;
        let mut folders = vec![folder.to_owned()];
        while let Some(folder) = folders.pop() {
            let here = |metadata: &Metadata| metadata.dev() == self.device;
            if !std::fs::symlink_metadata(&folder).is_ok_and(|found| here(&found)) {
                continue;
            }
            for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
                if self.entries_left == 0 {
                    return bytes;
                }
                self.entries_left -= 1;
                let Ok(metadata) = entry.metadata() else { continue };
                if metadata.is_dir() {
                    folders.push(entry.path());
                    continue;
                }
                // What it takes, which in a sparse file is less than its length.
                let taken = metadata.blocks() * 512;
                bytes += taken;
                if self.largest.as_ref().is_none_or(|(largest, _)| taken > *largest) {
                    self.largest = Some((taken, entry.path()));
                }
            }
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disk(size_bytes: u64) -> Disk {
        Disk {
            paths: vec!["/".to_owned()],
            size_bytes,
            available_bytes: 0,
            inodes: 0,
            available_inodes: 0,
            read_only: false,
        }
    }

    #[test]
    fn the_folder_and_the_file_that_take_most_are_named() {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, bytes: usize| {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, vec![7; bytes]).unwrap();
        };
        write("var/log/vllm/out.log", 3 << 20);
        write("var/log/syslog", 1 << 20);
        write("var/cache/apt/x.deb", 2 << 20);
        std::os::unix::fs::symlink("/", root.path().join("var/log/everything")).unwrap();
        let mut fillers = Fillers::default();
        fillers.look(root.path(), &disk(50 << 20));
        let expected =
            "/var/log holds 4 MiB; the largest file seen is /var/log/vllm/out.log (3 MiB)";
        assert_eq!(fillers.of(&disk(50 << 20)), Some(expected));
        assert_eq!(find(root.path(), &disk(500 << 20)), None, "that is little of it");
    }
}
