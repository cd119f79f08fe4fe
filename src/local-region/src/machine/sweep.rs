//! Removes by name whatever a region left on this computer, also when it was
//! killed and could not clean up.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::cgroup::Cgroup;
use crate::layout::{CGROUP_PARENT, Layout};
use crate::net;

const PATIENCE: Duration = Duration::from_secs(10);
/// Where nspawn keeps a folder per machine for mount propagation.
const PROPAGATE: &str = "/run/systemd/nspawn/propagate";

/// Removes processes, namespaces, links, cgroups and mounts; the state folder
/// is the caller's. Everything is tried; what failed is told, one line each.
pub fn sweep(layout: &Layout) -> Vec<String> {
    let mut left = Vec::new();
    let cgroup = Cgroup::named(&layout.cgroup());
    if !cgroup.kill(PATIENCE) {
        left.push(format!("processes {:?} do not die", cgroup.processes()));
    }
    if let Err(error) = net::remove_all(layout) {
        left.push(error.to_string());
    }
    if let Err(error) = cgroup.remove(PATIENCE) {
        left.push(format!("cgroup {}: {error}", layout.cgroup()));
    }
    // Shared by all regions: the last one takes it away, others cannot.
    let _ = Cgroup::named(CGROUP_PARENT).remove_if_empty();
    for point in mounts_below(layout.state_dir()) {
        if let Err(error) = net::run("umount", &["-l", &point.to_string_lossy()]) {
            left.push(error.to_string());
        }
    }
    if let Err(error) = remove_propagation(&format!("{}-", layout.bridge_netns())) {
        left.push(format!("{PROPAGATE}: {error}"));
    }
    left
}

/// Removes nspawn's propagation folders of machines whose name starts so.
pub(crate) fn remove_propagation(prefix: &str) -> io::Result<()> {
    let Ok(entries) = std::fs::read_dir(PROPAGATE) else { return Ok(()) };
    for entry in entries.flatten() {
        if entry.file_name().to_string_lossy().starts_with(prefix) {
            std::fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

/// Mount points at or below a folder, deepest first.
fn mounts_below(folder: &Path) -> Vec<PathBuf> {
    let text = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let mut points: Vec<PathBuf> = text
        .lines()
        .filter_map(|line| line.split(' ').nth(4))
        .map(|point| PathBuf::from(point.replace("\\040", " ")))
        .filter(|point| point.starts_with(folder))
        .collect();
    points.sort_by_key(|point| std::cmp::Reverse(point.components().count()));
    points
}
