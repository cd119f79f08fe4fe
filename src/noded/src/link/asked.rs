//! Runs that somebody asked for: a full report of one link or of all, numbered, one run
//! at a time.

use nixl_cluster::link::{Measuring, Runs};
use std::collections::BTreeMap;

/// Why no report is measured now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RunRefused {
    /// There is no pair.
    #[error("this node is not paired")]
    NotPaired,
    /// There is no pair with this one.
    #[error("this node is not paired with {peer}")]
    NotPairedWith {
        /// Instance id or rank as asked for.
        peer: String,
    },
    /// One at a time.
    #[error("a report of the link to {peer} is being measured")]
    UnderWay {
        /// Instance id of the peer.
        peer: String,
    },
}

/// The run that goes on, and what became of the last.
#[derive(Debug, Default)]
pub(super) struct Asked {
    run: Option<Run>,
    done: u64,
    cut_off: Vec<String>,
}

#[derive(Debug)]
struct Run {
    number: u64,
    /// Peers whose report is still to come, by rank.
    waiting: BTreeMap<u32, String>,
    /// Peers whose report does not come.
    cut_off: Vec<String>,
}

impl Asked {
    /// A run of these peers begins; its number.
    pub fn begin(&mut self, waiting: BTreeMap<u32, String>) -> u64 {
        let number = self.done + 1;
        self.run = Some(Run { number, waiting, cut_off: Vec::new() });
        number
    }

    /// Rank of the peer whose report is to come next.
    pub fn waits_for(&self) -> Option<u32> {
        self.run.as_ref()?.waiting.keys().next().copied()
    }

    /// The run has nothing more to wait for at this rank: it was `measured`,
    /// or cannot be.
    pub fn ended(&mut self, rank: u32, measured: bool) {
        let Some(run) = &mut self.run else { return };
        run.cut_off.extend(run.waiting.remove(&rank).filter(|_| !measured));
        if let Some(run) = self.run.take_if(|run| run.waiting.is_empty()) {
            (self.done, self.cut_off) = (run.number, run.cut_off);
        }
    }

    /// No report comes any more.
    pub fn cut_off(&mut self) {
        while let Some(rank) = self.waits_for() {
            self.ended(rank, false);
        }
    }

    pub fn told(&self, measuring: Option<Measuring>) -> Runs {
        Runs {
            under_way: self.run.as_ref().map(|run| run.number),
            done: self.done,
            cut_off: self.cut_off.clone(),
            measuring,
        }
    }
}
