//! What both ends owe each other: order, acknowledgement, sending again, pause.
//! Without socket; times are given by the caller.
//!
//! Source: session-manager-plugin, `src/datachannel/streaming.go`, `src/config`.

use super::SessionError;
use super::frame::{self, Frame, payload};
use super::handshake::{self, Told};
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;
use tokio::time::Instant;
use uuid::Uuid;

/// Bytes of the stream in one message (`StreamDataPayloadSize`).
pub const CHUNK_BYTES: usize = 1024;
/// How often to look for what is to be sent again (`ResendSleepInterval`).
pub const RESEND_LOOK: Duration = Duration::from_millis(100);
/// A message that waits for so long means a dead session (`ResendMaxAttempt`).
const GIVE_UP: Duration = Duration::from_secs(300);
const FIRST_RTT: Duration = Duration::from_millis(100);
const LEAST_TIMEOUT: Duration = Duration::from_millis(200);
const LONGEST_TIMEOUT: Duration = Duration::from_secs(1);
/// Messages that may wait for acknowledgement. The agent's buffer has room for
/// 10000; more than this only fills queues between here and there.
const WINDOW: usize = 256;
/// Messages kept that came before their turn.
const EARLY: usize = 10_000;

/// What the node's end says.
#[derive(Debug)]
pub enum Event {
    /// The stream may begin.
    Ready(Told),
    /// Bytes of the stream.
    Data(Vec<u8>),
    /// A flag of port sessions.
    Flag(u32),
    /// A text the account shows to its users.
    Message(String),
    /// The session has ended.
    Closed(String),
    /// The session cannot go on; what is to be sent back goes out first.
    Failed(SessionError),
}

/// What follows from a message.
#[derive(Debug, Default)]
pub struct Taken {
    /// Messages to send back.
    pub answers: Vec<Vec<u8>>,
    /// What it says.
    pub events: Vec<Event>,
}

/// A channel without its socket.
#[derive(Debug, Default)]
pub struct Channel {
    sent: i64,
    /// Sent and not acknowledged, oldest first.
    waiting: VecDeque<Waiting>,
    /// Sequence number of the node's next message.
    expected: i64,
    /// Came before their turn.
    early: BTreeMap<i64, Frame>,
    told: Option<Told>,
    ready: bool,
    paused: bool,
    rtt: Option<(Duration, Duration)>,
}

#[derive(Debug)]
struct Waiting {
    sequence: i64,
    first: Instant,
    last: Instant,
    bytes: Vec<u8>,
}

impl Channel {
    /// Whether more may be sent now.
    #[must_use]
    pub fn open(&self) -> bool {
        self.ready && !self.paused && self.waiting.len() < WINDOW
    }

    /// A message that carries a payload to the node.
    pub fn send(&mut self, payload_type: u32, payload: Vec<u8>, now: Instant) -> Vec<u8> {
        let sequence = self.sent;
        self.sent += 1;
        let frame = Frame {
            message_type: frame::INPUT.to_owned(),
            sequence,
            flags: 0,
            id: Uuid::new_v4(),
            payload_type,
            payload,
        };
        let bytes = frame.encode();
        self.waiting.push_back(Waiting { sequence, first: now, last: now, bytes: bytes.clone() });
        bytes
    }

    /// The oldest message again, if it has waited for long.
    ///
    /// # Errors
    /// If it has waited for so long that nobody can be there.
    pub fn again(&mut self, now: Instant) -> Result<Option<Vec<u8>>, Duration> {
        let timeout = self.timeout();
        let Some(oldest) = self.waiting.front_mut() else { return Ok(None) };
        if now.duration_since(oldest.first) > GIVE_UP {
            return Err(GIVE_UP);
        }
        if now.duration_since(oldest.last) < timeout {
            return Ok(None);
        }
        oldest.last = now;
        Ok(Some(oldest.bytes.clone()))
    }

    /// Everything that has not been acknowledged, for a new connection.
    pub fn all_again(&mut self, now: Instant) -> Vec<Vec<u8>> {
        for waiting in &mut self.waiting {
            (waiting.first, waiting.last) = (now, now);
        }
        self.paused = false;
        self.waiting.iter().map(|waiting| waiting.bytes.clone()).collect()
    }

    /// Smoothed round trip and four times its variation, as TCP has it.
    fn timeout(&self) -> Duration {
        let (rtt, variation) = self.rtt.unwrap_or((FIRST_RTT, FIRST_RTT / 4));
        (rtt + 4 * variation).clamp(LEAST_TIMEOUT, LONGEST_TIMEOUT)
    }

    /// Takes a message.
    pub fn receive(&mut self, bytes: &[u8], now: Instant) -> Taken {
        let mut taken = Taken::default();
        let message = match Frame::decode(bytes) {
            Ok(message) => message,
            Err(error) => {
                taken.events.push(Event::Failed(error.into()));
                return taken;
            }
        };
        match message.message_type.as_str() {
            frame::OUTPUT => {
                if self.take(&message, &mut taken.answers) {
                    self.early.insert(message.sequence, message);
                }
                while let Some(next) = self.early.remove(&self.expected) {
                    self.expected += 1;
                    self.use_it(next, now, &mut taken);
                }
            }
            frame::ACKNOWLEDGE => self.acknowledged(&message.payload, now),
            frame::PAUSE => self.paused = true,
            frame::START => self.paused = false,
            frame::CHANNEL_CLOSED => {
                let told: Value = serde_json::from_slice(&message.payload).unwrap_or_default();
                let why = told["Output"].as_str().unwrap_or_default().to_owned();
                taken.events.push(Event::Closed(why));
            }
            other => tracing::debug!(message_type = other, "a message of no known type"),
        }
        taken
    }

    /// Acknowledges a message unless there is no room to keep it; whether it is new.
    fn take(&self, message: &Frame, answers: &mut Vec<Vec<u8>>) -> bool {
        let new = message.sequence >= self.expected && !self.early.contains_key(&message.sequence);
        if new && message.sequence > self.expected && self.early.len() >= EARLY {
            // It comes again.
            return false;
        }
        answers.push(acknowledge(message));
        new
    }

    fn use_it(&mut self, message: Frame, now: Instant, taken: &mut Taken) {
        let events = &mut taken.events;
        match message.payload_type {
            payload::HANDSHAKE_REQUEST => {
                let (answer, told) = handshake::answer(&message.payload);
                taken.answers.push(self.send(payload::HANDSHAKE_RESPONSE, answer, now));
                match told {
                    Ok(told) => self.told = Some(told),
                    Err(error) => events.push(Event::Failed(error)),
                }
            }
            payload::HANDSHAKE_COMPLETE => {
                let told: Value = serde_json::from_slice(&message.payload).unwrap_or_default();
                if let Some(text) = told["CustomerMessage"].as_str().filter(|t| !t.is_empty()) {
                    events.push(Event::Message(text.to_owned()));
                }
                self.begin(events);
            }
            payload::CHALLENGE => events.push(Event::Failed(SessionError::Encrypted)),
            payload::OUTPUT | payload::STDERR => {
                // An agent that does not shake hands just begins.
                self.begin(events);
                events.push(Event::Data(message.payload));
            }
            payload::FLAG => {
                let flag = message.payload.first_chunk().map(|bytes| u32::from_be_bytes(*bytes));
                events.extend(flag.map(Event::Flag));
            }
            other => tracing::debug!(payload_type = other, "a payload of no known type"),
        }
    }

    fn begin(&mut self, events: &mut Vec<Event>) {
        if !self.ready {
            self.ready = true;
            events.push(Event::Ready(self.told.clone().unwrap_or_default()));
        }
    }

    fn acknowledged(&mut self, payload: &[u8], now: Instant) {
        let told: Value = serde_json::from_slice(payload).unwrap_or_default();
        let sequence = told["AcknowledgedMessageSequenceNumber"].as_i64();
        let Some(at) = self.waiting.iter().position(|it| Some(it.sequence) == sequence) else {
            return;
        };
        let Some(message) = self.waiting.remove(at) else { return };
        // Of a message sent twice it is not known which one was answered.
        if message.first == message.last {
            let seen = now.duration_since(message.first);
            let (rtt, variation) = self.rtt.unwrap_or((seen, seen / 2));
            self.rtt = Some((rtt * 7 / 8 + seen / 8, variation * 3 / 4 + rtt.abs_diff(seen) / 4));
        }
    }
}

fn acknowledge(message: &Frame) -> Vec<u8> {
    let content = json!({
        "AcknowledgedMessageType": message.message_type,
        "AcknowledgedMessageId": message.id.to_string(),
        "AcknowledgedMessageSequenceNumber": message.sequence,
        "IsSequentialMessage": true,
    });
    Frame {
        message_type: frame::ACKNOWLEDGE.to_owned(),
        sequence: 0,
        flags: 3,
        id: Uuid::new_v4(),
        payload_type: 0,
        payload: content.to_string().into_bytes(),
    }
    .encode()
}

/// The first message, which is text: it carries the token.
#[must_use]
pub fn opening(token: &str, client_id: Uuid) -> String {
    json!({
        "MessageSchemaVersion": "1.0",
        "RequestId": Uuid::new_v4().to_string(),
        "TokenValue": token,
        "ClientId": client_id.to_string(),
        "ClientVersion": handshake::CLIENT_VERSION,
    })
    .to_string()
}

#[cfg(test)]
#[path = "channel_tests.rs"]
mod tests;
