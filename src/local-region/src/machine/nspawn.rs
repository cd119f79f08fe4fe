//! The command line of a machine or a build: overlay mounted in a private
//! mount namespace, then systemd-nspawn(1) in its place.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;

use crate::backend::RootFs;

/// Mounts the overlay (`$1` options, `$2` target), then becomes the rest.
const MOUNT_THEN: &str = r#"mount -t overlay nixl-region -o "$1" "$2" && shift 2 && exec "$@""#;

/// A root filesystem that can be written to: layers below, our folder on top.
pub(crate) struct Overlay {
    folder: PathBuf,
    options: String,
}

impl Overlay {
    /// Prepares `upper`, `work` and `root` in a folder.
    pub(crate) fn prepare(folder: &Path, lower: &RootFs) -> io::Result<Self> {
        for name in ["upper", "work", "root"] {
            std::fs::create_dir_all(folder.join(name))?;
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
            folder.join("upper").display(),
            folder.join("work").display()
        );
        Ok(Self { folder: folder.to_owned(), options })
    }

    /// What was changed.
    pub(crate) fn upper(&self) -> PathBuf {
        self.folder.join("upper")
    }

    fn root(&self) -> PathBuf {
        self.folder.join("root")
    }

    /// `systemd-nspawn` over this root, in the cgroup behind `doors`; its
    /// further arguments are the caller's.
    pub(crate) fn nspawn(&self, machine: &str, doors: Vec<File>) -> Command {
        let mut command = Command::new("unshare");
        command
            .args(["-m", "--propagation", "private", "sh", "-c", MOUNT_THEN, "sh", &self.options])
            .arg(self.root())
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
