//! The peers the daemon has added: addresses, queue and probe token of each.

use super::outbox::Outbox;
use crate::endpoint::PeerAddress;
use crate::wire::{Token, same_token};
use std::collections::BTreeMap;
use std::time::Instant;

/// Sends of one peer under way at most, so that one that stalls leaves
/// buffers to the others.
const MAX_IN_FLIGHT: u32 = 8;

#[derive(Debug)]
pub(super) struct Peer {
    /// By rail, at least the first.
    pub addresses: Vec<PeerAddress>,
    pub outbox: Outbox,
    pub token: Option<Token>,
    /// Tells this address's sends from those to one it had before.
    generation: u32,
    in_flight: u32,
}

impl Peer {
    pub(super) fn may_send(&self) -> bool {
        self.in_flight < MAX_IN_FLIGHT
    }

    pub(super) fn sent(&mut self) {
        self.in_flight += 1;
    }

    /// Tag of a send to this peer.
    pub(super) fn tag(&self, rank: u32) -> u64 {
        u64::from(self.generation) << 32 | u64::from(rank)
    }
}

#[derive(Debug, Default)]
pub(super) struct Peers {
    by_rank: BTreeMap<u32, Peer>,
    generation: u32,
}

impl Peers {
    /// Adds a peer that is not there.
    pub(super) fn add(&mut self, rank: u32, address: PeerAddress) {
        self.generation = self.generation.wrapping_add(1);
        let peer = Peer {
            addresses: vec![address],
            outbox: Outbox::default(),
            token: None,
            generation: self.generation,
            in_flight: 0,
        };
        self.by_rank.insert(rank, peer);
    }

    /// Takes a peer out, with all that waits for it.
    pub(super) fn take(&mut self, rank: u32) -> Vec<PeerAddress> {
        self.by_rank.remove(&rank).map(|peer| peer.addresses).unwrap_or_default()
    }

    pub(super) fn get(&self, rank: u32) -> Option<&Peer> {
        self.by_rank.get(&rank)
    }

    pub(super) fn get_mut(&mut self, rank: u32) -> Option<&mut Peer> {
        self.by_rank.get_mut(&rank)
    }

    /// Peers with a message to try now.
    pub(super) fn due(&self, now: Instant) -> Vec<u32> {
        let due = self.by_rank.iter().filter(|(_, peer)| peer.outbox.due(now).is_some());
        due.map(|(rank, _)| *rank).collect()
    }

    /// Whether this peer's probes carry this token.
    pub(super) fn is_armed(&self, rank: u32, token: &Token) -> bool {
        self.by_rank
            .get(&rank)
            .and_then(|peer| peer.token.as_ref())
            .is_some_and(|armed| same_token(armed, token))
    }

    /// A send finished: the rank it went to, unless that has another address
    /// by now or is gone.
    pub(super) fn finished(&mut self, tag: u64) -> Option<u32> {
        let rank = u32::try_from(tag & u64::from(u32::MAX)).ok()?;
        let peer = self.by_rank.get_mut(&rank).filter(|peer| peer.tag(rank) == tag)?;
        peer.in_flight = peer.in_flight.saturating_sub(1);
        Some(rank)
    }
}
