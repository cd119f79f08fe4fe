//! The open endpoint with its peers: what a turn of the loop does, and what
//! each command does. All calls of libfabric happen in here.

use super::events::Events;
use super::fault;
use super::limit::Limit;
use super::pace::Pace;
use super::peers::Peers;
use crate::endpoint::{Completion, Endpoint, Message};
use crate::error::FabricError;
use crate::probe::Measurement;
use crate::protocol::{Command, Event, MAX_MESSAGE_BYTES};
use crate::wire::{self, Incoming};
use nixl_fabric_sys::abi::{FI_EAGAIN, FI_ENOAV};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

const EVENT_QUEUE_EVERY: Duration = Duration::from_millis(10);
/// Completions handled before commands and timers get their turn.
const MAX_PER_TURN: usize = 64;
/// Without a free send buffer for this long, the provider is stuck.
const STUCK_AFTER: Duration = Duration::from_secs(10);

/// What there is once the endpoint is open.
pub(super) struct Fabric {
    pub(super) endpoint: Endpoint,
    pub(super) rank: u16,
    pub(super) peers: Peers,
    pub(super) pace: Pace,
    pub(super) measuring: Option<Measurement>,
    pub(super) waiting: VecDeque<(u32, u32, u32)>,
    pub(super) next_sequence: u64,
    event_queue_at: Instant,
    full_since: Option<Instant>,
    limit: Limit,
    pub(super) scratch: Box<[u8; MAX_MESSAGE_BYTES]>,
}

impl Fabric {
    pub(super) fn new(endpoint: Endpoint, rank: u16) -> Self {
        let now = Instant::now();
        Self {
            endpoint,
            rank,
            peers: Peers::default(),
            pace: Pace::new(now),
            measuring: None,
            waiting: VecDeque::new(),
            next_sequence: 0,
            event_queue_at: now,
            full_since: None,
            limit: Limit::new(now),
            scratch: Box::new([0; MAX_MESSAGE_BYTES]),
        }
    }

    /// One turn of the loop. An error ends the worker.
    pub(super) fn turn(&mut self, now: Instant, events: &mut Events) -> Result<(), FabricError> {
        for _ in 0..MAX_PER_TURN {
            match self.endpoint.poll()? {
                Some(completion) => self.completed(completion, events)?,
                None => break,
            }
        }
        self.measure(events);
        for rank in self.peers.due(now) {
            self.flush(rank, now, events);
        }
        if now >= self.event_queue_at {
            self.event_queue_at = now + EVENT_QUEUE_EVERY;
            while let Some(error) = self.endpoint.poll_events() {
                self.tell_fault(&error, events);
            }
        }
        if self.endpoint.can_send() {
            self.full_since = None;
        } else if now.duration_since(*self.full_since.get_or_insert(now)) >= STUCK_AFTER {
            return Err(FabricError::Stuck { secs: STUCK_AFTER.as_secs() });
        }
        Ok(())
    }

    fn completed(
        &mut self,
        completion: Completion,
        events: &mut Events,
    ) -> Result<(), FabricError> {
        match completion {
            Completion::Received(message) => self.received(message, events),
            Completion::Sent { tag } => {
                self.peers.finished(tag);
                Ok(())
            }
            Completion::SendFailed { tag, error } => {
                if let Some(peer) = self.peers.finished(tag) {
                    send_failed(peer, &error, events);
                }
                Ok(())
            }
            Completion::Fault(error) => {
                self.tell_fault(&error, events);
                Ok(())
            }
        }
    }

    fn received(&mut self, message: Message, events: &mut Events) -> Result<(), FabricError> {
        let now = Instant::now();
        let bytes = self.endpoint.bytes(&message);
        match wire::parse(bytes) {
            Incoming::Probe(probe) if self.peers.is_armed(u32::from(probe.rank), &probe.token) => {
                let length = bytes.len();
                if probe.pong {
                    self.pong(&probe, now);
                } else {
                    self.scratch[..length].copy_from_slice(bytes);
                    self.answer(&probe, length);
                }
                self.pace.probe(now);
            }
            // A ping or pong nobody agreed on: no answer, no trace.
            Incoming::Probe(_) | Incoming::Malformed => {}
            Incoming::Other => {
                events.send(Event::Received { bytes: bytes.to_vec() });
                self.pace.traffic(now);
            }
        }
        self.endpoint.release(message)
    }

    pub(super) fn command(&mut self, command: Command, events: &mut Events) {
        match command {
            Command::AddPeer { peer, address } => self.add_peer(peer, &address, events),
            Command::RemovePeer { peer } => self.remove_peer(peer, events),
            Command::Send { peer, bytes } => self.send(peer, bytes, events),
            Command::ArmProbe { peer, token } => match self.peers.get_mut(peer) {
                Some(peer) => peer.token = Some(token),
                None => refuse(peer, FI_ENOAV, "probe armed for a peer without address", events),
            },
            Command::Probe { peer, size_bytes, count } => {
                self.request_probe(peer, size_bytes, count, events);
            }
            // The engine has dealt with them.
            Command::Open { .. } | Command::Shutdown => {}
        }
    }

    fn add_peer(&mut self, peer: u32, address: &[u8], events: &mut Events) {
        self.remove_peer(peer, events);
        match self.endpoint.insert(address) {
            Ok(address) => self.peers.add(peer, address),
            Err(error) => send_failed(peer, &error, events),
        }
    }

    fn remove_peer(&mut self, peer: u32, events: &mut Events) {
        self.waiting.retain(|(rank, size_bytes, count)| {
            if *rank == peer {
                events.send(Measurement::new(*rank, *size_bytes, *count, 0).report());
            }
            *rank != peer
        });
        if self.measuring.as_ref().is_some_and(|measurement| measurement.peer == peer) {
            self.finish_measurement(events);
        }
        if let Some(address) = self.peers.take(peer)
            && let Err(error) = self.endpoint.remove(address)
        {
            self.tell_fault(&error, events);
        }
    }

    fn send(&mut self, peer: u32, bytes: Vec<u8>, events: &mut Events) {
        if bytes.len() > MAX_MESSAGE_BYTES {
            send_failed(peer, &FabricError::TooLong { bytes: bytes.len() }, events);
            return;
        }
        let Some(entry) = self.peers.get_mut(peer) else {
            refuse(peer, FI_ENOAV, "send to a peer without address", events);
            return;
        };
        if !entry.outbox.push(bytes) {
            refuse(peer, FI_EAGAIN, "the peer takes no messages; the oldest was dropped", events);
        }
        self.flush(peer, Instant::now(), events);
    }

    /// Sends what waits for this peer, as far as it goes.
    fn flush(&mut self, rank: u32, now: Instant, events: &mut Events) {
        let Some(peer) = self.peers.get_mut(rank) else { return };
        let tag = peer.tag(rank);
        while peer.may_send()
            && let Some(message) = peer.outbox.due(now)
        {
            match self.endpoint.send(&peer.address, tag, message) {
                Ok(true) => {
                    peer.outbox.done();
                    peer.sent();
                    self.pace.traffic(now);
                }
                Ok(false) => {
                    peer.outbox.again(now);
                    return;
                }
                Err(error) => {
                    peer.outbox.done();
                    send_failed(rank, &error, events);
                }
            }
        }
    }

    fn tell_fault(&mut self, error: &FabricError, events: &mut Events) {
        if let Some(held_back) = self.limit.pass(Instant::now()) {
            if held_back > 0 {
                tracing::warn!(held_back, "faults held back");
            }
            events.send(fault(error));
        }
    }
}

pub(super) fn send_failed(peer: u32, error: &FabricError, events: &mut Events) {
    let (errno, prov_errno) = error.numbers();
    let (code, message) = (error.code().to_owned(), error.to_string());
    events.send(Event::SendFailed { peer, code, errno, prov_errno, message });
}

pub(super) fn refuse(peer: u32, errno: i32, message: &str, events: &mut Events) {
    let code = nixl_cluster::reason::FABRIC_ERROR.code.to_owned();
    events.send(Event::SendFailed {
        peer,
        code,
        errno,
        prov_errno: 0,
        message: message.to_owned(),
    });
}
