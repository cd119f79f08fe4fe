//! What the service manager is told: ready, a status line, the watchdog.
//!
//! The watchdog is fed only while every task beats. A peer that is down, an
//! API that is slow or settings that are missing keep all tasks beating.

use crate::beat::Beats;
use crate::board::Board;
use crate::events;
use sd_notify::NotifyState;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// A loop beats each second; three missed beats are a stuck loop.
pub const STUCK: Duration = Duration::from_secs(4);
const STATUS_INTERVAL: Duration = Duration::from_secs(1);

/// Tells the service manager, if there is one.
pub fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "the service manager could not be told");
    }
}

/// Feeds the watchdog and keeps the status line until stopped.
pub async fn run(board: Board, beats: Beats, stop: CancellationToken) {
    let watchdog = sd_notify::watchdog_enabled();
    let interval = watchdog.map_or(STATUS_INTERVAL, |limit| (limit / 4).min(STATUS_INTERVAL));
    let mut interval = tokio::time::interval(interval);
    let mut shown = String::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = interval.tick() => {}
        }
        let stuck = beats.silent_for(STUCK);
        if stuck.is_empty() {
            if watchdog.is_some() {
                tell(&[NotifyState::Watchdog]);
            }
        } else {
            events::stuck(board.stage(), &stuck);
        }
        let node = board.document().node;
        let worst = board.worst().map(|reason| format!("; {}", reason.code)).unwrap_or_default();
        let status = format!("{}{worst}", node.phase);
        if status != shown {
            tell(&[NotifyState::Status(&status)]);
            shown = status;
        }
    }
}
