//! Looks for what a region may leave, without the region's own code.

use std::process::Command;

use super::Layout;

/// Everything on this computer that carries the region's name.
pub fn traces(layout: &Layout) -> Vec<String> {
    let short = layout.short_id();
    let find = format!(
        "ls /run/netns /run/systemd/nspawn/propagate 2>/dev/null | grep nixl-region-{short}; \
         find /sys/fs/cgroup -path '*nixl-region/{short}*'; \
         grep -F {state} /proc/self/mountinfo; \
         grep -F {state} /sys/block/loop*/loop/backing_file; \
         ip -o link | grep nr{short}; \
         for p in /proc/[0-9]*; do tr '\\0' ' ' < $p/cmdline 2>/dev/null | grep -F {state}/machines | grep -v /proc/; done",
        state = layout.state_dir().display()
    );
    let output = Command::new("sh").args(["-c", &find]).output().unwrap();
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}
