//! Where documents run.

use std::fs::File;
use std::io;

use super::sandbox::Output;
use super::toe::Console;

/// An instance, as much of it as the executor needs.
#[async_trait::async_trait]
pub(super) trait Place: Send + Sync {
    /// Runs a command as root, with a file of this computer as its input; what it says
    /// goes to the log, and to the console line by line.
    async fn run(
        &self,
        argv: &[&str],
        stdin: Option<File>,
        timeout_secs: Option<u64>,
        console: Option<&Console>,
    ) -> io::Result<Output>;

    /// Copies a file of the instance to one of this computer.
    async fn read(&self, path: &str, to: File, timeout_secs: Option<u64>) -> io::Result<Output>;

    /// Reboots it; returns once commands can be run again.
    async fn reboot(&self) -> io::Result<()>;

    /// Adds to the log.
    fn log(&self, text: &str);
}
