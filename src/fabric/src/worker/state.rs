//! The open endpoints with their peers: what a turn of the loop does, and
//! what each command does. All calls of libfabric happen in here.

use super::events::Events;
use super::fault;
use super::limit::Limit;
use super::measure::{Drains, Finished, Session};
use super::pace::Pace;
use super::peers::Peers;
use crate::endpoint::{Completion, Endpoint, Message};
use crate::error::FabricError;
use crate::protocol::{Command, Event, MAX_MESSAGE_BYTES};
use crate::wire::{self, Incoming};
use nixl_fabric_sys::abi::{FI_EAGAIN, FI_EALREADY, FI_ENOAV};
use std::time::{Duration, Instant};

const EVENT_QUEUE_EVERY: Duration = Duration::from_millis(10);
/// Completions of a rail handled before commands and timers get their turn.
const MAX_PER_TURN: usize = 64;
/// Looks at the rails of a measurement before commands and timers get their
/// turn: looking at those costs as much as a short round trip.
const LOOKS_PER_TURN: usize = 32;
/// Without a free send buffer for this long, the provider is stuck.
const STUCK_AFTER: Duration = Duration::from_secs(10);

/// What there is once the endpoints are open.
pub(super) struct Fabric {
    /// The first carries messages, the others are for measuring.
    pub(super) rails: Vec<Endpoint>,
    pub(super) rank: u16,
    pub(super) peers: Peers,
    pub(super) pace: Pace,
    pub(super) session: Option<Session>,
    /// What earlier ones left behind.
    pub(super) drains: Drains,
    /// A peer's measurement was prepared in this turn.
    pub(super) prepared: bool,
    /// Number of the last measurement.
    pub(super) serial: u64,
    event_queue_at: Instant,
    full_since: Option<Instant>,
    limit: Limit,
}

impl Fabric {
    pub(super) fn new(rails: Vec<Endpoint>, rank: u16) -> Self {
        let now = Instant::now();
        Self {
            rails,
            rank,
            peers: Peers::default(),
            pace: Pace::new(now),
            session: None,
            drains: Drains::default(),
            prepared: false,
            serial: 0,
            event_queue_at: now,
            full_since: None,
            limit: Limit::new(now),
        }
    }

    /// One turn of the loop. An error ends the worker.
    pub(super) fn turn(&mut self, now: Instant, events: &mut Events) -> Result<(), FabricError> {
        self.prepared = false;
        self.look_at(0, MAX_PER_TURN, events)?;
        self.measure(now, events)?;
        for rank in self.peers.due(now) {
            self.flush(rank, now, events);
        }
        if now >= self.event_queue_at {
            self.event_queue_at = now + EVENT_QUEUE_EVERY;
            self.seldom(events)?;
        }
        if self.rails[0].can_send() && self.can_measure() {
            self.full_since = None;
        } else if now.duration_since(*self.full_since.get_or_insert(now)) >= STUCK_AFTER {
            return Err(FabricError::Stuck { secs: STUCK_AFTER.as_secs() });
        }
        Ok(())
    }

    /// Whether operations of measurements can be started; those of earlier ones
    /// may never have ended.
    fn can_measure(&self) -> bool {
        self.session.is_some() || self.rails.iter().all(Endpoint::can_start)
    }

    /// When to look again; `None` is at once.
    pub(super) fn pause(&mut self, now: Instant) -> Option<Duration> {
        if self.session.is_some() { None } else { self.pace.pause(now) }
    }

    /// Event queues, and progress on rails that have nothing to do.
    fn seldom(&mut self, events: &mut Events) -> Result<(), FabricError> {
        self.drains.post(&mut self.rails);
        for rail in 0..self.rails.len() {
            if rail > 0 {
                self.look_at(rail, MAX_PER_TURN, events)?;
            }
            while let Some(error) = self.rails[rail].poll_events() {
                self.tell_fault(&error, events);
            }
        }
        Ok(())
    }

    fn measure(&mut self, now: Instant, events: &mut Events) -> Result<(), FabricError> {
        self.session_turn(now, events);
        for _ in 0..LOOKS_PER_TURN {
            let mut lane = 0;
            // It may end by what is found.
            while let Some(rail) = self.session.as_ref().and_then(|session| session.rail(lane)) {
                self.look_at(rail, MAX_PER_TURN, events)?;
                lane += 1;
            }
        }
        Ok(())
    }

    /// Handles what finished on a rail.
    fn look_at(
        &mut self,
        rail: usize,
        most: usize,
        events: &mut Events,
    ) -> Result<(), FabricError> {
        for _ in 0..most {
            let Some(completion) = self.rails[rail].poll()? else { break };
            match Finished::of(completion) {
                Ok(finished) => self.session_finished(rail, &finished, events),
                Err(completion) => self.completed(rail, completion, events)?,
            }
        }
        Ok(())
    }

    fn completed(
        &mut self,
        rail: usize,
        completion: Completion,
        events: &mut Events,
    ) -> Result<(), FabricError> {
        match completion {
            Completion::Received(message) => self.received(rail, message, events),
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
            // Of measurements only.
            Completion::Bulk { .. }
            | Completion::BulkFailed { .. }
            | Completion::Written { .. } => Ok(()),
        }
    }

    fn received(
        &mut self,
        rail: usize,
        message: Message,
        events: &mut Events,
    ) -> Result<(), FabricError> {
        let now = Instant::now();
        let bytes = self.rails[rail].bytes(&message);
        match wire::parse(bytes) {
            Incoming::Measure(signed) => {
                let peer = u32::from(signed.rank);
                // From somebody with whom nothing is agreed: no answer, no trace.
                if self.peers.is_armed(peer, &signed.token) {
                    self.heard(peer, &signed.talk, now, events);
                }
            }
            Incoming::Malformed => {}
            Incoming::Other => {
                events.send(Event::Received { bytes: bytes.to_vec() });
                self.pace.traffic(now);
            }
        }
        self.rails[rail].release(message)
    }

    pub(super) fn command(&mut self, command: Command, events: &mut Events) {
        match command {
            Command::AddPeer { peer, address } => self.add_peer(peer, &address, events),
            Command::AddRails { peer, addresses } => self.add_rails(peer, &addresses, events),
            Command::RemovePeer { peer } => self.remove_peer(peer, events),
            Command::Send { peer, bytes } => self.send(peer, bytes, events),
            Command::ArmProbe { peer, token } => match self.peers.get_mut(peer) {
                Some(peer) => peer.token = Some(token),
                None => refuse(peer, FI_ENOAV, "probe armed for a peer without address", events),
            },
            Command::Measure { id, peer, what } => self.ask(id, peer, what, events),
            Command::Cancel { id } => self.cancel(id, events),
            // The engine has dealt with them.
            Command::Open { .. } | Command::Shutdown => {}
        }
    }

    fn add_peer(&mut self, peer: u32, address: &[u8], events: &mut Events) {
        self.remove_peer(peer, events);
        match self.rails[0].insert(address) {
            Ok(address) => self.peers.add(peer, address),
            Err(error) => send_failed(peer, &error, events),
        }
    }

    /// Only as many as there are rails here: a rail speaks to its like.
    fn add_rails(&mut self, rank: u32, addresses: &[Vec<u8>], events: &mut Events) {
        let Some(peer) = self.peers.get_mut(rank) else {
            refuse(rank, FI_ENOAV, "rails of a peer without address", events);
            return;
        };
        if peer.addresses.len() > 1 {
            refuse(rank, FI_EALREADY, "the peer's rails are known already", events);
            return;
        }
        for (endpoint, address) in self.rails[1..].iter_mut().zip(addresses) {
            match endpoint.insert(address) {
                Ok(address) => peer.addresses.push(address),
                Err(error) => {
                    send_failed(rank, &error, events);
                    return;
                }
            }
        }
    }

    fn remove_peer(&mut self, peer: u32, events: &mut Events) {
        self.peer_gone(peer, events);
        for (rail, address) in self.peers.take(peer).into_iter().enumerate() {
            if let Err(error) = self.rails[rail].remove(address) {
                self.tell_fault(&error, events);
            }
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
    pub(super) fn flush(&mut self, rank: u32, now: Instant, events: &mut Events) {
        let Some(peer) = self.peers.get_mut(rank) else { return };
        let tag = peer.tag(rank);
        while peer.may_send()
            && let Some(message) = peer.outbox.due(now)
        {
            match self.rails[0].send(&peer.addresses[0], tag, message) {
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
