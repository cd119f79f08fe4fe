//! What tells an EC2 Debian image from a plain one.

use std::io;
use std::path::Path;

/// Files written into the image; part of the image's key.
pub(super) const FILES: [(&str, &str); 6] = [
    // A file name with EC2 in it is where cloud-init's ds-identify reads strict_id.
    (
        "etc/cloud/cloud.cfg.d/90_ec2.cfg",
        "datasource_list: [ Ec2, None ]\n\
         datasource:\n  Ec2:\n    strict_id: false\n\
         # Addresses are set from outside the machine, by the region.\n\
         network: {config: disabled}\n\
         # Neither the locales package nor an ssh server is in the image.\n\
         locale: false\n\
         ssh_genkeytypes: []\n",
    ),
    ("etc/hosts", "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n"),
    // Nothing outside can be reached; an empty file stops the resolver from waiting.
    ("etc/resolv.conf", ""),
    // Empty: made at first boot, as on EC2 (machine-id(5)).
    ("etc/machine-id", ""),
    ("etc/systemd/journald.conf.d/50-persistent.conf", "[Journal]\nStorage=persistent\n"),
    // Fetching from the outside would only fail and fill the journal.
    (
        "etc/systemd/system-preset/50-nixl-region.preset",
        "disable apt-daily.timer\ndisable apt-daily-upgrade.timer\n",
    ),
];

/// What the bootstrap copied from this computer or left over, and units that
/// the preset disables.
const REMOVED: [&str; 4] = [
    "etc/hostname",
    "var/lib/dbus/machine-id",
    "etc/systemd/system/timers.target.wants/apt-daily.timer",
    "etc/systemd/system/timers.target.wants/apt-daily-upgrade.timer",
];

/// Writes and removes; the tree is not yet anyone's root.
pub(super) fn apply(root: &Path) -> io::Result<()> {
    for path in REMOVED {
        match std::fs::remove_file(root.join(path)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    for (path, content) in FILES {
        let path = root.join(path);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        crate::process::write_atomic(&path, content.as_bytes(), 0o644)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_computers_identity_does_not_stay() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("etc")).unwrap();
        std::fs::write(root.path().join("etc/hostname"), "builder").unwrap();
        std::fs::write(root.path().join("etc/machine-id"), "0123").unwrap();
        apply(root.path()).unwrap();
        assert!(!root.path().join("etc/hostname").exists());
        assert_eq!(std::fs::read(root.path().join("etc/machine-id")).unwrap(), b"");
        assert!(root.path().join("etc/cloud/cloud.cfg.d/90_ec2.cfg").exists());
    }
}
