//! Asks the worker, and knows when another one is needed.

use super::protocol::{Command, Event};
use crate::worker::{Death, FromWorker, NotGone, Spawner, Worker};
use nixl_gpu::Look;
use std::sync::Arc;
use std::time::Duration;

/// Starts the workers that ask NVML.
pub type Workers = Arc<dyn Spawner<Command, Event>>;

pub(super) struct Asker {
    workers: Workers,
    running: Option<Worker<Command, Event>>,
    /// What the sandbox of the last worker lacks, once it has said so.
    pub confined: Option<Vec<String>>,
}

impl Asker {
    pub fn new(workers: Workers) -> Self {
        Self { workers, running: None, confined: None }
    }

    /// One look. After an error the worker must be put down.
    ///
    /// # Errors
    /// How the worker ended, or that it has not answered in time.
    pub async fn look(&mut self, within: Duration) -> Result<Look, Death> {
        let worker = match &mut self.running {
            Some(worker) => worker,
            none => {
                let started = self.workers.spawn();
                let failed = |error| Death::other(format!("it could not be started: {error}"));
                none.insert(started.map_err(failed)?)
            }
        };
        // One that is gone already says so through its events.
        let _ = worker.commands.send(Command::Look);
        let confined = &mut self.confined;
        let answer = tokio::time::timeout(within, async {
            loop {
                match worker.events.recv().await {
                    Some(FromWorker::Event(Event::Looked(look))) => return Ok(look),
                    Some(FromWorker::Event(Event::Confined { missing })) => {
                        *confined = Some(missing);
                    }
                    Some(FromWorker::Died(death)) => return Err(death),
                    None => return Err(Death::other("it ended")),
                }
            }
        });
        answer.await.unwrap_or_else(|_| {
            Err(Death::hung(format!("NVML has not answered for {} s", within.as_secs_f64())))
        })
    }

    /// Ends the worker, so that the next look is by a new one: how it ended,
    /// unless that was told before.
    ///
    /// # Errors
    /// If it is still there after `patience`; then it is kept, for another try.
    pub async fn put_down(&mut self, patience: Duration) -> Result<Option<Death>, NotGone> {
        let Some(worker) = &mut self.running else { return Ok(None) };
        let ended = worker.end(patience).await;
        if ended.is_ok() {
            self.running = None;
        }
        ended
    }
}
