//! The command line of a machine or a build: overlay mounted in a private
//! mount namespace, then systemd-nspawn(1) in its place.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;

use crate::backend::RootFs;

/// Mounts the disk, if there is one (`$1` its file or nothing, `$2` where), and
/// the overlay (`$3` options, `$4` target), then becomes the rest.
const MOUNT_THEN: &str = r#"
if [ -n "$1" ]; then mount -o loop,discard "$1" "$2" && mkdir -p "$2/upper" "$2/work"; fi &&
mount -t overlay nixl-region -o "$3" "$4" && shift 4 && exec "$@""#;

/// Where a disk is mounted, in the machine's folder and seen by its nspawn alone.
const DISK: &str = "disk";

/// A root filesystem that can be written to: layers below, our folder or disk on top.
pub(crate) struct Overlay {
    folder: PathBuf,
    /// File of the disk; without, the folder itself is written to.
    disk: Option<PathBuf>,
    options: String,
}

impl Overlay {
    /// Prepares `root`, and `upper` and `work` or where the disk with them
    /// will be, in a folder.
    pub(crate) fn prepare(
        folder: &Path,
        lower: &RootFs,
        disk: Option<PathBuf>,
    ) -> io::Result<Self> {
        let top = if disk.is_some() { folder.join(DISK) } else { folder.to_owned() };
        for path in [folder.join("root"), top.join("upper"), top.join("work")] {
            std::fs::create_dir_all(path)?;
        }
        if lower.layers.is_empty() {
            return Err(io::Error::other("the image has no layers"));
        }
        for layer in &lower.layers {
            if !layer.is_dir() {
                let why = format!("layer {} of the image is missing", layer.display());
                return Err(io::Error::new(io::ErrorKind::NotFound, why));
            }
        }
        let lowerdir =
            lower.layers.iter().map(|l| l.display().to_string()).collect::<Vec<_>>().join(":");
        let options = format!(
            "lowerdir={lowerdir},upperdir={},workdir={}",
            top.join("upper").display(),
            top.join("work").display()
        );
        Ok(Self { folder: folder.to_owned(), disk, options })
    }

    /// What was changed, unless it is on a disk.
    pub(crate) fn upper(&self) -> PathBuf {
        self.folder.join("upper")
    }

    fn root(&self) -> PathBuf {
        self.folder.join("root")
    }

    /// The start of a command line that sees this root mounted, and nobody else does.
    fn mounted(&self) -> Command {
        let mut command = Command::new("unshare");
        command
            .args(["-m", "--propagation", "private", "sh", "-c", MOUNT_THEN, "sh"])
            .arg(self.disk.as_deref().unwrap_or(Path::new("")))
            .arg(self.folder.join(DISK))
            .arg(&self.options)
            .arg(self.root());
        command
    }

    /// A script of this computer's shell whose `$1` is this root, mounted; its further
    /// arguments are the caller's.
    pub(crate) fn script(&self, script: &str) -> Command {
        let mut command = self.mounted();
        command.args(["sh", "-c", script, "sh"]).arg(self.root()).stdin(Stdio::null());
        command
    }

    /// `systemd-nspawn` over this root, in the cgroup behind `doors`; its
    /// further arguments are the caller's.
    pub(crate) fn nspawn(&self, machine: &str, doors: Vec<File>) -> Command {
        let mut command = self.mounted();
        command
            .args(["systemd-nspawn", "--quiet", "--register=no", "--keep-unit"])
            .args(["--link-journal=no", "--timezone=off"])
            .arg(format!("--machine={machine}"))
            .arg("-D")
            .arg(self.root())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        // SAFETY: between fork and exec only write(2) is called, on files
        // opened before; `0` means the writer itself (cgroups(7)).
        unsafe {
            command.pre_exec(move || {
                for mut door in &doors {
                    door.write_all(b"0")?;
                }
                Ok(())
            });
        }
        command
    }
}
