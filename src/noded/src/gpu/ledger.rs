//! What outlives the daemon: where it is in the kernel log, what it counted
//! until there, and which GPUs it has seen. One file, so that no fault is
//! counted twice or forgotten; of another boot, nothing is taken over.

use jiff::Timestamp;
use nixl_gpu::judge::Known;
use nixl_gpu::xid::{self, Counters};
use nixl_gpu::{Look, kernel_log};
use serde::{Deserialize, Serialize};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Of another form than this, a file is not read.
const VERSION: u32 = 1;
const FILE: &str = "gpu.json";
const BOOT_ID: &str = "proc/sys/kernel/random/boot_id";

/// What is kept.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Kept {
    version: u32,
    boot_id: String,
    /// Of the last entry that was counted.
    cursor: Option<String>,
    /// When journald took it.
    at: Option<Timestamp>,
    xids: Counters,
    known: Known,
}

/// What is known in this boot.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    path: Option<PathBuf>,
    kept: Kept,
    changed: bool,
    /// The cursor is of no use: entries up to the last one counted are known.
    by_time: bool,
}

impl Ledger {
    /// What the file in the state folder has of this boot. Without a folder
    /// nothing outlives the daemon.
    pub fn load(state_folder: Option<&Path>, root: &Path) -> Self {
        let boot_id = std::fs::read_to_string(root.join(BOOT_ID)).unwrap_or_default();
        let boot_id = boot_id.trim().to_owned();
        let path = state_folder.map(|folder| folder.join(FILE));
        let read = path.as_deref().and_then(read);
        let kept = read.filter(|kept| kept.version == VERSION && kept.boot_id == boot_id);
        let kept = kept.unwrap_or_else(|| Kept { version: VERSION, boot_id, ..Kept::default() });
        Self { path, kept, changed: false, by_time: false }
    }

    pub fn xids(&self) -> &Counters {
        &self.kept.xids
    }

    pub fn known(&self) -> &Known {
        &self.kept.known
    }

    /// Where to follow the kernel log from.
    pub fn cursor(&self) -> Option<&str> {
        self.kept.cursor.as_deref().filter(|_| !self.by_time)
    }

    /// journald does not know the cursor.
    pub fn forget_cursor(&mut self) {
        self.by_time = true;
    }

    /// Takes in a line of the kernel log; whether it told a fault.
    pub fn take(&mut self, line: &str) -> bool {
        let Some(entry) = kernel_log::parse(line) else { return false };
        let Some(told) = xid::parse(&entry.message) else { return false };
        if self.by_time && self.kept.at.is_some_and(|last| entry.at <= last) {
            return false;
        }
        self.kept.xids.add(&told.device, told.fault, entry.at, told.text);
        self.kept.cursor = Some(entry.cursor);
        self.kept.at = Some(entry.at);
        self.by_time = false;
        self.changed = true;
        true
    }

    pub fn learn(&mut self, expected: Option<u32>, look: &Look) {
        self.changed |= self.kept.known.learn(expected, look);
    }

    /// What is to be written now, if anything has changed.
    pub fn take_changes(&mut self) -> Option<Written> {
        if !std::mem::take(&mut self.changed) {
            return None;
        }
        let path = self.path.clone()?;
        let bytes = serde_json::to_vec(&self.kept);
        bytes
            .inspect_err(|error| tracing::error!(%error, "what is known of GPUs has no JSON form"))
            .ok()
            .map(|bytes| Written { path, bytes })
    }
}

/// What cannot be used costs what it held, and is told.
fn read(path: &Path) -> Option<Kept> {
    let read = std::fs::read(path).and_then(|bytes| Ok(serde_json::from_slice(&bytes)?));
    match read {
        Ok(kept) => Some(kept),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "what was known of GPUs is lost: {error}");
            None
        }
    }
}

/// A file about to be written.
#[derive(Debug)]
pub(super) struct Written {
    path: PathBuf,
    bytes: Vec<u8>,
}

impl Written {
    /// Replaces the file as a whole. A failure is told; the next change tries again.
    pub fn write(&self) {
        if let Err(error) = self.replace() {
            let path = self.path.display();
            tracing::warn!(%path, %error, "what is known of GPUs could not be written: {error}");
        }
    }

    fn replace(&self) -> io::Result<()> {
        let folder = self.path.parent().unwrap_or_else(|| Path::new("/"));
        let mut temp = tempfile::NamedTempFile::new_in(folder)?;
        temp.write_all(&self.bytes)?;
        temp.as_file().sync_all()?;
        temp.persist(&self.path)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nixl_gpu::xid::Fault;

    const GPU: &str = "0000:53:00.0";

    fn line(number: u32, xid: u32) -> String {
        format!(
            r#"{{"__CURSOR":"c{number}","__REALTIME_TIMESTAMP":"{number}","MESSAGE":"NVRM: Xid (PCI:0000:53:00): {xid}, x"}}"#
        )
    }

    fn root(boot_id: &str) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join(BOOT_ID).parent().unwrap()).unwrap();
        std::fs::write(root.path().join(BOOT_ID), format!("{boot_id}\n")).unwrap();
        root
    }

    #[test]
    fn a_restart_goes_on_where_it_was_and_a_boot_begins_anew() {
        let (state, boot) = (tempfile::tempdir().unwrap(), root("a"));
        let load = |root: &tempfile::TempDir| Ledger::load(Some(state.path()), root.path());
        let mut ledger = load(&boot);
        assert!(ledger.cursor().is_none() && ledger.take_changes().is_none());
        assert!(ledger.take(&line(1, 79)) && ledger.take(&line(2, 79)));
        assert!(!ledger.take(r#"{"__CURSOR":"c3","__REALTIME_TIMESTAMP":"3","MESSAGE":"usb"}"#));
        ledger.take_changes().unwrap().write();
        assert!(ledger.take_changes().is_none());

        let again = load(&boot);
        assert_eq!(again.cursor(), Some("c2"));
        assert_eq!(again.xids().of(GPU, Fault::Xid(79)), 2);
        let next = load(&root("b"));
        assert_eq!((next.cursor(), next.xids().iter().count()), (None, 0));
    }

    #[test]
    fn without_a_cursor_the_time_keeps_from_counting_twice() {
        let mut ledger = Ledger::default();
        for number in 1..=3 {
            ledger.take(&line(number, 94));
        }
        ledger.forget_cursor();
        assert_eq!(ledger.cursor(), None);
        for number in 1..=4 {
            ledger.take(&line(number, 94));
        }
        assert_eq!(ledger.xids().of(GPU, Fault::Xid(94)), 4);
        assert_eq!(ledger.cursor(), Some("c4"));
    }

    #[test]
    fn what_cannot_be_used_is_as_nothing() {
        let (state, boot) = (tempfile::tempdir().unwrap(), root("a"));
        for bad in ["", "{\"version\": 1", "{\"version\": 2, \"boot_id\": \"a\"}"] {
            std::fs::write(state.path().join(FILE), bad).unwrap();
            assert_eq!(Ledger::load(Some(state.path()), boot.path()).cursor(), None);
        }
        let mut ledger = Ledger::load(Some(Path::new("/proc/nowhere")), boot.path());
        ledger.take(&line(1, 79));
        ledger.take_changes().unwrap().write();
    }
}
