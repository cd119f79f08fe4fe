//! How much memory a worker holds, proc(5) `statm`.

use std::fs::File;
use std::future::pending;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Rails of the node that has the most; a worker that has not opened yet may
/// have as many.
pub const MOST_RAILS: usize = 32;

/// Enough for so many rails: far above what libfabric's pools take for them
/// (some 100 MB each on EFA) and a measurement's regions (256 MiB in all), far
/// below what a node would miss.
pub const fn limit_bytes(rails: usize) -> u64 {
    const UP_TO_EIGHT: u64 = 2 << 30;
    const EACH_MORE: u64 = 192 << 20;
    UP_TO_EIGHT + EACH_MORE * rails.saturating_sub(8) as u64
}

const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Opens what tells of this process. A worker that nobody may trace is out of
/// sight under ProtectProc=, so it is opened before it becomes that.
pub fn watch(process: Option<u32>) -> io::Result<File> {
    let process = process.ok_or_else(|| io::Error::other("it has ended"))?;
    File::open(format!("/proc/{process}/statm"))
}

/// Waits until the process holds more than `limit_bytes` and tells how much;
/// never ends when it cannot be looked at, which is said once.
pub async fn exceeded(owns: &str, statm: io::Result<File>, limit_bytes: &AtomicU64) -> u64 {
    let statm = match statm {
        Ok(statm) => statm,
        Err(error) => {
            tracing::warn!(
                %error,
                "the memory of the {owns} worker cannot be watched, a leak will go on: {error}"
            );
            return pending().await;
        }
    };
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
    use std::pin::pin;
    use std::sync::{Arc, Mutex};
    use std::task::{Context, Waker};

    #[test]
    fn half_of_what_the_rails_take_is_to_spare() {
        const POOLS_OF_A_RAIL: u64 = 100_000_000;
        const REGIONS: u64 = 256 << 20;
        for rails in [1, 8, 16, MOST_RAILS] {
            let taken = rails as u64 * POOLS_OF_A_RAIL + REGIONS;
            assert!(limit_bytes(rails) >= taken + taken / 2, "{rails} rails take {taken} bytes");
        }
    }

    #[test]
    fn the_resident_set_is_in_pages() {
        assert_eq!(parse("2345 67 45 1 0 89 0\n", 4096), Some(67 * 4096));
        assert_eq!(parse("2345", 4096), None);
        assert_eq!(parse("1 18446744073709551615", 4096), None);
    }

    #[tokio::test]
    async fn this_process_holds_something() {
        assert!(exceeded("test", watch(Some(std::process::id())), &AtomicU64::new(1)).await > 1);
    }

    #[derive(Clone, Default)]
    struct Journal(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Journal {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_cannot_be_watched_is_told_once() {
        let journal = Journal::default();
        let writer = journal.clone();
        let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone()).finish();
        let _guard = tracing::subscriber::set_default(subscriber);
        let limit = AtomicU64::new(1);
        let mut watching = pin!(exceeded("test", watch(Some(u32::MAX)), &limit));
        let mut context = Context::from_waker(Waker::noop());
        for _ in 0..2 {
            assert!(watching.as_mut().poll(&mut context).is_pending());
        }
        let told = String::from_utf8(journal.0.lock().unwrap().clone()).unwrap();
        assert_eq!(told.lines().count(), 1, "{told}");
        assert!(told.contains("WARN") && told.contains("No such file"), "{told}");
    }
}
