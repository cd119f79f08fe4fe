//! Round trips over the open endpoint: answering pings, sending them, and
//! handing pongs to the measurement under way.

use super::events::Events;
use super::state::{Fabric, refuse, send_failed};
use crate::probe::{Measurement, Step};
use crate::protocol::MAX_MESSAGE_BYTES;
use crate::wire::{MIN_PROBE_BYTES, Probe};
use nixl_fabric_sys::abi::{FI_EAGAIN, FI_EINVAL, FI_ENOKEY};
use std::time::Instant;

/// Measurements that may wait for their turn.
const MAX_MEASUREMENTS: usize = 64;

impl Fabric {
    pub(super) fn pong(&mut self, probe: &Probe, now: Instant) {
        if let Some(measurement) = &mut self.measuring
            && measurement.peer == u32::from(probe.rank)
        {
            measurement.pong(probe.sequence, now);
        }
    }

    /// Sends a ping back as a pong. One that cannot go now is dropped: late,
    /// it would measure the queue and not the link.
    pub(super) fn answer(&mut self, ping: &Probe, length: usize) {
        let pong = Probe { pong: true, rank: self.rank, ..*ping };
        let message = &mut self.scratch[..length];
        pong.write(message);
        let rank = u32::from(ping.rank);
        let Some(peer) = self.peers.get_mut(rank) else { return };
        let tag = peer.tag(rank);
        if let Ok(true) = self.endpoint.send(&peer.address, tag, message) {
            peer.sent();
        }
    }

    pub(super) fn request_probe(
        &mut self,
        peer: u32,
        size_bytes: u32,
        count: u32,
        events: &mut Events,
    ) {
        let size = usize::try_from(size_bytes).unwrap_or(usize::MAX);
        let armed = self.peers.get_mut(peer).is_some_and(|peer| peer.token.is_some());
        let refused = if !(MIN_PROBE_BYTES..=MAX_MESSAGE_BYTES).contains(&size) {
            Some((FI_EINVAL, "a probe has 32 to 4096 bytes"))
        } else if !armed {
            Some((FI_ENOKEY, "no probe is armed for this peer"))
        } else if self.waiting.len() >= MAX_MEASUREMENTS {
            Some((FI_EAGAIN, "too many probes are waiting"))
        } else {
            None
        };
        match refused {
            // Every probe is answered, so that nobody waits for one.
            Some((errno, message)) => {
                refuse(peer, errno, message, events);
                events.send(Measurement::new(peer, size_bytes, count, 0).report());
            }
            None => self.waiting.push_back((peer, size_bytes, count)),
        }
    }

    /// Moves the measurement under way on, or starts the next.
    pub(super) fn measure(&mut self, events: &mut Events) {
        if self.measuring.is_none() {
            let Some((peer, size_bytes, count)) = self.waiting.pop_front() else { return };
            self.measuring = Some(Measurement::new(peer, size_bytes, count, self.next_sequence));
        }
        let Some(measurement) = &mut self.measuring else { return };
        let now = Instant::now();
        match measurement.step(now) {
            Step::Wait => {}
            Step::Done => self.finish_measurement(events),
            Step::Send { sequence } => {
                let rank = measurement.peer;
                let length = measurement.size_bytes as usize;
                let Some(peer) = self.peers.get_mut(rank) else { return };
                let Some(token) = peer.token else { return };
                let message = &mut self.scratch[..length];
                Probe { pong: false, rank: self.rank, token, sequence }.write(message);
                let tag = peer.tag(rank);
                let at = Instant::now();
                match self.endpoint.send(&peer.address, tag, message) {
                    Ok(true) => {
                        peer.sent();
                        measurement.sent(at);
                        self.pace.probe(at);
                    }
                    // Tried again until it counts as lost.
                    Ok(false) => {}
                    Err(error) => {
                        send_failed(rank, &error, events);
                        self.finish_measurement(events);
                    }
                }
            }
        }
    }

    pub(super) fn finish_measurement(&mut self, events: &mut Events) {
        if let Some(measurement) = self.measuring.take() {
            self.next_sequence = measurement.next_sequence();
            events.send(measurement.report());
        }
    }
}
