//! A person who wants to leave: waiting ends at the next point where nothing is
//! half done. Changes are never dropped; what only reads may be.

use super::Engine;
use crate::failure::Problem;
use std::time::Duration;
use tokio::sync::watch;

/// Whether the run should end at the next good point; shared by its clones.
#[derive(Debug, Clone)]
pub struct Stop(watch::Sender<bool>);

impl Default for Stop {
    fn default() -> Self {
        Self(watch::Sender::new(false))
    }
}

impl Stop {
    /// Asks for the end.
    pub fn ask(&self) {
        self.0.send_replace(true);
    }

    /// Takes it back.
    pub fn take_back(&self) {
        self.0.send_replace(false);
    }

    /// Whether it was asked for.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        *self.0.borrow()
    }

    /// Once it is asked for.
    pub async fn asked(&self) {
        // The sender is `self`, so the channel is never closed.
        let _ = self.0.subscribe().wait_for(|asked| *asked).await;
    }
}

impl Engine<'_> {
    /// Waits, or ends because a person wants to leave.
    pub(super) async fn rest(&self, length: Duration) -> Result<(), Problem> {
        self.unless_stopped(async {
            self.pace.clock.sleep(length).await;
            Ok(())
        })
        .await
    }

    /// Work that changes nothing, dropped when a person wants to leave.
    pub(super) async fn unless_stopped<T>(
        &self,
        reads: impl Future<Output = Result<T, Problem>>,
    ) -> Result<T, Problem> {
        tokio::select! {
            biased;
            () = self.pace.stop.asked() => Err(Problem::Interrupted),
            outcome = reads => outcome,
        }
    }
}
