//! What a measurement that ended too early leaves behind.
//!
//! The other side's operations may be under way still, in a queue or behind a
//! cut in the network, and nobody can call them back. A tagged message that
//! meets no receive may stop a connection of libfabric's native TCP, a write
//! that meets no region breaks it (prov/tcp: xnet_op_tagged,
//! xnet_op_write). So receives and regions stay until the peer says something
//! else: on rail 0 that comes behind all of it.

use super::Finished;
use super::lanes::Lanes;
use crate::endpoint::Endpoint;
use std::collections::VecDeque;

/// Most that are kept; the oldest goes for the next.
const MAX_DRAINS: usize = 8;

struct Drain {
    peer: u32,
    lanes: Lanes,
    /// Receives to post again on each rail.
    unposted: Vec<usize>,
}

/// Of all peers, the oldest first.
#[derive(Default)]
pub(in crate::worker) struct Drains(VecDeque<Drain>);

impl Drains {
    pub(super) fn keep(
        &mut self,
        peer: u32,
        lanes: Lanes,
        unposted: Vec<usize>,
        rails: &mut [Endpoint],
    ) {
        if self.0.len() >= MAX_DRAINS
            && let Some(mut oldest) = self.0.pop_front()
        {
            oldest.lanes.release(rails);
        }
        self.0.push_back(Drain { peer, lanes, unposted });
    }

    /// This peer has said something else.
    pub(in crate::worker) fn end(&mut self, peer: u32, rails: &mut [Endpoint]) {
        self.0.retain_mut(|drain| {
            if drain.peer == peer {
                drain.lanes.release(rails);
            }
            drain.peer != peer
        });
    }

    /// Something late came in, and takes no buffer from what comes after it.
    pub(in crate::worker) fn finished(
        &mut self,
        rails: &mut [Endpoint],
        rail: usize,
        what: &Finished,
    ) {
        for drain in &mut self.0 {
            if let Some((index, _)) = drain.lanes.came_in(rail, what)
                && let Some(unposted) = drain.unposted.get_mut(index)
            {
                *unposted += 1;
            }
        }
        self.post(rails);
    }

    /// Posts what can be posted.
    pub(in crate::worker) fn post(&mut self, rails: &mut [Endpoint]) {
        for drain in &mut self.0 {
            for (index, unposted) in drain.unposted.iter_mut().enumerate() {
                // One that fails is of an endpoint whose queue tells more.
                while *unposted > 0 && drain.lanes.post(rails, index).unwrap_or(false) {
                    *unposted -= 1;
                }
            }
        }
    }
}
