//! How much memory a worker holds, proc(5) `statm`.

use std::fs::File;
use std::future::pending;
use std::os::unix::fs::FileExt as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Rails of the node that has the most; a worker that has not opened yet may
/// have as many.
pub const MOST_RAILS: usize = 32;

/// Enough for so many rails: far above what libfabric's pools take for them
/// (some 100 MB each on EFA) and a measurement's regions (256 MiB in all), far
/// below what a node would miss.
pub fn limit_bytes(rails: usize) -> u64 {
    const UP_TO_EIGHT: u64 = 1 << 30;
    const EACH_MORE: u64 = 64 << 20;
    UP_TO_EIGHT + EACH_MORE * rails.saturating_sub(8) as u64
}

const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Opens what tells of this process. A worker that nobody may trace is out of
/// sight under ProtectProc=, so it is opened before it becomes that.
pub fn watch(process: Option<u32>) -> Option<File> {
    File::open(format!("/proc/{}/statm", process?)).ok()
}

/// Waits until the process holds more than `limit_bytes` and tells how much;
/// never ends when it cannot be looked at.
pub async fn exceeded(statm: Option<File>, limit_bytes: &AtomicU64) -> u64 {
    let Some(statm) = statm else { return pending().await };
    let mut interval = tokio::time::interval(LOOK_EVERY);
    loop {
        interval.tick().await;
        let limit_bytes = limit_bytes.load(Ordering::Relaxed);
        if let Some(bytes) = resident_bytes(&statm).filter(|bytes| *bytes > limit_bytes) {
            return bytes;
        }
    }
}

/// The kernel makes the text of a few counters, so this does not block.
fn resident_bytes(statm: &File) -> Option<u64> {
    let mut text = [0; 128];
    let len = statm.read_at(&mut text, 0).ok()?;
    parse(std::str::from_utf8(&text[..len]).ok()?, rustix::param::page_size() as u64)
}

/// The second number is the resident set in pages.
fn parse(statm: &str, page_bytes: u64) -> Option<u64> {
    statm.split_ascii_whitespace().nth(1)?.parse::<u64>().ok()?.checked_mul(page_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_rails_may_hold_more() {
        assert_eq!([1, 8].map(limit_bytes), [1 << 30; 2]);
        assert_eq!(limit_bytes(MOST_RAILS), (1 << 30) + 24 * (64 << 20));
    }

    #[test]
    fn the_resident_set_is_in_pages() {
        assert_eq!(parse("2345 67 45 1 0 89 0\n", 4096), Some(67 * 4096));
        assert_eq!(parse("2345", 4096), None);
        assert_eq!(parse("1 18446744073709551615", 4096), None);
    }

    #[tokio::test]
    async fn this_process_holds_something() {
        assert!(exceeded(watch(Some(std::process::id())), &AtomicU64::new(1)).await > 1);
    }
}
