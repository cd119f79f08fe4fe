//! A machine's console: the last 64 KiB in memory, more in a file.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// What `GetConsoleOutput` gives at most.
const RING_BYTES: usize = 64 * 1024;
/// The file starts anew at this size, so that a chatty unit cannot fill a disk.
const FILE_BYTES: u64 = 8 * 1024 * 1024;

pub(super) struct Console {
    path: PathBuf,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    ring: VecDeque<u8>,
    file: Option<(File, u64)>,
}

impl Console {
    pub(super) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), inner: Mutex::default() }
    }

    /// Keeps a piece of output.
    pub(super) fn write(&self, bytes: &[u8]) -> io::Result<()> {
        let mut inner = self.inner.lock().unwrap_or_else(|e| e.into_inner());
        inner.ring.extend(bytes);
        let surplus = inner.ring.len().saturating_sub(RING_BYTES);
        inner.ring.drain(..surplus);
        if inner.file.as_ref().is_none_or(|(_, size)| *size > FILE_BYTES) {
            inner.file = Some((File::create(&self.path)?, 0));
        }
        if let Some((file, size)) = &mut inner.file {
            file.write_all(bytes)?;
            *size += bytes.len() as u64;
        }
        Ok(())
    }

    /// The last output.
    pub(super) fn tail(&self) -> Vec<u8> {
        self.inner.lock().unwrap_or_else(|e| e.into_inner()).ring.iter().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_keeps_the_end_and_the_file_all() {
        let dir = tempfile::tempdir().unwrap();
        let console = Console::new(&dir.path().join("console.log"));
        console.write(&vec![b'a'; RING_BYTES]).unwrap();
        console.write(b"login:").unwrap();
        let tail = console.tail();
        assert_eq!(tail.len(), RING_BYTES);
        assert!(tail.ends_with(b"login:"));
        let file = std::fs::read(dir.path().join("console.log")).unwrap();
        assert_eq!(file.len(), RING_BYTES + 6);
    }
}
