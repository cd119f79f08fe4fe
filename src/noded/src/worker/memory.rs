//! How much memory a worker holds, proc(5) `statm`.

use std::future::pending;
use std::time::Duration;

/// Far above what libfabric's pools take for an endpoint (some 100 MB on EFA),
/// far below what a node would miss.
pub const LIMIT_BYTES: u64 = 1 << 30;

const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Waits until the process holds more than `limit_bytes` and tells how much;
/// never ends when it cannot be looked at.
pub async fn exceeded(process: Option<u32>, limit_bytes: u64) -> u64 {
    let Some(process) = process else { return pending().await };
    let mut interval = tokio::time::interval(LOOK_EVERY);
    loop {
        interval.tick().await;
        if let Some(bytes) = resident_bytes(process).await.filter(|bytes| *bytes > limit_bytes) {
            return bytes;
        }
    }
}

async fn resident_bytes(process: u32) -> Option<u64> {
    let text = tokio::fs::read_to_string(format!("/proc/{process}/statm")).await.ok()?;
    parse(&text, rustix::param::page_size() as u64)
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
        assert!(exceeded(Some(std::process::id()), 1).await > 1);
    }
}
