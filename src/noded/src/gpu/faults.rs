//! Follows the kernel log, counts what it tells of GPUs, and says so.

use super::kernel_log::{Following, KernelLog};
use super::ledger::Ledger;
use super::{State, name};
use crate::backoff::Backoff;
use crate::board::{Board, Reading, Settle};
use jiff::Timestamp;
use nixl_cluster::reason;
use nixl_gpu::xid;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// A burst is told and written at once, not a thousand times.
const TELL_EVERY: Duration = Duration::from_secs(1);
/// Warnings end by time alone.
const TELL_AGAIN: Duration = Duration::from_secs(60);
/// A log that was followed for so long can be read.
const LONG_LIFE: Duration = Duration::from_secs(10);
const RESTART_FIRST: Duration = Duration::from_millis(500);
const RESTART_MOST: Duration = Duration::from_secs(60);

/// What the monitor and the follower share.
#[derive(Debug, Clone)]
pub(super) struct Shared(Arc<Mutex<Ledger>>);

impl Shared {
    pub fn new(ledger: Ledger) -> Self {
        Self(Arc::new(Mutex::new(ledger)))
    }

    pub fn lock(&self) -> MutexGuard<'_, Ledger> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts faults until stopped.
pub(super) struct Faults {
    pub log: Arc<dyn KernelLog>,
    pub ledger: Shared,
    pub board: Board,
    pub state: State,
    pub stop: CancellationToken,
    /// When the counters were last told; `None` while there is news.
    pub told: Option<Instant>,
    /// What is being kept, one after the other.
    pub writing: Option<JoinHandle<()>>,
}

impl Faults {
    pub async fn run(mut self) {
        let stop = self.stop.clone();
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.follow_always() => {}
        }
    }

    async fn follow_always(&mut self) {
        let mut backoff = Backoff::new(RESTART_FIRST, RESTART_MOST);
        self.tell();
        loop {
            let started = Instant::now();
            let following = {
                let ledger = self.ledger.lock();
                self.log.follow(ledger.cursor())
            };
            let how = match following {
                Ok(following) => self.follow(following).await,
                Err(error) => format!("journalctl cannot be started: {error}"),
            };
            if started.elapsed() > LONG_LIFE {
                backoff.reset();
            } else {
                tracing::debug!(%how, "the kernel log is not followed: {how}");
                let bad = Reading::bad(&reason::GPU_KERNEL_LOG, how);
                self.board.set_settled(name::KERNEL_LOG, vec![bad], SETTLE);
            }
            tokio::time::sleep(backoff.step()).await;
        }
    }

    /// Until it ends: how.
    async fn follow(&mut self, mut following: Following) -> String {
        let mut interval = tokio::time::interval(TELL_EVERY);
        let good = tokio::time::sleep(LONG_LIFE);
        tokio::pin!(good);
        let (mut lines, mut proven) = (0_u64, false);
        loop {
            tokio::select! {
                line = following.lines.recv() => {
                    let Some(line) = line else { break };
                    lines += 1;
                    if self.ledger.lock().take(&line) {
                        self.told = None;
                    }
                }
                _ = interval.tick() => self.tell(),
                () = &mut good, if !proven => {
                    proven = true;
                    let good = Reading::good("followed");
                    self.board.set_settled(name::KERNEL_LOG, vec![good], Settle::AT_ONCE);
                }
            }
        }
        self.tell();
        if lines == 0 {
            // It may be the cursor that journald does not take.
            self.ledger.lock().forget_cursor();
        }
        (&mut following.ended).await.unwrap_or_else(|error| error.to_string())
    }

    /// Puts the counters where they are read, if there is news or it is time,
    /// and what is to be kept into its file.
    fn tell(&mut self) {
        self.keep();
        if self.told.is_some_and(|told| told.elapsed() < TELL_AGAIN) {
            return;
        }
        let xids = self.ledger.lock().xids().clone();
        let readings = xid::readings(&xids, Timestamp::now());
        self.state.count(xids);
        self.board.set_settled(name::XID, readings, Settle::AT_ONCE);
        self.told = Some(Instant::now());
    }

    /// A disk that hangs holds up nothing but the next write, which then has
    /// all that came since.
    fn keep(&mut self) {
        if self.writing.as_ref().is_some_and(|writing| !writing.is_finished()) {
            return;
        }
        let written = self.ledger.lock().take_changes();
        self.writing = written.map(|written| tokio::task::spawn_blocking(move || written.write()));
    }
}

/// One restart is nothing to tell.
const SETTLE: Settle = Settle { bad_after: 2, good_after: 1 };

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::Journalctl;

    #[tokio::test]
    async fn a_disk_that_hangs_silences_no_fault() {
        let (folder, root) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mut faults = Faults {
            log: Arc::new(Journalctl::default()),
            ledger: Shared::new(Ledger::load(Some(folder.path()), root.path())),
            board: Board::default(),
            state: State::default(),
            stop: CancellationToken::new(),
            told: None,
            writing: Some(tokio::spawn(std::future::pending())),
        };
        let line = r#"{"__CURSOR":"c1","__REALTIME_TIMESTAMP":"1","MESSAGE":"NVRM: Xid (PCI:0000:53:00): 79, x"}"#;
        assert!(faults.ledger.lock().take(line));
        faults.tell();
        assert_eq!(faults.state.xids().len(), 1);
        let told = serde_json::to_string(&faults.board.document()).unwrap();
        assert!(told.contains("gpu.xid_reboot"), "{told}");
        let kept = folder.path().join("gpu.json");
        assert!(!kept.exists());

        faults.writing = None;
        faults.tell();
        faults.writing.take().unwrap().await.unwrap();
        assert!(std::fs::read_to_string(kept).unwrap().contains("c1"), "the last state");
    }
}
