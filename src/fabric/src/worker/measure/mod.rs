//! Measuring together with a peer's worker: one measurement at a time, as its
//! asker or as the one asked.
//!
//! The asker registers a region on each rail and asks with [`Talk::Prepare`];
//! the other one registers its own, posts receives and says `Ready`. Round
//! trips end with the asker's `End`; of a transfer the asker tells how many
//! operations there were as soon as the last has started, and the other one
//! answers when they all arrived. So bytes count where they arrive, and a
//! provider that only buffers them shows nothing.

mod asker;
mod drain;
mod lanes;
mod round_trips;
mod target;

use crate::endpoint::{Completion, Endpoint, PeerAddress};
use crate::protocol::Outcome;
use crate::wire::{Talk, Token};
pub(super) use asker::Asker;
pub(super) use drain::Drains;
use nixl_cluster::reason;
use std::time::Instant;
pub(super) use target::Target;

/// Most bytes of all regions of a worker; they may be pinned.
const MAX_REGION_BYTES: usize = 256 << 20;
/// Rails that can be measured at once; their regions fit into one message.
const MAX_RAILS: usize = 64;

/// What a measurement works with.
pub(super) struct Net<'a> {
    /// Own rails.
    pub rails: &'a mut [Endpoint],
    /// The peer's addresses by rail.
    pub addresses: &'a [PeerAddress],
    /// What to tell the peer.
    pub says: &'a mut Vec<Talk>,
}

/// Something of a measurement that finished on a rail.
#[derive(Debug)]
pub(super) enum Finished {
    /// An operation of ours, by its tag.
    Operation { tag: u64, wire_tag: u64 },
    /// One that failed.
    Failed { tag: u64, error: crate::FabricError },
    /// A peer's write.
    Written { data: u32 },
}

impl Finished {
    /// What of this completion belongs to measurements.
    pub(super) fn of(completion: Completion) -> Result<Self, Completion> {
        match completion {
            Completion::Bulk { tag, wire_tag } => Ok(Self::Operation { tag, wire_tag }),
            Completion::BulkFailed { tag, error } => Ok(Self::Failed { tag, error }),
            Completion::Written { data } => Ok(Self::Written { data }),
            other => Err(other),
        }
    }
}

/// The measurement under way.
pub(super) enum Session {
    Asker(Asker),
    Target(Target),
}

/// How a step left it.
pub(super) enum Flow {
    Goes,
    /// It is over; the asker's daemon is told.
    Over(Option<Outcome>),
}

impl Session {
    pub(super) fn peer(&self) -> u32 {
        match self {
            Self::Asker(asker) => asker.peer,
            Self::Target(target) => target.peer,
        }
    }

    /// Id of an own measurement.
    pub(super) fn own_id(&self) -> Option<u32> {
        match self {
            Self::Asker(asker) => Some(asker.id),
            Self::Target(_) => None,
        }
    }

    /// The rails to look at without a pause, by their place.
    pub(super) fn rail(&self, lane: usize) -> Option<usize> {
        let lanes = match self {
            Self::Asker(asker) => &asker.lanes,
            Self::Target(target) => &target.lanes,
        };
        lanes.lanes.get(lane).map(|lane| lane.rail)
    }

    pub(super) fn turn(&mut self, net: &mut Net<'_>, now: Instant) -> Flow {
        match self {
            Self::Asker(asker) => asker.turn(net, now),
            Self::Target(target) => target.turn(net, now),
        }
    }

    pub(super) fn finished(&mut self, net: &mut Net<'_>, rail: usize, what: &Finished) -> Flow {
        match self {
            Self::Asker(asker) => asker.finished(net, rail, what),
            Self::Target(target) => target.finished(net, rail, what),
        }
    }

    /// The peer's word about this measurement, or about another one: then
    /// nothing happens.
    pub(super) fn hear(&mut self, net: &mut Net<'_>, talk: &Talk, now: Instant) -> Flow {
        match self {
            Self::Asker(asker) => asker.hear(net, talk),
            Self::Target(target) => target.hear(net, talk, now),
        }
    }

    /// Gives up the regions, or leaves them to what may still come.
    pub(super) fn leave(self, rails: &mut [Endpoint], drains: &mut Drains) {
        match self {
            Self::Asker(asker) => asker.leave(rails, drains),
            Self::Target(target) => target.leave(rails, drains),
        }
    }
}

/// Upper half of wire tags: what fits no other measurement, and cannot be
/// guessed without the pair's token.
fn salt(token: &Token, id: u32) -> u32 {
    u32::from_le_bytes([token[0], token[1], token[2], token[3]]) ^ id
}

fn failed(message: impl Into<String>) -> Outcome {
    let code = reason::LINK_NOT_MEASURED.code.to_owned();
    Outcome::Failed { code, message: message.into() }
}

fn broken(error: &crate::FabricError) -> Outcome {
    Outcome::Failed { code: error.code().to_owned(), message: error.to_string() }
}
