//! Keeps this node's tags what they should be.
//!
//! Others say what the tags should be; this task writes what differs, at most
//! once a second (CreateTags is a throttled call of the whole account), and
//! tries again with backoff. Identity, endpoint and state of a start go out
//! in one call because they are wanted together.

mod coalescer;

use crate::backoff::Backoff;
use crate::beat::{Beat, INTERVAL};
use crate::board::{Board, Reading, name};
use crate::events::{self, Stage};
use crate::registry::{Registry, RegistryError};
use coalescer::Coalescer;
use nixl_cluster::{reason, tag};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

const FIRST_RETRY: Duration = Duration::from_millis(500);
const LAST_RETRY: Duration = Duration::from_secs(30);
/// IAM may take this long to know a role that was just made; asking more
/// often does not help.
const DENIED_RETRY: Duration = Duration::from_secs(5);
const CALL_TIMEOUT: Duration = Duration::from_secs(20);
/// A stop has two seconds for everything.
const LAST_CALL_TIMEOUT: Duration = Duration::from_millis(700);

/// Values by tag key.
pub type Tags = BTreeMap<&'static str, String>;

/// The side that says what the tags should be.
#[derive(Debug, Clone)]
pub struct Publisher {
    wanted: watch::Sender<Tags>,
    held: Arc<Mutex<Tags>>,
}

impl Publisher {
    /// These keys should have these values.
    pub fn want(&self, values: impl IntoIterator<Item = (&'static str, String)>) {
        let held = std::mem::take(&mut *self.held.lock().unwrap_or_else(PoisonError::into_inner));
        self.wanted.send_if_modified(|tags| {
            let mut changed = false;
            for (key, value) in held.into_iter().chain(values) {
                changed |= tags.get(key) != Some(&value);
                tags.insert(key, value);
            }
            changed
        });
    }

    /// These too, but only together with the next `want`.
    pub fn hold(&self, values: impl IntoIterator<Item = (&'static str, String)>) {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).extend(values);
    }
}

/// The task that writes.
pub struct Writer {
    wanted: watch::Receiver<Tags>,
    registry: Arc<dyn Registry>,
    board: Board,
    beat: Beat,
    stop: CancellationToken,
}

/// Both sides. `stop` ends the writer after one last try.
#[must_use]
pub fn pair(
    registry: Arc<dyn Registry>,
    board: Board,
    beat: Beat,
    stop: CancellationToken,
) -> (Publisher, Writer) {
    let (sender, wanted) = watch::channel(Tags::new());
    (
        Publisher { wanted: sender, held: Arc::default() },
        Writer { wanted, registry, board, beat, stop },
    )
}

impl Writer {
    /// Writes until stopped.
    pub async fn run(mut self) {
        let start = Instant::now();
        let mut coalescer = Coalescer::default();
        let mut backoff = Backoff::new(FIRST_RETRY, LAST_RETRY);
        loop {
            self.beat.now();
            coalescer.want(self.wanted.borrow_and_update().clone());
            let now = start.elapsed();
            let due = coalescer.due();
            if due.is_some_and(|due| due <= now) {
                let batch = coalescer.batch();
                match self.beat.during(self.write(&batch, CALL_TIMEOUT)).await {
                    Ok(()) => {
                        backoff.reset();
                        coalescer.written(start.elapsed(), &batch);
                        self.succeeded(&batch);
                    }
                    Err(error) => {
                        let wait = backoff.step().max(if error.denied {
                            DENIED_RETRY
                        } else {
                            FIRST_RETRY
                        });
                        coalescer.failed(start.elapsed(), wait);
                        self.failed(&error);
                    }
                }
                continue;
            }
            let wait = due.map_or(INTERVAL, |due| (due - now).min(INTERVAL));
            tokio::select! {
                () = self.stop.cancelled() => break,
                changed = self.wanted.changed() => if changed.is_err() { break },
                () = tokio::time::sleep(wait) => {}
            }
        }
        coalescer.want(self.wanted.borrow().clone());
        if coalescer.due().is_some() {
            // Nobody is left to be told; the next start writes the tags anew.
            let _ = self.write(&coalescer.batch(), LAST_CALL_TIMEOUT).await;
        }
    }

    async fn write(
        &self,
        batch: &[(&'static str, String)],
        limit: Duration,
    ) -> Result<(), RegistryError> {
        tokio::time::timeout(limit, self.registry.publish(batch)).await.unwrap_or_else(|_| {
            let message = format!("no answer from EC2 within {} s", limit.as_secs());
            Err(RegistryError { denied: false, message })
        })
    }

    fn succeeded(&self, batch: &[(&'static str, String)]) {
        self.board.set(name::REGISTRATION, Reading::good("written"));
        if batch.iter().any(|(key, _)| *key == tag::IDENTITY) {
            events::registered();
        }
    }

    fn failed(&self, error: &RegistryError) {
        let reason = if error.denied { &reason::REGISTER_DENIED } else { &reason::EC2_UNREACHABLE };
        events::reason(Stage::Register, reason, &error.message);
        self.board.set(name::REGISTRATION, Reading::bad(reason, error.message.as_str()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::beat::Beats;
    use crate::registry::{Roster, Standing};
    use tokio::sync::mpsc;

    struct Fake {
        fail_first: Mutex<u32>,
        written: mpsc::UnboundedSender<Vec<(&'static str, String)>>,
    }

    #[async_trait::async_trait]
    impl Registry for Fake {
        async fn publish(&self, tags: &[(&'static str, String)]) -> Result<(), RegistryError> {
            let mut left = self.fail_first.lock().unwrap();
            if *left > 0 {
                *left -= 1;
                return Err(RegistryError { denied: false, message: "throttled".to_owned() });
            }
            self.written.send(tags.to_vec()).unwrap();
            Ok(())
        }
        async fn roster(&self) -> Result<Roster, RegistryError> {
            Ok(Roster { standing: Standing::Ranked(0), members: Vec::new() })
        }
    }

    #[tokio::test]
    async fn a_failed_write_is_told_and_tried_again_and_a_stop_writes_last() {
        let (written, mut batches) = mpsc::unbounded_channel();
        let registry = Arc::new(Fake { fail_first: Mutex::new(1), written });
        let (board, stop) = (Board::default(), CancellationToken::new());
        let beat = Beats::default().task("publisher");
        let (publisher, writer) = pair(registry, board.clone(), beat, stop.clone());
        let task = tokio::spawn(writer.run());
        publisher.want([(tag::STATE, "a".to_owned()), (tag::IDENTITY, "k".to_owned())]);
        assert_eq!(batches.recv().await.unwrap().len(), 2);
        publisher.want([(tag::STATE, "b".to_owned())]);
        stop.cancel();
        assert_eq!(batches.recv().await.unwrap(), [(tag::STATE, "b".to_owned())]);
        task.await.unwrap();
        assert!(!board.has_error(&[name::REGISTRATION]));
    }
}
