//! Ends a node that nobody uses.
//!
//! Use is what does work: a GPU on which kernels run (a process that only holds
//! one is none), traffic on the fabric beyond our own measuring, and an open
//! session of a person, by SSM or by login; SSM itself ends sessions in which
//! nothing happens. What cannot be seen is taken for use: work is never ended
//! on a guess, and the time to live holds anyway. Each node judges itself.

mod clock;
mod fabric;
mod gpus;
mod sessions;

use crate::board::{Board, Settle};
use crate::events::Stage;
use crate::gpu;
use crate::link::Monitor;
use crate::system::{Ending, name};
use clock::{Clock, Standing};
use fabric::Flow;
use jiff::{SignedDuration, Timestamp};
use nixl_efa::Tree;
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// GPUs are asked every 10 s as well.
const INTERVAL: Duration = Duration::from_secs(10);
/// A rate of the fabric means something over it, and sessions are rare.
const LONG_INTERVAL: Duration = Duration::from_secs(60);

/// Whether a part of the node is used.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Use {
    /// By whom or how.
    Used(String),
    /// By nobody.
    Unused,
    /// It cannot be told, and why.
    Unknown(String),
}

impl Use {
    /// Of two parts: what is used tells most, then what is unknown.
    fn or(self, other: Self) -> Self {
        match (&self, &other) {
            (Self::Used(_), _) | (Self::Unknown(_), Self::Unused | Self::Unknown(_)) => self,
            _ => other,
        }
    }
}

/// What is watched, and what may end the node.
pub struct Idle {
    /// How long nobody may use it.
    pub limit: Duration,
    /// The GPUs.
    pub gpu: gpu::State,
    /// The fabric's rails and what measuring them may cost.
    pub link: Monitor,
    /// Where devices count.
    pub tree: Tree,
    /// Gets the readings, and says whether the node has been paired.
    pub board: Board,
    /// Where the power-off is asked for.
    pub runtime_folder: Option<PathBuf>,
    /// Ends it.
    pub stop: CancellationToken,
}

impl Idle {
    /// Watches until stopped.
    pub async fn run(self) {
        let stop = self.stop.clone();
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.watch() => {}
        }
    }

    async fn watch(self) {
        let limit = SignedDuration::try_from(self.limit).unwrap_or(SignedDuration::MAX);
        let mut clock = Clock::new(limit);
        let mut ending = Ending::default();
        let mut flow = Flow::default();
        let mut seldom: Option<(Instant, Use)> = None;
        let begun = Instant::now();
        loop {
            if seldom.as_ref().is_none_or(|(at, _)| at.elapsed() >= LONG_INTERVAL) {
                let link = self.link.document();
                let fabric = flow.look(&self.tree, &link, begun.elapsed());
                seldom = Some((Instant::now(), fabric.or(sessions::look().await)));
            }
            let mut used = gpus::judge(&self.gpu);
            if let Some((_, seldom)) = &seldom {
                used = used.or(seldom.clone());
            }
            let stage = self.board.stage();
            // The clock stands still with the machine, as its use does.
            let now = SignedDuration::try_from(begun.elapsed()).unwrap_or(SignedDuration::MAX);
            let standing = clock.look(used, stage == Stage::Paired, now);
            self.tell(&standing, &mut ending, stage);
            tokio::time::sleep(INTERVAL).await;
        }
    }

    fn tell(&self, standing: &Standing, ending: &mut Ending, stage: Stage) {
        let now = Timestamp::now();
        let reading = clock::judge(standing, now);
        self.board.set_settled(name::IDLE, vec![reading], Settle::AT_ONCE);
        let left = standing.left_secs();
        let why = standing.to_string();
        ending.look(left, now, stage, &why);
        if left.is_some_and(|secs| secs <= 0) {
            ending.over(self.runtime_folder.as_deref(), stage, &why);
        }
    }
}
