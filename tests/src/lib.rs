//! What the end-to-end suites share: the programs as built, a local region of
//! their own, waiting for conditions, and a teller of steps.

pub mod node;
pub mod programs;
pub mod region;
pub mod story;
pub mod terminal;

pub use programs::{Output, Program};
pub use region::Region;
pub use story::Story;
pub use terminal::Terminal;

use anyhow::{Result, bail};
use std::time::{Duration, Instant};

/// Asks `probe` until it gives a value or `limit` has passed; how long it took.
///
/// # Errors
/// When the limit passes; the error holds the probe's last complaint.
pub fn wait_for<T>(
    what: &str,
    limit: Duration,
    mut probe: impl FnMut() -> Result<T>,
) -> Result<(T, Duration)> {
    let begun = Instant::now();
    loop {
        match probe() {
            Ok(value) => return Ok((value, begun.elapsed())),
            Err(error) if begun.elapsed() > limit => {
                bail!("{what}: not within {limit:?}; last: {error:#}")
            }
            // The programs under test are asked at most ten times a second.
            Err(_) => std::thread::sleep(Duration::from_millis(100)),
        }
    }
}
