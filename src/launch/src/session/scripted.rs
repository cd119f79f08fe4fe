//! A stream server with a script, for tests of what talks to a node.

use super::frame::{self, Frame, payload};
use crate::fake::Fake;
use serde_json::json;
use std::net::TcpListener;
use tungstenite::Message;
use uuid::Uuid;

/// A server with a script: what it does with each connection, in turn.
pub(crate) type Act = Box<dyn FnOnce(&mut Far) + Send>;

/// The node's end of a connection.
pub(crate) struct Far {
    pub socket: tungstenite::WebSocket<std::net::TcpStream>,
    token: String,
    said: i64,
}

impl Far {
    pub fn say(&mut self, sequence: i64, payload_type: u32, payload: &[u8]) {
        self.send(frame::OUTPUT, sequence, payload_type, payload);
    }

    /// The stream's next bytes.
    pub fn print(&mut self, bytes: &[u8]) {
        self.say(self.said, payload::OUTPUT, bytes);
        self.said += 1;
    }

    /// Waits for the client to go.
    pub fn stay(&mut self) {
        while self.socket.read().is_ok() {}
    }

    fn send(&mut self, kind: &str, sequence: i64, payload_type: u32, payload: &[u8]) {
        let frame = Frame {
            message_type: kind.to_owned(),
            sequence,
            flags: 0,
            id: Uuid::new_v4(),
            payload_type,
            payload: payload.to_vec(),
        };
        self.socket.send(Message::Binary(frame.encode().into())).unwrap();
    }

    /// The next message of this kind.
    pub fn hear(&mut self, kind: &str) -> Frame {
        loop {
            if let Message::Binary(bytes) = self.socket.read().unwrap() {
                let frame = Frame::decode(&bytes).unwrap();
                if frame.message_type == kind {
                    return frame;
                }
            }
        }
    }

    pub fn acknowledge(&mut self, frame: &Frame) {
        let told = json!({"AcknowledgedMessageSequenceNumber": frame.sequence}).to_string();
        self.send(frame::ACKNOWLEDGE, 0, 0, told.as_bytes());
    }

    /// Says the last, and waits for the client to go: a connection closed over
    /// unread bytes is reset, and takes the last words along.
    pub fn close(&mut self, why: &str) {
        let told = json!({"Output": why}).to_string();
        self.send(frame::CHANNEL_CLOSED, 0, 0, told.as_bytes());
        self.stay();
    }
}

/// A fake whose sessions lead to a scripted server, and its tokens as they came.
pub(crate) fn scripted(acts: Vec<Act>) -> (Fake, std::thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let fake = Fake::new();
    fake.state().ssm.stream_url = Some(format!("ws://{}", listener.local_addr().unwrap()));
    let server = std::thread::spawn(move || {
        let mut tokens = Vec::new();
        for act in acts {
            let (stream, _) = listener.accept().unwrap();
            let mut socket = tungstenite::accept(stream).unwrap();
            let opening = socket.read().unwrap().into_text().unwrap();
            let told: serde_json::Value = serde_json::from_str(&opening).unwrap();
            let token = told["TokenValue"].as_str().unwrap().to_owned();
            let mut far = Far { socket, token, said: 0 };
            act(&mut far);
            tokens.push(far.token);
        }
        tokens
    });
    (fake, server)
}
