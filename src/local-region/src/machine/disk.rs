//! A machine's own disk: ext4 in a sparse file, on a loop device that the kernel
//! frees with the last mount, so that nothing is left of it when the machine is
//! killed. What was written to it survives a power cut: this computer keeps
//! power and writes it out.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The file of a machine's disk.
pub(crate) fn image(machine_dir: &Path) -> PathBuf {
    machine_dir.join("disk.ext4")
}

/// Makes the disk, unless the machine has one from before.
pub(super) fn ensure(image: &Path, bytes: u64) -> io::Result<()> {
    if image.exists() {
        return Ok(());
    }
    File::create(image)?.set_len(bytes)?;
    let made = Command::new("mkfs.ext4")
        // No blocks kept for root, and nothing written that need not be.
        .args(["-q", "-F", "-m", "0", "-E", "lazy_itable_init=1,lazy_journal_init=1,nodiscard"])
        .arg(image)
        .output()?;
    if made.status.success() {
        return Ok(());
    }
    std::fs::remove_file(image)?;
    Err(io::Error::other(format!("mkfs.ext4: {}", String::from_utf8_lossy(&made.stderr).trim())))
}

/// Script that fills the machine's disk but for `$1` bytes and tells how many
/// bytes it took and how many are left; space is reserved, not written.
pub(super) const FILL: &str = r#"
set -eu
free() { df --output=avail -B1 / | tail -n 1; }
take=$(($(free) - $1))
if [ "$take" -gt 0 ]; then
  # The last blocks go to the file's own map, so it may end a little early.
  fallocate -o "$(stat -c %s /.nixl-region-fill 2>/dev/null || echo 0)" -l "$take" /.nixl-region-fill 2>/dev/null || :
fi
[ "$1" -gt 0 ] || cat /dev/zero >> /.nixl-region-fill 2>/dev/null || :
chmod 600 /.nixl-region-fill 2>/dev/null || :
echo "$(stat -c %s /.nixl-region-fill 2>/dev/null || echo 0) $(free)"
"#;

/// Script that gives the space back, and tells what is left.
pub(super) const FREE: &str = r#"
set -eu
taken=$(stat -c %s /.nixl-region-fill 2>/dev/null || echo 0)
rm -f /.nixl-region-fill
echo "$taken $(df --output=avail -B1 / | tail -n 1)"
"#;
