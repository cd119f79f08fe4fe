//! The heart: one incarnation after the other.
//!
//! An incarnation is one life of the fabric worker with its own key, epoch
//! and pairing. A new worker has a new address; peers learn addresses from
//! tags and refresh them by epoch, so the whole identity is made anew.

mod enrol;
mod incarnation;
mod inquiry;
mod machine;
mod report;
mod send_error;
mod skews;
#[cfg(test)]
mod tests;

pub use inquiry::name;
pub use machine::{Machine, MachineMaker, pairing};

use crate::backoff::Backoff;
use crate::beat::Beat;
use crate::board::Board;
use crate::boot::Instance;
use crate::efa;
use crate::link::{Monitor, Written};
use crate::peers::Peers;
use crate::publisher::Publisher;
use crate::registry::Registry;
use crate::versions;
use crate::worker::{Death, Spawner};
use nixl_cluster::NodeSettings;
use nixl_efa::Tree;
use report::Reporter;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// How long things may take.
#[derive(Debug, Clone)]
pub struct Timings {
    /// First wait between two looks for a rank; EC2 takes about as long to show a tag.
    pub enrol_first: Duration,
    /// Last wait, in a cluster of up to 50 nodes.
    pub enrol_most: Duration,
    /// Opening all rails.
    pub open: Duration,
    /// As much more for each EFA device: they are opened one after another, and
    /// each takes about a second.
    pub open_each_efa: Duration,
    /// Silence after which a worker counts as hung; it says `Alive` each second.
    pub silence: Duration,
    /// Between two rounds of measurements of a link.
    pub probe_interval: Duration,
    /// From paired to the first measurement: the peer has to be armed too.
    pub probe_delay: Duration,
    /// Between two rounds of looking at the peers' clocks and versions.
    pub clock_interval: Duration,
    /// The same where a peer is new or its clock is off.
    pub clock_least: Duration,
    /// First wait before a new worker.
    pub restart_first: Duration,
    /// Last wait before a new worker.
    pub restart_most: Duration,
    /// Time a worker that was killed has to be gone before the next one starts.
    pub gone: Duration,
    /// Time a worker has to end when the daemon stops.
    pub shutdown: Duration,
}

impl Default for Timings {
    fn default() -> Self {
        Self {
            enrol_first: Duration::from_millis(500),
            enrol_most: Duration::from_secs(5),
            open: Duration::from_secs(10),
            open_each_efa: Duration::from_secs(2),
            silence: Duration::from_secs(5),
            probe_interval: Duration::from_secs(10),
            probe_delay: Duration::from_millis(200),
            clock_interval: Duration::from_secs(30),
            clock_least: Duration::from_secs(5),
            restart_first: Duration::from_millis(200),
            restart_most: Duration::from_secs(10),
            gone: Duration::from_secs(2),
            shutdown: Duration::from_millis(700),
        }
    }
}

/// A life longer than this was no failure to start.
const LONG_LIFE: Duration = Duration::from_secs(30);

/// Everything an incarnation needs.
pub struct Engine {
    /// What the launcher said.
    pub settings: NodeSettings,
    /// What IMDS said.
    pub instance: Instance,
    /// This node's devices.
    pub devices: Tree,
    /// What is known of its EFA devices, which wants to know what uses them.
    pub efa: efa::State,
    /// Where the others are found.
    pub registry: Arc<dyn Registry>,
    /// Starts workers.
    pub spawner: Arc<dyn Spawner>,
    /// Makes the pairing.
    pub machines: MachineMaker,
    /// Where results go.
    pub board: Board,
    /// The links, once there is a pair.
    pub link: Monitor,
    /// Those who want to know how a peer is.
    pub peers: Peers,
    /// Versions that peers are told.
    pub versions: versions::Source,
    /// This node's tags.
    pub publisher: Publisher,
    /// Proof of progress.
    pub beat: Beat,
    /// Ends the engine.
    pub stop: CancellationToken,
    /// How long things may take.
    pub timings: Timings,
}

/// Why an incarnation ended.
enum End {
    /// The daemon stops.
    Stopped,
    /// The endpoint could not be opened; already told.
    NotOpened,
    /// The rank is another node's now.
    RankLost { rank: u32 },
    /// The worker died.
    Died(Death),
}

impl Engine {
    /// Runs until stopped.
    pub async fn run(self) {
        let mut report =
            Reporter::new(self.board.clone(), self.publisher.clone(), self.link.clone());
        let mut backoff = Backoff::new(self.timings.restart_first, self.timings.restart_most);
        let mut epoch = 0;
        loop {
            self.beat.now();
            let started = Instant::now();
            match self.incarnation(&mut report, &mut epoch).await {
                End::Stopped => break,
                End::NotOpened => {}
                End::RankLost { rank } => report.rank_lost(rank),
                End::Died(death) => report.worker_died(&death),
            }
            if started.elapsed() > LONG_LIFE {
                backoff.reset();
            }
            let wait = self.beat.during(tokio::time::sleep(backoff.step()));
            tokio::select! {
                () = self.stop.cancelled() => break,
                () = wait => {}
            }
        }
        report.stopped();
        let written = self.link.to_write(true);
        let writing = move || written.iter().for_each(Written::write);
        if tokio::task::spawn_blocking(writing).await.is_err() {
            tracing::error!("the history of the links was not written");
        }
    }
}
