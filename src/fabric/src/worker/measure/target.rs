//! A measurement as the worker sees it that was asked for it.

use super::drain::Drains;
use super::lanes::{Lanes, Unfit};
use super::{Finished, Flow, Net, salt};
use crate::FabricError;
use crate::endpoint::{Endpoint, MAX_BULK, RemoteRegion};
use crate::protocol::MAX_TRANSFER_BYTES;
use crate::wire::{Refusal, Talk, Terms, Token};
use nixl_cluster::link::Mode;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// An asker that does nothing for so long is gone.
const QUIET: Duration = Duration::from_secs(5);

pub(in crate::worker) struct Target {
    pub id: u32,
    pub peer: u32,
    pub(super) lanes: Lanes,
    transfer: bool,
    /// Operations of each rail, once the asker has told.
    operations: Option<Vec<u64>>,
    /// Receives to post on each rail when the provider takes some again.
    unposted: Vec<usize>,
    /// Answers that the provider has not taken yet: rail and sequence.
    answers: VecDeque<(usize, u32)>,
    heard: Instant,
}

impl Target {
    /// Prepares this end and agrees.
    #[expect(clippy::too_many_arguments, reason = "the parts of one message")]
    pub(in crate::worker) fn agree(
        net: &mut Net<'_>,
        id: u32,
        peer: u32,
        token: &Token,
        serial: u64,
        terms: &Terms,
        regions: &[RemoteRegion],
        now: Instant,
    ) -> Result<Self, Refusal> {
        if !(1..=MAX_TRANSFER_BYTES).contains(&terms.size_bytes) {
            return Err(Refusal::Cannot(format!("{} bytes at a time", terms.size_bytes)));
        }
        let lanes = Lanes::register(net, terms, salt(token, id), serial, false);
        let mut lanes = lanes.map_err(|unfit| {
            Refusal::Cannot(match unfit {
                Unfit::Terms(text) => text,
                Unfit::Fabric(error) => error.to_string(),
            })
        })?;
        // Only answers are written back; who asks for none need tell no regions.
        let answers = terms.mode == Mode::OneSided && !terms.transfer;
        if !lanes.set_remote(regions) && answers {
            lanes.release(net.rails);
            return Err(Refusal::Cannot(format!("{} regions to answer to", regions.len())));
        }
        let window = usize::from(terms.window).clamp(2, MAX_BULK / 2);
        net.says.push(Talk::Ready { id, regions: lanes.regions(net.rails) });
        Ok(Self {
            id,
            peer,
            unposted: vec![window; lanes.lanes.len()],
            lanes,
            transfer: terms.transfer,
            operations: None,
            answers: VecDeque::new(),
            heard: now,
        })
    }

    pub(super) fn hear(&mut self, net: &mut Net<'_>, talk: &Talk, now: Instant) -> Flow {
        match talk {
            Talk::Cancel { id } if *id == self.id => Flow::Over(None),
            Talk::End { id, operations } if *id == self.id => {
                self.operations = Some(operations.clone());
                if !self.transfer || operations.len() != self.lanes.lanes.len() {
                    return Flow::Over(None);
                }
                self.turn(net, now)
            }
            _ => Flow::Goes,
        }
    }

    pub(super) fn turn(&mut self, net: &mut Net<'_>, now: Instant) -> Flow {
        // An end that fails says so by silence: the asker's deadlines tell it.
        if self.step(net).is_err() || now.saturating_duration_since(self.heard) >= QUIET {
            return Flow::Over(None);
        }
        if self.expects() {
            return Flow::Goes;
        }
        net.says.push(Talk::Arrived { id: self.id });
        Flow::Over(None)
    }

    /// Whether something that the asker has started may still come.
    fn expects(&self) -> bool {
        let Some(operations) = &self.operations else { return true };
        let lanes = self.lanes.lanes.iter();
        operations.len() != lanes.len()
            || lanes.zip(operations).any(|(lane, operations)| lane.arrived < *operations)
    }

    /// Gives up the regions, once nothing can come into them any more.
    pub(super) fn leave(mut self, rails: &mut [Endpoint], drains: &mut Drains) {
        if self.expects() {
            drains.keep(self.peer, self.lanes, self.unposted, rails);
        } else {
            self.lanes.release(rails);
        }
    }

    fn step(&mut self, net: &mut Net<'_>) -> Result<(), FabricError> {
        while let Some((index, sequence)) = self.answers.pop_front() {
            if !self.lanes.start(net, index, sequence)? {
                self.answers.push_front((index, sequence));
                break;
            }
        }
        for (index, unposted) in self.unposted.iter_mut().enumerate() {
            while *unposted > 0 && self.lanes.post(net.rails, index)? {
                *unposted -= 1;
            }
        }
        Ok(())
    }

    pub(super) fn finished(&mut self, net: &mut Net<'_>, rail: usize, what: &Finished) -> Flow {
        if let Finished::Failed { tag, error } = what
            && self.lanes.is_own(*tag)
        {
            tracing::warn!(%error, "a peer's measurement failed here");
            return Flow::Over(None);
        }
        let now = Instant::now();
        if let Some((index, sequence)) = self.lanes.came_in(rail, what) {
            self.heard = now;
            if !self.transfer {
                self.answers.push_back((index, sequence));
            }
            self.unposted[index] += 1;
        }
        self.turn(net, now)
    }
}
