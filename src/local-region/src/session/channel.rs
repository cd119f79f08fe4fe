//! One data channel: opening, handshake, acknowledgements, the stream.
//!
//! Source: aws/session-manager-plugin (`src/datachannel`) and amazon-ssm-agent
//! (`agent/session`). A client acknowledges a message once it has used it and
//! leaves one alone for which it is not ready yet, so the oldest that waits is
//! sent again, as the agent does; and so does the client.

use super::frame::{self, Frame, payload};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// Bytes of the stream in one message, as the agent sends.
pub const CHUNK_BYTES: usize = 1024;
/// How often to look for what is to be sent again (agent: `ResendSleepInterval`).
pub const RESEND_LOOK: Duration = Duration::from_millis(100);
/// A message that waits longer is sent again (agent: `DefaultTransmissionTimeout`).
const RESEND_AFTER: Duration = Duration::from_millis(200);
/// Messages that may wait for acknowledgement (agent: `OutgoingMessageBufferSize`).
const MAX_WAITING: usize = 10_000;

/// What a session is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Purpose {
    /// A login shell, or one command with a terminal.
    Shell {
        /// Command line; `None` for the login shell.
        command: Option<String>,
    },
    /// A TCP port.
    Port {
        /// Host; `None` for the machine itself.
        host: Option<String>,
        /// Port.
        port: u16,
        /// Port the client is to listen on; its choice without.
        local_port: Option<String>,
    },
}

/// What the client asks of the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// Bytes.
    Data(Vec<u8>),
    /// Size of the client's terminal.
    Size {
        /// Columns.
        cols: u16,
        /// Rows.
        rows: u16,
    },
    /// The client closed its connection to the forwarded port.
    Disconnect,
    /// The client ends the session.
    Terminate,
}

/// A channel without its socket: bytes in, bytes out, what it is all for in between.
#[derive(Debug)]
pub struct Channel {
    purpose: Purpose,
    session_id: String,
    sent: i64,
    /// Sent and not acknowledged, oldest first.
    waiting: VecDeque<Waiting>,
    /// Sequence number of the client's next message.
    expected: i64,
    ready: bool,
}

#[derive(Debug)]
struct Waiting {
    sequence: i64,
    at: Instant,
    bytes: Vec<u8>,
}

impl Channel {
    /// A channel that its client has opened, and the messages to begin with.
    #[must_use]
    pub fn open(session_id: &str, purpose: Purpose) -> (Self, Vec<Vec<u8>>) {
        let mut channel = Self {
            purpose,
            session_id: session_id.to_owned(),
            sent: 0,
            waiting: VecDeque::new(),
            expected: 0,
            ready: false,
        };
        let action = match &channel.purpose {
            // A shell begins at once, as the agent's `standardstream` does.
            Purpose::Shell { command: None } => {
                channel.ready = true;
                return (channel, Vec::new());
            }
            Purpose::Shell { command: Some(_) } => {
                json!({"SessionType": "InteractiveCommands", "Properties": {}})
            }
            Purpose::Port { port, local_port, host } => json!({
                "SessionType": "Port",
                "Properties": {
                    "portNumber": port.to_string(),
                    "localPortNumber": local_port.clone().unwrap_or_default(),
                    "host": host.clone().unwrap_or_default(),
                    "type": "LocalPortForwarding",
                },
            }),
        };
        let request = json!({
            "AgentVersion": crate::agents::VERSION,
            "RequestedClientActions": [{"ActionType": "SessionType", "ActionParameters": action}],
        });
        let first = channel.output(payload::HANDSHAKE_REQUEST, request.to_string().into_bytes());
        (channel, vec![first])
    }

    /// Whether the stream may begin.
    #[must_use]
    pub fn ready(&self) -> bool {
        self.ready
    }

    /// Whether the client has acknowledged everything.
    #[must_use]
    pub fn drained(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether nothing more may be sent until the client has caught up.
    #[must_use]
    pub fn full(&self) -> bool {
        self.waiting.len() >= MAX_WAITING
    }

    /// The oldest message again, if it has waited for long.
    pub fn again(&mut self, now: Instant) -> Option<Vec<u8>> {
        let oldest = self.waiting.front_mut()?;
        if now.duration_since(oldest.at) < RESEND_AFTER {
            return None;
        }
        oldest.at = now;
        Some(oldest.bytes.clone())
    }

    fn output(&mut self, payload_type: u32, payload: Vec<u8>) -> Vec<u8> {
        let flags = u64::from(self.sent == 0);
        let frame = Frame {
            message_type: frame::OUTPUT.to_owned(),
            sequence: self.sent,
            flags,
            id: Uuid::new_v4(),
            payload_type,
            payload,
        };
        let bytes = frame.encode();
        let (sequence, at) = (self.sent, Instant::now());
        self.waiting.push_back(Waiting { sequence, at, bytes: bytes.clone() });
        self.sent += 1;
        bytes
    }

    /// Messages that carry bytes to the client.
    #[must_use]
    pub fn data(&mut self, bytes: &[u8]) -> Vec<Vec<u8>> {
        bytes
            .chunks(CHUNK_BYTES)
            .map(|chunk| self.output(payload::OUTPUT, chunk.to_vec()))
            .collect()
    }

    /// Tells a port session's client that the far connection is closed (1) or could not be made (3).
    #[must_use]
    pub fn flag(&mut self, flag: u32) -> Vec<u8> {
        self.output(payload::FLAG, flag.to_be_bytes().to_vec())
    }

    /// The last message.
    #[must_use]
    pub fn close(&self, why: &str) -> Vec<u8> {
        let content = json!({
            "MessageType": frame::CHANNEL_CLOSED,
            "MessageId": Uuid::new_v4().to_string(),
            "DestinationId": self.session_id,
            "SessionId": self.session_id,
            "SchemaVersion": 1,
            "CreatedDate": jiff::Timestamp::now().to_string(),
            "Output": why,
        });
        Frame {
            message_type: frame::CHANNEL_CLOSED.to_owned(),
            sequence: 0,
            flags: 3,
            id: Uuid::new_v4(),
            payload_type: 0,
            payload: content.to_string().into_bytes(),
        }
        .encode()
    }

    /// Takes a message of the client: what to send back, and what it asks.
    ///
    /// # Errors
    /// If it is no message; the channel is to be closed then.
    pub fn receive(
        &mut self,
        bytes: &[u8],
    ) -> Result<(Vec<Vec<u8>>, Option<Input>), frame::FrameError> {
        let message = Frame::decode(bytes)?;
        if message.message_type == frame::ACKNOWLEDGE {
            let told: Value = serde_json::from_slice(&message.payload).unwrap_or_default();
            let sequence = told["AcknowledgedMessageSequenceNumber"].as_i64();
            if let Some(at) = self.waiting.iter().position(|w| Some(w.sequence) == sequence) {
                self.waiting.remove(at);
            }
        }
        if message.message_type != frame::INPUT {
            return Ok((Vec::new(), None));
        }
        if message.sequence > self.expected {
            // It comes again once the ones before it are here.
            return Ok((Vec::new(), None));
        }
        let mut answers = vec![acknowledge(&message)];
        if message.sequence < self.expected {
            return Ok((answers, None));
        }
        self.expected += 1;
        let input = match message.payload_type {
            payload::OUTPUT => Some(Input::Data(message.payload)),
            payload::SIZE => size(&message.payload),
            payload::FLAG => match message.payload.first_chunk().map(|b| u32::from_be_bytes(*b)) {
                Some(1) => Some(Input::Disconnect),
                Some(2) => Some(Input::Terminate),
                _ => None,
            },
            payload::HANDSHAKE_RESPONSE if !self.ready => {
                self.ready = true;
                let done = json!({"HandshakeTimeToComplete": 1_000_000, "CustomerMessage": ""});
                answers
                    .push(self.output(payload::HANDSHAKE_COMPLETE, done.to_string().into_bytes()));
                None
            }
            _ => None,
        };
        Ok((answers, input))
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

fn size(payload: &[u8]) -> Option<Input> {
    let told: Value = serde_json::from_slice(payload).ok()?;
    let number = |name: &str| told[name].as_u64().and_then(|n| u16::try_from(n).ok());
    Some(Input::Size { cols: number("cols")?, rows: number("rows")? })
}

/// The token in the client's first message, which is text.
#[must_use]
pub fn token_of(opening: &str) -> Option<String> {
    let told: Value = serde_json::from_str(opening).ok()?;
    told["TokenValue"].as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from_client(sequence: i64, payload_type: u32, payload: &[u8]) -> Vec<u8> {
        Frame {
            message_type: frame::INPUT.to_owned(),
            sequence,
            flags: 0,
            id: Uuid::from_u128(7),
            payload_type,
            payload: payload.to_vec(),
        }
        .encode()
    }

    #[test]
    fn a_port_session_shakes_hands_and_acknowledges() {
        let (mut channel, first) =
            Channel::open("s-1", Purpose::Port { host: None, port: 9100, local_port: None });
        let request = Frame::decode(&first[0]).unwrap();
        assert_eq!((request.payload_type, request.sequence), (payload::HANDSHAKE_REQUEST, 0));
        assert!(!channel.ready());
        let (answers, input) =
            channel.receive(&from_client(0, payload::HANDSHAKE_RESPONSE, b"{}")).unwrap();
        assert!(channel.ready() && input.is_none());
        let told: Value =
            serde_json::from_slice(&Frame::decode(&answers[0]).unwrap().payload).unwrap();
        assert_eq!(told["AcknowledgedMessageId"], Uuid::from_u128(7).to_string());
        assert_eq!(Frame::decode(&answers[1]).unwrap().payload_type, payload::HANDSHAKE_COMPLETE);
        let (_, input) = channel.receive(&from_client(1, payload::FLAG, &[0, 0, 0, 2])).unwrap();
        assert_eq!(input, Some(Input::Terminate));
    }

    #[test]
    fn what_the_client_leaves_alone_is_sent_again_and_what_comes_twice_is_used_once() {
        let (mut channel, _) = Channel::open("s-1", Purpose::Shell { command: None });
        let sent = channel.data(b"prompt").remove(0);
        let now = Instant::now();
        assert_eq!(channel.again(now), None);
        let late = now + RESEND_AFTER;
        assert_eq!(channel.again(late), Some(sent.clone()));
        assert_eq!(channel.again(late), None);
        let acknowledged = acknowledge(&Frame::decode(&sent).unwrap());
        channel.receive(&acknowledged).unwrap();
        assert!(channel.drained() && channel.again(late + RESEND_AFTER).is_none());

        let typed = |sequence| from_client(sequence, payload::OUTPUT, b"ls");
        let (answers, input) = channel.receive(&typed(1)).unwrap();
        assert!(answers.is_empty() && input.is_none(), "before the first");
        assert!(channel.receive(&typed(0)).unwrap().1.is_some());
        let (answers, input) = channel.receive(&typed(0)).unwrap();
        assert!(answers.len() == 1 && input.is_none(), "again");
        assert!(channel.receive(&typed(1)).unwrap().1.is_some());
    }

    #[test]
    fn a_shell_begins_at_once_and_counts_its_messages() {
        let (mut channel, first) = Channel::open("s-1", Purpose::Shell { command: None });
        assert!(channel.ready() && first.is_empty());
        let sent = channel.data(&[b'x'; CHUNK_BYTES + 1]);
        let sequences: Vec<i64> =
            sent.iter().map(|bytes| Frame::decode(bytes).unwrap().sequence).collect();
        assert_eq!(sequences, [0, 1]);
        let (_, input) =
            channel.receive(&from_client(0, payload::SIZE, br#"{"cols":80,"rows":24}"#)).unwrap();
        assert_eq!(input, Some(Input::Size { cols: 80, rows: 24 }));
        assert!(channel.receive(b"short").is_err());
    }
}
