//! The parts of the daemon that run beside the engine, and a word when one of
//! them ends.
//!
//! A part that has panicked tells nothing any more, and its last readings would
//! stand for ever.

use crate::board::{Board, Reading, Settle, name};
use nixl_cluster::reason;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Starts them.
#[derive(Debug, Clone)]
pub struct Parts {
    board: Board,
    stop: CancellationToken,
    ended: Arc<Mutex<Vec<Reading>>>,
}

impl Parts {
    /// None yet; `stop` is what ends them as it should be.
    #[must_use]
    pub fn new(board: Board, stop: CancellationToken) -> Self {
        Self { board, stop, ended: Arc::default() }
    }

    /// Runs a part, and tells if it ends before the daemon is stopped.
    pub fn watch(
        &self,
        part: &'static str,
        run: impl Future<Output = ()> + Send + 'static,
    ) -> JoinHandle<()> {
        let (parts, running) = (self.clone(), tokio::spawn(run));
        tokio::spawn(async move {
            let ended = running.await;
            if !parts.stop.is_cancelled() {
                let how = ended.map_or_else(|panic| panic.to_string(), |()| "it ended".to_owned());
                parts.tell(part, &how);
            }
        })
    }

    fn tell(&self, part: &'static str, how: &str) {
        let evidence = format!("{part}: {how}");
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        let reading = Reading::bad(&reason::PART_FAILED, evidence);
        ended.push(reading.field("part", part).about(part));
        self.board.set_settled(name::PARTS, ended.clone(), Settle::AT_ONCE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nixl_cluster::health::Check;

    fn told(board: &Board) -> Vec<Check> {
        board.document().checks.get(name::PARTS).cloned().unwrap_or_default()
    }

    #[tokio::test]
    async fn a_part_that_panics_or_ends_is_told_with_its_name() {
        let (board, stop) = (Board::default(), CancellationToken::new());
        let parts = Parts::new(board.clone(), stop);
        parts.watch("gpu", async { panic!("no such GPU") }).await.unwrap();
        parts.watch("efa", async {}).await.unwrap();
        let told = told(&board);
        let reasons: Vec<_> = told.iter().map(|check| check.reason.clone().unwrap()).collect();
        assert!(reasons.iter().all(|reason| reason.code == "node.part_failed"), "{reasons:?}");
        assert_eq!(reasons.len(), 2);
        assert!(reasons[0].evidence.starts_with("gpu: "), "{}", reasons[0].evidence);
        assert!(reasons[0].evidence.contains("no such GPU"), "{}", reasons[0].evidence);
        assert_eq!(reasons[1].evidence, "efa: it ended");
    }

    #[tokio::test]
    async fn a_part_that_is_stopped_is_not() {
        let (board, stop) = (Board::default(), CancellationToken::new());
        let parts = Parts::new(board.clone(), stop.clone());
        let running = parts.watch("gpu", stop.clone().cancelled_owned());
        stop.cancel();
        running.await.unwrap();
        assert_eq!(told(&board), []);
    }
}
