//! What this computer must have; all that is missing is told at once, each
//! with its fix.

use std::path::Path;

/// Something missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// What.
    pub what: String,
    /// What to do.
    pub fix: String,
}

/// The questions asked of a computer.
pub trait Host {
    /// Whether this process is root.
    fn is_root(&self) -> bool;
    /// Whether a program is on the path.
    fn has_program(&self, name: &str) -> bool;
    /// Whether overlayfs can be mounted.
    fn has_overlayfs(&self) -> bool;
    /// Whether `/` is a mount, which it is not in a plain chroot(2).
    fn root_is_mounted(&self) -> bool;
    /// Whether files can be block devices.
    fn has_loop_devices(&self) -> bool;
    /// Whether the file is there and executable.
    fn is_executable(&self, path: &Path) -> bool;
}

/// Programs and the Debian packages they are in.
const PROGRAMS: [(&str, &str); 7] = [
    ("mmdebstrap", "mmdebstrap"),
    ("systemd-nspawn", "systemd-container"),
    ("ip", "iproute2"),
    ("nft", "nftables"),
    ("nsenter", "util-linux"),
    ("unshare", "util-linux"),
    ("mount", "mount"),
];

/// All that is missing.
pub fn missing(host: &dyn Host, venv: &Path) -> Vec<Missing> {
    let mut missing = Vec::new();
    let mut add = |what: String, fix: String| missing.push(Missing { what, fix });
    if !host.is_root() {
        add("root".into(), "run it through sudo".into());
    }
    for (program, package) in PROGRAMS {
        if !host.has_program(program) {
            add(program.into(), format!("apt-get install {package}"));
        }
    }
    if !host.has_overlayfs() {
        add("overlayfs".into(), "modprobe overlay".into());
    }
    if !host.root_is_mounted() {
        // Network and mount namespaces are entered with mount(2) on `/`.
        add(
            "a mount at / (this is a plain chroot, or /proc is not mounted)".into(),
            "before chroot: mount --bind FOLDER FOLDER; mount -t proc proc FOLDER/proc".into(),
        );
    }
    let mlflow = venv.join("bin/mlflow");
    if !host.is_executable(&mlflow) {
        let venv = venv.display();
        add(
            mlflow.display().to_string(),
            format!("python3 -m venv {venv} && {venv}/bin/pip install mlflow boto3 (or --venv)"),
        );
    }
    missing
}

/// What is missing for machines with disks of their own.
pub fn missing_for_disks(host: &dyn Host) -> Vec<Missing> {
    let mut missing = Vec::new();
    let mut add = |what: &str, fix: &str| {
        missing.push(Missing { what: what.into(), fix: format!("{fix}, or no --machine-disks") });
    };
    if !host.has_program("mkfs.ext4") {
        add("mkfs.ext4", "apt-get install e2fsprogs");
    }
    if !host.has_loop_devices() {
        add("loop devices (/dev/loop-control)", "modprobe loop");
    }
    missing
}

/// What is missing for disks made of images.
pub fn missing_for_export(host: &dyn Host) -> Vec<Missing> {
    let packages = [
        ("sfdisk", "fdisk"),
        ("mformat", "mtools"),
        ("mke2fs", "e2fsprogs"),
        ("qemu-img", "qemu-utils"),
    ];
    let missing = packages.iter().filter(|(program, _)| !host.has_program(program));
    missing
        .map(|(program, package)| Missing {
            what: (*program).into(),
            fix: format!("apt-get install {package}"),
        })
        .collect()
}

/// One line each.
pub fn table(missing: &[Missing]) -> String {
    missing
        .iter()
        .map(|Missing { what, fix }| format!("  missing or in the way: {what}; fix: {fix}"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// The computer this runs on.
pub struct ThisHost;

impl Host for ThisHost {
    fn is_root(&self) -> bool {
        rustix::process::geteuid().is_root()
    }

    fn has_program(&self, name: &str) -> bool {
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path).any(|folder| self.is_executable(&folder.join(name)))
    }

    fn has_overlayfs(&self) -> bool {
        let known = || {
            let text = std::fs::read_to_string("/proc/filesystems").unwrap_or_default();
            text.lines().any(|line| line.trim() == "nodev\toverlay")
        };
        // A module is loaded at its first mount, which comes later.
        known() || (crate::net::run("modprobe", &["overlay"]).is_ok() && known())
    }

    fn root_is_mounted(&self) -> bool {
        let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        mounts.lines().any(|mount| mount.split(' ').nth(4) == Some("/"))
    }

    fn has_loop_devices(&self) -> bool {
        Path::new("/dev/loop-control").exists()
    }

    fn is_executable(&self, path: &Path) -> bool {
        use std::os::unix::fs::PermissionsExt;
        path.metadata().is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Bare;
    impl Host for Bare {
        fn is_root(&self) -> bool {
            false
        }
        fn has_program(&self, name: &str) -> bool {
            name == "ip"
        }
        fn root_is_mounted(&self) -> bool {
            false
        }
        fn has_overlayfs(&self) -> bool {
            true
        }
        fn has_loop_devices(&self) -> bool {
            false
        }
        fn is_executable(&self, _: &Path) -> bool {
            false
        }
    }

    #[test]
    fn everything_missing_is_told_with_its_fix() {
        let text = table(&missing(&Bare, Path::new("/v")));
        for part in [
            "sudo",
            "systemd-nspawn; fix: apt-get install systemd-container",
            "mmdebstrap; fix: apt-get install mmdebstrap",
            "plain chroot",
            "/v/bin/mlflow; fix: python3 -m venv /v && /v/bin/pip install mlflow boto3",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert!(!text.contains("iproute2") && !text.contains("overlay"));
        assert!(!text.contains("loop"));
        let export = table(&missing_for_export(&Bare));
        assert!(export.contains("qemu-img; fix: apt-get install qemu-utils"), "{export}");
        let disks = table(&missing_for_disks(&Bare));
        assert!(disks.contains("mkfs.ext4") && disks.contains("modprobe loop"), "{disks}");
    }
}
