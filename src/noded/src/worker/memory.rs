//! How much memory a worker holds, proc(5) `statm`.

use std::fs::File;
use std::future::pending;
use std::os::unix::fs::FileExt as _;
use std::time::Duration;

/// Far above what libfabric's pools take for an endpoint (some 100 MB on EFA),
/// far below what a node would miss.
pub const LIMIT_BYTES: u64 = 1 << 30;

const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Opens what tells of this process. A worker that nobody may trace is out of
/// sight under ProtectProc=, so it is opened before it becomes that.
pub fn watch(process: Option<u32>) -> Option<File> {
    File::open(format!("/proc/{}/statm", process?)).ok()
}

/// Waits until the process holds more than `limit_bytes` and tells how much;
/// never ends when it cannot be looked at.
pub async fn exceeded(statm: Option<File>, limit_bytes: u64) -> u64 {
    let Some(statm) = statm else { return pending().await };
    let mut interval = tokio::time::interval(LOOK_EVERY);
    loop {
        interval.tick().await;
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
    fn the_resident_set_is_in_pages() {
        assert_eq!(parse("2345 67 45 1 0 89 0\n", 4096), Some(67 * 4096));
        assert_eq!(parse("2345", 4096), None);
        assert_eq!(parse("1 18446744073709551615", 4096), None);
    }

    #[tokio::test]
    async fn this_process_holds_something() {
        assert!(exceeded(watch(Some(std::process::id())), 1).await > 1);
    }
}
