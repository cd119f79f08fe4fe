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
        self.tell().await;
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
                _ = interval.tick() => self.tell().await,
                () = &mut good, if !proven => {
                    proven = true;
                    let good = Reading::good("followed");
                    self.board.set_settled(name::KERNEL_LOG, vec![good], Settle::AT_ONCE);
                }
            }
        }
        self.tell().await;
        if lines == 0 {
            // It may be the cursor that journald does not take.
            self.ledger.lock().forget_cursor();
        }
        (&mut following.ended).await.unwrap_or_else(|error| error.to_string())
    }

    /// Puts the counters where they are read, if there is news or it is time,
    /// and what is to be kept into its file.
    async fn tell(&mut self) {
        let written = self.ledger.lock().take_changes();
        if let Some(written) = written {
            // A disk that hangs must not hold up the runtime.
            let _ = tokio::task::spawn_blocking(move || written.write()).await;
        }
        if self.told.is_some_and(|told| told.elapsed() < TELL_AGAIN) {
            return;
        }
        let xids = self.ledger.lock().xids().clone();
        let readings = xid::readings(&xids, Timestamp::now());
        self.state.count(xids);
        self.board.set_settled(name::XID, readings, Settle::AT_ONCE);
        self.told = Some(Instant::now());
    }
}

/// One restart is nothing to tell.
const SETTLE: Settle = Settle { bad_after: 2, good_after: 1 };
