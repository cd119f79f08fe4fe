//! Memory of the node, and whom the kernel has killed for it: proc(5)
//! `meminfo` and `vmstat`.

use super::facts::Memory;
use crate::board::Reading;
use jiff::{SignedDuration, Timestamp};
use nixl_cluster::reason;
use std::io;
use std::path::Path;

/// The kernel begins to reclaim in earnest about here; a node of 2 TiB is not
/// short of memory with 20 GiB left.
const LOW_SHARE: f64 = 0.03;
const LOW_MOST_BYTES: u64 = 4 << 30;
/// How long a kill stays in sight.
const KILL_SHOWN: SignedDuration = SignedDuration::from_mins(30);

/// Reads it; `root` is `/` on a node.
///
/// # Errors
/// If the kernel's files cannot be read or lack what they should have.
pub fn read(root: &Path) -> io::Result<Memory> {
    let meminfo = std::fs::read_to_string(root.join("proc/meminfo"))?;
    let vmstat = std::fs::read_to_string(root.join("proc/vmstat"))?;
    parse(&meminfo, &vmstat)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "/proc/meminfo is unusual"))
}

fn parse(meminfo: &str, vmstat: &str) -> Option<Memory> {
    let bytes = |name: &str| number(meminfo, name)?.checked_mul(1024);
    Some(Memory {
        total_bytes: bytes("MemTotal:")?,
        available_bytes: bytes("MemAvailable:")?,
        // Kernels before 4.13 do not count.
        oom_kills: number(vmstat, "oom_kill").unwrap_or(0),
    })
}

fn number(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        (words.next() == Some(name)).then(|| words.next()?.parse().ok())?
    })
}

/// What is available.
pub fn judge(memory: &Memory) -> Reading {
    let Memory { total_bytes, available_bytes, .. } = *memory;
    #[expect(clippy::cast_precision_loss, reason = "a share needs no more")]
    let share = available_bytes as f64 / total_bytes.max(1) as f64;
    if share < LOW_SHARE && available_bytes < LOW_MOST_BYTES {
        let evidence =
            format!("{} MiB of {} MiB are available", available_bytes >> 20, total_bytes >> 20);
        return Reading::bad(&reason::MEMORY_LOW, evidence)
            .field("available_bytes", available_bytes)
            .field("total_bytes", total_bytes)
            .value(available_bytes)
            .unit("By");
    }
    Reading::good(available_bytes).unit("By")
}

/// Kills since the daemon looks: the count at its start is a baseline, since
/// nobody knows when those were.
#[derive(Debug, Clone, Copy, Default)]
pub struct Kills {
    known: Option<u64>,
    last: Option<(Timestamp, u64)>,
}

impl Kills {
    /// What the count of now means.
    pub fn judge(&mut self, oom_kills: u64, now: Timestamp) -> Reading {
        // A count that went back is of another boot, as in a test or a resumed machine.
        let new = self.known.map_or(0, |known| oom_kills.saturating_sub(known));
        self.known = Some(oom_kills);
        if new > 0 {
            let before = self.shown(now).map_or(0, |(_, before)| before);
            self.last = Some((now, before + new));
        }
        let Some((at, kills)) = self.shown(now) else { return Reading::good(oom_kills) };
        let processes = if kills == 1 { "one process" } else { "processes" };
        let evidence = format!(
            "the kernel has killed {processes} for memory, {kills} in the last {} min",
            KILL_SHOWN.as_mins()
        );
        Reading::bad(&reason::OOM_KILL, evidence)
            .field("kills", kills)
            .value(oom_kills)
            .happened(at)
    }

    fn shown(&self, now: Timestamp) -> Option<(Timestamp, u64)> {
        self.last.filter(|(at, _)| now.duration_since(*at) < KILL_SHOWN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEMINFO: &str =
        "MemTotal:       16384000 kB\nMemFree:  1 kB\nMemAvailable:     409600 kB\n";

    #[test]
    fn the_kernels_files_are_read() {
        let memory = parse(MEMINFO, "oom_kill_x 9\noom_kill 2\n").unwrap();
        assert_eq!(memory.total_bytes, 16_384_000 << 10);
        assert_eq!((memory.available_bytes, memory.oom_kills), (400 << 20, 2));
        assert_eq!(parse("MemTotal: 1 kB\n", ""), None);
        assert!(read(Path::new("/")).unwrap().available_bytes > 0);
    }

    #[test]
    fn a_small_share_is_low_unless_it_is_much() {
        let memory = |total: u64, available: u64| Memory {
            total_bytes: total << 20,
            available_bytes: available << 20,
            oom_kills: 0,
        };
        assert_eq!(judge(&memory(16_000, 400)).code(), Some("system.memory_low"));
        assert_eq!(judge(&memory(16_000, 600)).code(), None);
        assert_eq!(judge(&memory(2_000_000, 20_000)).code(), None);
    }

    #[test]
    fn only_new_kills_count_and_not_forever() {
        let at = |mins: i64| Timestamp::from_second(mins * 60).unwrap();
        let mut kills = Kills::default();
        assert_eq!(kills.judge(7, at(0)).code(), None);
        let told = kills.judge(8, at(1));
        assert_eq!((told.code(), told.happened), (Some("system.oom_kill"), Some(at(1))));
        assert_eq!(kills.judge(8, at(2)).happened, Some(at(1)));
        assert_eq!(kills.judge(10, at(3)).fields["kills"], 3);
        assert_eq!(kills.judge(10, at(33)).code(), None);
        assert_eq!(kills.judge(0, at(34)).code(), None);
    }
}
