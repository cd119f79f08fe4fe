//! Where documents run.

use std::fs::File;
use std::io;

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

/// Exit code by which a step asks for a reboot (user guide, ExecuteBash).
const REBOOT_CODE: i32 = 194;

/// How a command ended.
pub(crate) struct Output {
    pub(super) code: Option<i32>,
    pub(super) tail: String,
    pub(super) timed_out: Option<u64>,
}

impl Output {
    pub(crate) fn ok(&self) -> bool {
        self.code == Some(0) && self.timed_out.is_none()
    }

    /// Whether it wants the instance rebooted, and itself run again.
    pub(super) fn wants_reboot(&self) -> bool {
        self.code == Some(REBOOT_CODE) && self.timed_out.is_none()
    }

    /// What a failure shows.
    pub(crate) fn tail(&self) -> String {
        match (self.timed_out, self.code) {
            (Some(secs), _) => format!("{}\ntimed out after {secs} s", self.tail),
            (None, Some(code)) => format!("{}\nexit status {code}", self.tail),
            (None, None) => format!("{}\nkilled by a signal", self.tail),
        }
        .trim()
        .to_owned()
    }

    /// Tells how it ended.
    pub(super) fn tell(&self, console: &Console) {
        match self.timed_out {
            Some(secs) => console.timed_out(secs),
            // As Go tells it of a process that a signal ended.
            None => console.exit_code(self.code.unwrap_or(-1)),
        }
    }
}
