//! An image of the region as files: its root filesystem, or a disk that starts
//! under qemu and wherever UEFI does. What a disk needs more than a machine of the
//! region is installed into a copy; the image stays as it is.

mod disk;
mod lock;

pub use lock::DiskLock;

use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use tokio::process::Command;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::backend::RootFs;
use crate::build::sandbox::Sandbox;
use crate::layout::Layout;
use crate::machine::nspawn::Overlay;
use disk::{Disk, MIN_BYTES};

/// Installs kernel and network into the copy.
const PREPARE: &str = include_str!("prepare.sh");
/// Refuses a disk that the image would not fit into.
const ROOM: &str = include_str!("room.sh");
/// Makes the disk of it.
const ASSEMBLE: &str = include_str!("assemble.sh");
/// What is installed unless a lock says so, with what it needs: cloud-guest-utils has growpart;
/// udev comes with the kernel.
const PACKAGES: [&str; 6] = [
    "linux-image-cloud-amd64",
    "initramfs-tools",
    "systemd-boot-efi",
    "systemd-resolved",
    "cloud-guest-utils",
    "e2fsprogs",
];
/// The packages of the root `$1`: name, version.
const LIST: &str =
    r#"dpkg-query --admindir="$1/var/lib/dpkg" --show --showformat='${Package} ${Version}\n'"#;
/// Copies `$1` to `$2`, owners, holes and attributes included.
const COPY: &str = r#"cp --archive --reflink=auto --sparse=auto "$1/." "$2""#;
/// apt, over a slow line.
const PREPARE_SECS: u64 = 900;

/// An image that could not be exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The file or folder is there.
    #[error("{0} is there already: remove it, or choose another name")]
    Exists(PathBuf),
    /// A disk too small for any image.
    #[error("a disk of {bytes} bytes is too small: the least is {least}")]
    Small {
        /// What was asked for.
        bytes: u64,
        /// What there must be.
        least: u64,
    },
    /// Kernel and network could not be installed.
    #[error("prepare the copy of the image: {0}")]
    Prepare(String),
    /// A file that is no lock of a disk.
    #[error("{}: {why}", path.display())]
    NoLock {
        /// File.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// What the lock says cannot be had, or is not all that is needed.
    #[error("the disk would not be what its lock says: {}; `--update-lock` takes what there is now", differences.join(", "))]
    Locked {
        /// One by one.
        differences: Vec<String>,
    },
    /// A program failed.
    #[error("{what}: {why}")]
    Program {
        /// What was being done.
        what: &'static str,
        /// The last it said.
        why: String,
    },
    /// A file or folder.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// Why it failed.
        source: io::Error,
    },
}

fn io_error(what: impl Into<String>) -> impl FnOnce(io::Error) -> ExportError {
    let what = what.into();
    move |source| ExportError::Io { what, source }
}

/// A disk that was written.
#[derive(Debug, serde::Serialize)]
pub struct Written {
    /// Release of its kernel, as `uname -r` tells it.
    pub kernel: String,
    /// Size of the file.
    pub file_bytes: u64,
    /// Size of the disk.
    pub disk_bytes: u64,
    /// What it has beside its image.
    #[serde(flatten)]
    pub beside: DiskLock,
}

/// An image about to be exported, with a folder of its own in the region's.
pub struct Export<'a> {
    layout: &'a Layout,
    image_id: &'a str,
    root: &'a RootFs,
    folder: TempDir,
    progress: &'a (dyn Fn(&str) + Sync),
}

impl<'a> Export<'a> {
    /// Makes the folder; it goes with this.
    pub fn new(
        layout: &'a Layout,
        image_id: &'a str,
        root: &'a RootFs,
        progress: &'a (dyn Fn(&str) + Sync),
    ) -> Result<Self, ExportError> {
        let folder = layout.exports_dir();
        std::fs::create_dir_all(&folder)
            .and_then(|()| tempfile::Builder::new().prefix("export-").tempdir_in(&folder))
            .map(|folder| Self { layout, image_id, root, folder, progress })
            .map_err(io_error(format!("make a folder in {}", folder.display())))
    }

    /// The root filesystem as a folder that is not there yet.
    pub async fn rootfs(&self, target: &Path) -> Result<(), ExportError> {
        let parent = free(target)?;
        let whole = tempfile::Builder::new()
            .prefix(".rootfs-")
            .tempdir_in(&parent)
            .map_err(io_error(format!("make a folder in {}", parent.display())))?;
        let copy = whole.path().join("root");
        std::fs::create_dir(&copy).map_err(io_error(format!("make {}", copy.display())))?;
        // The programs are interrupted with us; we stay and tidy up.
        let _interrupt = interrupt()?;
        let overlay = Overlay::prepare(self.folder.path(), self.root, None)
            .map_err(io_error("stack the image's layers"))?;
        (self.progress)("export: copying");
        said("copy the image", overlay.script(COPY).arg(&copy)).await?;
        std::fs::rename(&copy, target).map_err(io_error(format!("make {}", target.display())))
    }

    /// A disk of `bytes`, as qcow2 in a file that is not there yet, with what a lock says
    /// beside its image.
    pub async fn disk(
        &self,
        target: &Path,
        bytes: u64,
        lock: Option<&DiskLock>,
    ) -> Result<Written, ExportError> {
        let parent = free(target)?;
        let disk = Disk::new(bytes, self.image_id)
            .ok_or(ExportError::Small { bytes, least: MIN_BYTES })?;
        let id = self.folder.path().file_name().unwrap_or_default().to_string_lossy();
        let sandbox = Sandbox::new(self.layout, &id, self.folder.path(), self.root)
            .map_err(io_error("stack the image's layers"))?;
        let mut interrupt = interrupt()?;
        let raw = self.folder.path().join("disk.raw");
        // Whoever interrupts this must not leave an apt behind.
        let filled = tokio::select! {
            filled = self.fill(&sandbox, &disk, &raw, lock) => filled,
            _ = interrupt.recv() => Err(ExportError::Prepare("interrupted".into())),
        };
        sandbox.close().await;
        let (kernel, beside) = filled?;
        (self.progress)(&format!("export: writing {}", target.display()));
        let file = tempfile::Builder::new()
            .prefix(".disk-")
            .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))
            .tempfile_in(&parent)
            .map_err(io_error(format!("make a file in {}", parent.display())))?;
        let mut convert = Command::new("qemu-img");
        convert.args(["convert", "-q", "-f", "raw", "-O", "qcow2"]).arg(&raw).arg(file.path());
        said("write the disk", &mut convert).await?;
        let made =
            |error| ExportError::Io { what: format!("make {}", target.display()), source: error };
        let file = file.persist_noclobber(target).map_err(|error| made(error.error))?;
        file.sync_all().map_err(made)?;
        let file_bytes = file.metadata().map_err(made)?.len();
        let disk_bytes = raw.metadata().map_err(made)?.len();
        Ok(Written { kernel, file_bytes, disk_bytes, beside })
    }

    /// The disk as it is, holes and all; the kernel's release, and what was installed.
    async fn fill(
        &self,
        sandbox: &Sandbox,
        disk: &Disk,
        raw: &Path,
        lock: Option<&DiskLock>,
    ) -> Result<(String, DiskLock), ExportError> {
        let mut room = sandbox.overlay().script(ROOM);
        said("make the disk", room.arg(disk.root_bytes().to_string())).await?;
        (self.progress)("export: a kernel is being installed into a copy (about a minute)");
        let list = async || said("list packages", &mut sandbox.overlay().script(LIST)).await;
        let before = list().await?;
        let usual = || PACKAGES.map(str::to_owned).to_vec();
        let wanted = lock.map_or_else(usual, DiskLock::wanted);
        let prepared = sandbox
            .bash(PREPARE, &wanted, Some(PREPARE_SECS), None)
            .await
            .map_err(io_error("start systemd-nspawn"))?;
        if !prepared.ok() {
            let why = prepared.tail();
            return Err(match lock {
                Some(_) if why.contains("was not found") => {
                    ExportError::Locked { differences: vec![why] }
                }
                _ => ExportError::Prepare(why),
            });
        }
        let beside = DiskLock::added(&before, &list().await?);
        let differences = lock.map(|lock| lock.changes(&beside)).unwrap_or_default();
        if !differences.is_empty() {
            return Err(ExportError::Locked { differences });
        }
        (self.progress)("export: making the disk");
        let mut assemble = sandbox.overlay().script(ASSEMBLE);
        let kernel = said("make the disk", assemble.arg(raw).args(disk.arguments())).await?;
        Ok((kernel, beside))
    }
}

/// From now on an interruption is told, not deadly.
fn interrupt() -> Result<Signal, ExportError> {
    signal(SignalKind::interrupt()).map_err(io_error("wait for signals"))
}

/// The folder of a target that is not there.
fn free(target: &Path) -> Result<PathBuf, ExportError> {
    let target = std::path::absolute(target).map_err(io_error("find the working folder"))?;
    if target.symlink_metadata().is_ok() {
        return Err(ExportError::Exists(target));
    }
    Ok(target.parent().unwrap_or(Path::new("/")).to_owned())
}

/// Runs a program to its end; what it said, or its last complaint.
async fn said(what: &'static str, command: &mut Command) -> Result<String, ExportError> {
    let output = command.output().await.map_err(io_error(what))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    let complaint = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    let why = if complaint.is_empty() { output.status.to_string() } else { complaint };
    Err(ExportError::Program { what, why })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_not_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(free(&folder.path().join("new.qcow2")).unwrap(), folder.path());
        let error = free(folder.path()).unwrap_err().to_string();
        assert!(error.contains("is there already"), "{error}");
    }

    #[tokio::test]
    async fn the_last_complaint_is_told() {
        let mut command = Command::new("sh");
        let error = said("make it", command.args(["-c", "echo no room >&2; exit 1"])).await;
        assert_eq!(error.unwrap_err().to_string(), "make it: no room");
        let mut command = Command::new("sh");
        assert_eq!(said("make it", command.args(["-c", "echo 6.1"])).await.unwrap(), "6.1");
    }
}
