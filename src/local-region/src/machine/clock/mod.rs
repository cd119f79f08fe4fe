//! A machine's own calendar clock: the kernel has one for all of them, so a
//! library in every process of the machine adds an offset to what it shows.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::process::write_atomic;

/// `preload.rs`, built.
const LIBRARY: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/machine-clock.so"));
/// Its folder in the machine; `preload.rs` knows it too.
const FOLDER: &str = "usr/lib/nixl-region";

/// The file with a machine's offset, beside its disk.
pub(super) struct MachineClock(PathBuf);

impl MachineClock {
    pub(super) fn of(machine_dir: &Path) -> Self {
        Self(machine_dir.join("clock-offset"))
    }

    /// Puts the library into what the machine is given; its clock starts as
    /// this computer's, or as it stood when the machine was stopped.
    pub(super) fn install(&self, given: &Path) -> io::Result<()> {
        let folder = given.join(FOLDER);
        std::fs::create_dir_all(&folder)?;
        write_atomic(&folder.join("machine-clock.so"), LIBRARY, 0o755)?;
        write_atomic(&folder.join("clock-offset"), b"", 0o444)?;
        let preload = format!("/{FOLDER}/machine-clock.so\n");
        write_atomic(&given.join("etc/ld.so.preload"), preload.as_bytes(), 0o644)?;
        if self.0.exists() { Ok(()) } else { self.set(0) }
    }

    /// nspawn's argument that shows the machine its offset.
    pub(super) fn bind(&self) -> String {
        format!("--bind-ro={}:/{FOLDER}/clock-offset", self.0.display())
    }

    /// Seconds the machine is ahead of this computer.
    pub(super) fn ahead_secs(&self) -> io::Result<i64> {
        let mut bytes = [0; 8];
        File::open(&self.0)?.read_exact_at(&mut bytes, 0)?;
        Ok(i64::from_ne_bytes(bytes))
    }

    /// Sets them. In place, for it is mapped in every process of the machine.
    pub(super) fn set(&self, ahead_secs: i64) -> io::Result<()> {
        let file = File::options().write(true).create(true).truncate(false).open(&self.0)?;
        file.write_all_at(&ahead_secs.to_ne_bytes(), 0)
    }
}
