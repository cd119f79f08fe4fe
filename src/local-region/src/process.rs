//! Processes by pid and start time, as `proc(5)` shows them; a pid alone may
//! belong to someone else by the time it is used.

use std::path::Path;

use serde::{Deserialize, Serialize};

/// One process, for as long as it lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessRef {
    /// Process id.
    pub pid: u32,
    /// Start time in clock ticks since boot (`/proc/PID/stat`, field 22).
    pub start_ticks: u64,
}

impl ProcessRef {
    /// The process that has this pid now.
    pub fn of(pid: u32) -> Option<Self> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let (state, start_ticks) = parse_stat(&stat)?;
        (state != 'Z').then_some(Self { pid, start_ticks })
    }

    /// Whether it still runs (a zombie does not).
    pub fn alive(&self) -> bool {
        Self::of(self.pid) == Some(*self)
    }

    /// Sends a signal, if it is still this process.
    pub fn signal(&self, signal: i32) {
        if self.alive() {
            kill(self.pid, signal);
        }
    }
}

/// Sends a signal to a pid that was just read from the kernel.
pub(crate) fn kill(pid: u32, signal: i32) {
    if let Ok(pid) = i32::try_from(pid) {
        // SAFETY: kill(2) has no memory effects; a stale pid gives ESRCH.
        unsafe { libc::kill(pid, signal) };
    }
}

/// State and start time; the name in brackets may hold anything.
fn parse_stat(stat: &str) -> Option<(char, u64)> {
    let rest = &stat[stat.rfind(')')? + 1..];
    let mut fields = rest.split_ascii_whitespace();
    let state = fields.next()?.chars().next()?;
    Some((state, fields.nth(18)?.parse().ok()?))
}

/// Children of a process.
pub fn children(pid: u32) -> Vec<u32> {
    let Ok(tasks) = std::fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    tasks
        .flatten()
        .filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok())
        .flat_map(|text| text.split_whitespace().filter_map(|p| p.parse().ok()).collect::<Vec<_>>())
        .collect()
}

/// Name of a process.
pub fn comm(pid: u32) -> Option<String> {
    Some(std::fs::read_to_string(format!("/proc/{pid}/comm")).ok()?.trim_end().to_owned())
}

/// Reads a recorded process.
pub fn read_record(path: &Path) -> Option<ProcessRef> {
    serde_json::from_slice(&std::fs::read(path).ok()?).ok()
}

/// Writes a file whole or not at all: temporary file in the same folder,
/// synced, renamed.
pub fn write_atomic(path: &Path, bytes: &[u8], mode: u32) -> std::io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::PermissionsExt;
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().set_permissions(std::fs::Permissions::from_mode(mode))?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stat_with_a_nasty_name_is_read() {
        let stat = "42 (a) b (c) S 1 42 42 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 777 9 9";
        assert_eq!(parse_stat(stat), Some(('S', 777)));
    }

    #[test]
    fn this_process_is_alive_and_another_start_time_is_not_it() {
        let me = ProcessRef::of(std::process::id()).unwrap();
        assert!(me.alive());
        assert!(!ProcessRef { start_ticks: me.start_ticks + 1, ..me }.alive());
    }
}
