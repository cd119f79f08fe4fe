//! Disk for bodies that do not fit into memory: files that nobody else sees and
//! that are gone with the process, however it ends.

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A folder and how much of it may be used.
#[derive(Debug, Clone)]
pub(super) struct Room {
    folder: PathBuf,
    most_bytes: u64,
    used_bytes: Arc<AtomicU64>,
}

/// Bytes that are held until dropped.
#[derive(Debug)]
pub(super) struct Held {
    bytes: u64,
    room: Room,
}

impl Room {
    pub fn new(folder: PathBuf, most_bytes: u64) -> Self {
        Self { folder, most_bytes, used_bytes: Arc::default() }
    }

    pub fn most_bytes(&self) -> u64 {
        self.most_bytes
    }

    /// A file without a name.
    pub fn file(&self) -> io::Result<File> {
        tempfile::tempfile_in(&self.folder)
    }

    pub fn hold(&self) -> Held {
        Held { bytes: 0, room: self.clone() }
    }
}

impl Held {
    /// Whether there was room for as many more.
    pub fn grow(&mut self, bytes: u64) -> bool {
        let most = self.room.most_bytes;
        let grown =
            self.room.used_bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
                used.checked_add(bytes).filter(|used| *used <= most)
            });
        if grown.is_ok() {
            self.bytes += bytes;
        }
        grown.is_ok()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.room.used_bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_given_back() {
        let room = Room::new(PathBuf::from("/"), 10);
        let (mut one, mut two) = (room.hold(), room.hold());
        assert!(one.grow(6) && !two.grow(5) && two.grow(4) && !one.grow(1));
        drop(one);
        assert!(two.grow(6) && !two.grow(u64::MAX));
    }
}
