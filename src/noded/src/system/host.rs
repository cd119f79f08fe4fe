//! Kernel and boot.

use super::facts::Host;
use jiff::{SignedDuration, Timestamp};
use rustix::time::{ClockId, clock_gettime};
use std::path::Path;

/// Reads them; `root` is `/` on a node.
///
/// # Errors
/// If the kernel's files cannot be read.
pub fn read(root: &Path) -> std::io::Result<Host> {
    let text =
        |path: &str| std::fs::read_to_string(root.join(path)).map(|text| text.trim().to_owned());
    let uptime = clock_gettime(ClockId::Boottime);
    let uptime = SignedDuration::new(uptime.tv_sec, i32::try_from(uptime.tv_nsec).unwrap_or(0));
    Ok(Host {
        kernel: text("proc/sys/kernel/osrelease")?,
        boot_id: text("proc/sys/kernel/random/boot_id")?,
        booted_at: Timestamp::now() - uptime,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_host_has_a_kernel_and_a_boot() {
        let host = read(Path::new("/")).unwrap();
        let uname = rustix::system::uname();
        assert_eq!(host.kernel.as_bytes(), uname.release().to_bytes());
        assert_eq!(host.boot_id.len(), 36);
        assert!(host.uptime_secs() > 0);
    }
}
