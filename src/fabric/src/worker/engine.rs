//! The fabric thread: one loop over commands, completions and timers. All
//! calls of libfabric happen here.

use super::events::Events;
use super::limit::Limit;
use super::pace::Pace;
use super::peers::Peers;
use super::{Input, WorkerError, fault};
use crate::endpoint::{Completion, Endpoint, Message, Options};
use crate::error::FabricError;
use crate::probe::{Measurement, Step};
use crate::protocol::{Command, Event, MAX_MESSAGE_BYTES};
use crate::wire::{self, Incoming, MIN_PROBE_BYTES, Probe};
use nixl_fabric_sys::abi::{
    FI_EAGAIN, FI_EALREADY, FI_EINVAL, FI_ENOAV, FI_ENOKEY, FI_EOPBADSTATE,
};
use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::{Duration, Instant};

const ALIVE_EVERY: Duration = Duration::from_secs(1);
const EVENT_QUEUE_EVERY: Duration = Duration::from_millis(10);
/// Completions handled before commands and timers get their turn.
const MAX_PER_TURN: usize = 64;
/// Measurements that may wait for their turn.
const MAX_MEASUREMENTS: usize = 64;
/// Without a free send buffer for this long, the provider is stuck.
const STUCK_AFTER: Duration = Duration::from_secs(10);

pub(super) struct Engine {
    events: Events,
    fabric: Option<Fabric>,
    alive_at: Instant,
}

/// What there is once the endpoint is open.
struct Fabric {
    endpoint: Endpoint,
    rank: u16,
    peers: Peers,
    pace: Pace,
    measuring: Option<Measurement>,
    waiting: VecDeque<(u32, u32, u32)>,
    next_sequence: u64,
    event_queue_at: Instant,
    full_since: Option<Instant>,
    limit: Limit,
    scratch: Box<[u8; MAX_MESSAGE_BYTES]>,
}

enum Flow {
    Go,
    End,
}

impl Engine {
    pub(super) fn new(events: Events) -> Self {
        Self { events, fabric: None, alive_at: Instant::now() }
    }

    /// Runs until the daemon ends it or the fabric fails.
    pub(super) fn run(&mut self, commands: &Receiver<Input>) -> Result<(), WorkerError> {
        loop {
            let now = Instant::now();
            if now >= self.alive_at {
                self.alive_at = now + ALIVE_EVERY;
                self.events.send(Event::Alive);
            }
            let pause = match &mut self.fabric {
                None => Some(self.alive_at - now),
                Some(fabric) => {
                    if let Err(error) = fabric.turn(now, &mut self.events) {
                        self.events.send(fault(&error));
                        return Err(error.into());
                    }
                    fabric.pace.pause(now)
                }
            };
            let input = match pause {
                None => match commands.try_recv() {
                    Ok(input) => input,
                    Err(TryRecvError::Empty) => {
                        // Two peers on one computer may share a core.
                        std::thread::yield_now();
                        continue;
                    }
                    Err(TryRecvError::Disconnected) => Input::Closed,
                },
                Some(pause) => match commands.recv_timeout(pause) {
                    Ok(input) => input,
                    Err(RecvTimeoutError::Timeout) => continue,
                    Err(RecvTimeoutError::Disconnected) => Input::Closed,
                },
            };
            if matches!(self.take(input)?, Flow::End) {
                return Ok(());
            }
        }
    }

    fn take(&mut self, input: Input) -> Result<Flow, WorkerError> {
        let command = match input {
            Input::Command(Command::Shutdown) | Input::Closed => return Ok(Flow::End),
            Input::Broken(error) => return Err(error.into()),
            Input::Command(command) => command,
        };
        match (&mut self.fabric, command) {
            (None, Command::Open { rank, provider, source, library }) => {
                let opened = provider
                    .parse()
                    .and_then(|provider| Endpoint::open(&Options { provider, source, library }));
                match opened {
                    Ok(endpoint) => {
                        self.events.send(opened_event(&endpoint));
                        self.fabric = Some(Fabric::new(endpoint, rank));
                    }
                    Err(error) => {
                        self.events.send(Event::OpenFailed {
                            code: error.code().to_owned(),
                            message: error.to_string(),
                        });
                        return Err(error.into());
                    }
                }
            }
            (None, _) => self.events.send(Event::Fault {
                errno: FI_EOPBADSTATE,
                prov_errno: 0,
                message: "command before the endpoint is open".to_owned(),
            }),
            (Some(_), Command::Open { .. }) => self.events.send(Event::Fault {
                errno: FI_EALREADY,
                prov_errno: 0,
                message: "the endpoint is open already".to_owned(),
            }),
            (Some(fabric), command) => fabric.command(command, &mut self.events),
        }
        Ok(Flow::Go)
    }
}

impl Fabric {
    fn new(endpoint: Endpoint, rank: u16) -> Self {
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
    fn turn(&mut self, now: Instant, events: &mut Events) -> Result<(), FabricError> {
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

    fn pong(&mut self, probe: &Probe, now: Instant) {
        if let Some(measurement) = &mut self.measuring
            && measurement.peer == u32::from(probe.rank)
        {
            measurement.pong(probe.sequence, now);
        }
    }

    /// Sends a ping back as a pong. One that cannot go now is dropped: late,
    /// it would measure the queue and not the link.
    fn answer(&mut self, ping: &Probe, length: usize) {
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

    fn command(&mut self, command: Command, events: &mut Events) {
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

    fn request_probe(&mut self, peer: u32, size_bytes: u32, count: u32, events: &mut Events) {
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
    fn measure(&mut self, events: &mut Events) {
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

    fn finish_measurement(&mut self, events: &mut Events) {
        if let Some(measurement) = self.measuring.take() {
            self.next_sequence = measurement.next_sequence();
            events.send(measurement.report());
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

fn opened_event(endpoint: &Endpoint) -> Event {
    let description = endpoint.description();
    Event::Opened {
        provider_name: description.provider_name.clone(),
        domain: description.domain.clone(),
        library: description.library.display().to_string(),
        library_version: description.library_version.clone(),
        address: description.address.clone(),
    }
}

fn send_failed(peer: u32, error: &FabricError, events: &mut Events) {
    let (errno, prov_errno) = error.numbers();
    events.send(Event::SendFailed { peer, errno, prov_errno, message: error.to_string() });
}

fn refuse(peer: u32, errno: i32, message: &str, events: &mut Events) {
    events.send(Event::SendFailed { peer, errno, prov_errno: 0, message: message.to_owned() });
}
