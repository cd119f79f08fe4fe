//! Looks at everything, each at its own pace, until stopped.

mod metadata;
mod node;
#[cfg(test)]
mod tests;

use super::facts::State;
use crate::board::{Board, Reading, Settle};
use nixl_aws::imds::Imds;
use nixl_cluster::reason;
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Against what flaps; the first reading counts at once.
const SETTLE: Settle = Settle { bad_after: 3, good_after: 3 };

/// A look takes milliseconds, but on a disk that is busy.
const HANGS_AFTER: Duration = Duration::from_secs(20);

/// What there is to watch, and who is told.
pub struct System {
    /// `/` on a node.
    pub root: PathBuf,
    /// Folders that are the daemon's own.
    pub folders: Folders,
    /// The metadata service.
    pub imds: Arc<dyn Imds>,
    /// Gets the readings.
    pub board: Board,
    /// Gets the facts.
    pub state: State,
    /// How often the metadata service is asked.
    pub pace: Pace,
    /// Ends it.
    pub stop: CancellationToken,
}

/// How often the metadata service is asked.
#[derive(Debug, Clone)]
pub struct Pace {
    /// For Spot notices; each look also tells whether the service answers.
    pub spot: Duration,
    /// The same at most, while it does not answer.
    pub unanswered_most: Duration,
    /// For other notices.
    pub notices: Duration,
    /// For the role's credentials.
    pub role: Duration,
    /// The same while there are none.
    pub no_role: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        let secs = Duration::from_secs;
        Self {
            // What AWS recommends (EC2 User Guide, "Spot Instance interruption notices").
            spot: secs(5),
            unanswered_most: secs(30),
            // They come hours ahead.
            notices: secs(60),
            role: secs(60),
            // Whoever repairs it waits.
            no_role: secs(10),
        }
    }
}

/// Folders that the service manager gives a daemon of its own.
#[derive(Debug, Clone, Default)]
pub struct Folders {
    /// Kept over restarts and boots.
    pub state: Option<PathBuf>,
    /// Gone with the daemon.
    pub runtime: Option<PathBuf>,
}

impl Folders {
    /// The first ones of systemd.exec(5)'s `STATE_DIRECTORY` and `RUNTIME_DIRECTORY`.
    #[must_use]
    pub fn from_env() -> Self {
        let first = |paths: OsString| {
            std::env::split_paths(&paths).next().filter(|path| path.is_absolute())
        };
        let folder = |name| std::env::var_os(name).and_then(first);
        Self { state: folder("STATE_DIRECTORY"), runtime: folder("RUNTIME_DIRECTORY") }
    }
}

impl System {
    /// Watches until stopped.
    pub async fn run(self) {
        let looks = async {
            tokio::join!(
                self.watch_host(),
                self.watch_clock(),
                self.watch_folder(),
                self.watch_cloud_init(),
                self.watch_spot(),
                self.watch_notices(),
                self.watch_lifetime(),
                self.watch_tokens(),
                self.watch_role(),
            )
        };
        tokio::select! {
            () = self.stop.cancelled() => {}
            _ = looks => {}
        }
    }

    fn tell(&self, name: &'static str, reading: Reading) {
        self.board.set_settled(name, vec![reading], Settle::AT_ONCE);
    }
}

/// What was read; what could not be keeps its last reading, whose time tells.
fn known<T, E: std::fmt::Display>(what: &str, read: Result<T, E>) -> Option<T> {
    read.inspect_err(|error| tracing::warn!(%error, "{what} not seen: {error}")).ok()
}

/// A look that has not ended for so long is told, and waited for: another one
/// would hang as well.
async fn patient<T>(
    patience: Duration,
    look: impl Future<Output = T>,
    tell: impl FnOnce(Reading),
) -> T {
    let mut look = std::pin::pin!(look);
    if let Ok(done) = tokio::time::timeout(patience, &mut look).await {
        return done;
    }
    let evidence = format!("no answer from the filesystem for {} s", patience.as_secs());
    tell(Reading::bad(&reason::DISK_HANGS, evidence));
    look.await
}

/// A disk that hangs must hold up nobody but who asked it.
async fn off_the_runtime<T: Send + 'static>(
    look: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(look).await.unwrap_or_else(|error| Err(io::Error::other(error)))
}
