//! Full reports of the links as runs of MLflow, so that an experiment knows the
//! fabric that it ran on.
//!
//! A report becomes a record of the spool, on disk before anything is sent; the
//! spool is delivered for as long as that takes.

mod image;
mod judge;
mod record;
#[cfg(test)]
mod tests;

pub use image::Image;
pub use record::Facts;

use crate::beat::INTERVAL;
use crate::board::{Board, Settle, name};
use crate::events;
use crate::link::{Measured, Monitor};
use jiff::Timestamp;
use judge::Standing;
use nixl_aws::imds::Imds;
use nixl_cluster::{LinkRuns, reason};
use nixl_mlflow::TrackingResource;
use nixl_tracking::spool::{AppendError, Folder, Handle, Spool};
use nixl_tracking::{Client, Delivery, Endpoint, EndpointError, Pace, Record, Token};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc::Receiver;
use tokio_util::sync::CancellationToken;

/// In the state folder.
const FOLDER: &str = "runs";
/// A server that is busy answers late; the loopback endpoint gives up before.
const CALL_TIMEOUT: Duration = Duration::from_secs(90);
/// A disk that is full may have room again.
const DISK_PAUSE: Duration = Duration::from_secs(10);

/// What is logged, and where.
pub struct Runs {
    /// Settings.
    pub settings: LinkRuns,
    /// By which a missing permission is named.
    pub resource: Option<TrackingResource>,
    /// What every run says of this node.
    pub facts: Facts,
    /// Asked once for the image.
    pub imds: Arc<dyn Imds>,
    /// Measures.
    pub link: Monitor,
    /// Gets the readings.
    pub board: Board,
    /// Where the spool is.
    pub state_folder: Option<PathBuf>,
    /// How long is waited for what.
    pub pace: Pace,
    /// Ends it.
    pub stop: CancellationToken,
}

impl Runs {
    /// Logs until stopped.
    pub async fn run(self) {
        let stop = self.stop.clone();
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.log() => {}
        }
    }

    async fn log(mut self) {
        let reports = self.link.reports();
        let standing = Arc::new(Mutex::new(Standing::default()));
        let spool = tokio::select! {
            spool = self.open(&standing) => spool,
            () = self.tell(&standing, None) => return,
        };
        let delivery = match self.client() {
            Ok(client) => Delivery::new(client, spool.clone(), self.pace),
            // The settings were refused for it.
            Err(error) => return tracing::error!(%error, "no MLflow server"),
        };
        if self.facts.image_id.is_none() {
            self.facts.image_id = self.imds.image_id().await.ok();
        }
        tokio::join!(
            delivery.run(self.stop.clone()),
            self.take(reports, &spool, &standing),
            self.tell(&standing, Some((&spool, &delivery))),
        );
    }

    fn client(&self) -> Result<Client, EndpointError> {
        let endpoint: Endpoint = self.settings.tracking_uri.parse()?;
        let token = self.settings.token_file.clone().map_or(Token::None, Token::File);
        Ok(Client::new(endpoint, token, CALL_TIMEOUT))
    }

    /// The spool, as soon as its folder can be read.
    async fn open(&self, standing: &Mutex<Standing>) -> Handle {
        loop {
            let why = match self.try_open().await {
                Ok(handle) => {
                    change(standing, |standing| standing.disk = None);
                    return handle;
                }
                Err(error) => error.to_string(),
            };
            change(standing, |standing| standing.disk = Some(why));
            tokio::time::sleep(DISK_PAUSE).await;
        }
    }

    async fn try_open(&self) -> io::Result<Handle> {
        let folder = self.state_folder.as_ref().map(|folder| folder.join(FOLDER));
        let folder = folder.ok_or_else(|| io::Error::other("there is no STATE_DIRECTORY"))?;
        let (limit_bytes, path) = (self.settings.spool_bytes, folder.clone());
        let now = Timestamp::now().as_millisecond();
        let opened =
            tokio::task::spawn_blocking(move || Spool::open(Folder::new(path), limit_bytes, now));
        let mut spool = opened.await.map_err(io::Error::other)??;
        if let Some(why) = spool.take_state_lost() {
            let what = "what was done with runs cannot be read and is looked up";
            events::state_file(self.board.stage(), &folder, what, &why);
        }
        Ok(Handle::new(spool))
    }

    /// Puts each report on disk.
    async fn take(
        &self,
        mut reports: Receiver<Measured>,
        spool: &Handle,
        standing: &Mutex<Standing>,
    ) {
        while let Some(measured) = reports.recv().await {
            if let Some(record) = record::of(&measured, &self.facts) {
                self.append(record, spool, standing).await;
            }
        }
    }

    async fn append(&self, record: Record, spool: &Handle, standing: &Mutex<Standing>) {
        loop {
            let why = match spool.append(record.clone()).await {
                Ok(_) => return change(standing, |standing| standing.disk = None),
                Err(AppendError::Disk(error)) => error.to_string(),
                Err(error @ AppendError::TooLarge { .. }) => {
                    let stage = self.board.stage();
                    return events::reason(stage, &reason::MLFLOW_RUNS_LOST, &error.to_string());
                }
            };
            change(standing, |standing| standing.disk = Some(why));
            tokio::time::sleep(DISK_PAUSE).await;
        }
    }

    async fn tell(&self, standing: &Mutex<Standing>, of: Option<(&Handle, &Delivery)>) {
        let mut interval = tokio::time::interval(INTERVAL);
        loop {
            interval.tick().await;
            let mut now = standing.lock().unwrap_or_else(PoisonError::into_inner).clone();
            if let Some((spool, delivery)) = of {
                (now.summary, now.failing) = (spool.summary(), delivery.status().failing);
            }
            let reading = judge::judge(&now, self.resource.as_ref(), Timestamp::now());
            self.board.set_settled(name::MLFLOW_RUNS, vec![reading], Settle::AT_ONCE);
        }
    }
}

fn change(standing: &Mutex<Standing>, change: impl FnOnce(&mut Standing)) {
    change(&mut standing.lock().unwrap_or_else(PoisonError::into_inner));
}
