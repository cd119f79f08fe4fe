use super::super::frame::{self, Frame};
use super::*;
use crate::fake::Fake;
use std::net::TcpListener as StdListener;

/// A server with a script: what it does with each connection, in turn.
type Act = Box<dyn FnOnce(&mut Far) + Send>;

/// The node's end of a connection.
struct Far {
    socket: tungstenite::WebSocket<std::net::TcpStream>,
    token: String,
}

impl Far {
    fn say(&mut self, sequence: i64, payload_type: u32, payload: &[u8]) {
        self.send(frame::OUTPUT, sequence, payload_type, payload);
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
    fn hear(&mut self, kind: &str) -> Frame {
        loop {
            if let Message::Binary(bytes) = self.socket.read().unwrap() {
                let frame = Frame::decode(&bytes).unwrap();
                if frame.message_type == kind {
                    return frame;
                }
            }
        }
    }

    fn acknowledge(&mut self, frame: &Frame) {
        let told = json!({"AcknowledgedMessageSequenceNumber": frame.sequence}).to_string();
        self.send(frame::ACKNOWLEDGE, 0, 0, told.as_bytes());
    }

    /// Says the last, and waits for the client to go: a connection closed over
    /// unread bytes is reset, and takes the last words along.
    fn close(&mut self, why: &str) {
        let told = json!({"Output": why}).to_string();
        self.send(frame::CHANNEL_CLOSED, 0, 0, told.as_bytes());
        while self.socket.read().is_ok() {}
    }
}

/// A fake whose sessions lead to a scripted server, and its tokens as they came.
fn scripted(acts: Vec<Act>) -> (Fake, std::thread::JoinHandle<Vec<String>>) {
    let listener = StdListener::bind("127.0.0.1:0").unwrap();
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
            let mut far = Far { socket, token };
            act(&mut far);
            tokens.push(far.token);
        }
        tokens
    });
    (fake, server)
}

async fn start(fake: &Fake) -> Link {
    let ssm: Arc<dyn ManagedNodes> = Arc::new(fake.clone());
    let request = StartSession { target: "i-1".to_owned(), ..StartSession::default() };
    Link::start(&ssm, &request).await.unwrap()
}

#[tokio::test]
async fn a_lost_connection_is_resumed_and_nothing_is_lost_or_doubled() {
    let (fake, server) = scripted(vec![
        Box::new(|far| {
            far.say(0, payload::OUTPUT, b"one ");
            let typed = far.hear(frame::INPUT);
            assert_eq!(typed.payload, b"ls");
            // Neither acknowledged nor closed as one should.
        }),
        Box::new(|far| {
            let again = far.hear(frame::INPUT);
            assert_eq!((again.sequence, again.payload.as_slice()), (0, b"ls".as_slice()));
            far.acknowledge(&again);
            far.say(0, payload::OUTPUT, b"one ");
            far.say(1, payload::OUTPUT, b"two");
            far.close("done");
        }),
    ]);
    let mut link = start(&fake).await;
    let mut said = Vec::new();
    loop {
        match link.next().await.unwrap() {
            FromNode::Ready { .. } => {
                link.sender().send(ToNode::Data(b"ls".to_vec())).await.unwrap();
            }
            FromNode::Data(bytes) => said.extend(bytes),
            FromNode::Closed(why) => {
                assert_eq!(why, "done");
                break;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(said, b"one two");
    link.end().await;
    let tokens = server.join().unwrap();
    assert_ne!(tokens[0], tokens[1], "each connection has a token of its own");
    assert_eq!(fake.count("TerminateSession"), 0, "the node has ended it");
}

#[tokio::test]
async fn who_ends_a_session_tells_aws() {
    let (fake, server) = scripted(vec![Box::new(|far| {
        far.say(0, payload::OUTPUT, b"prompt");
        while far.socket.read().is_ok() {}
    })]);
    let mut link = start(&fake).await;
    while !matches!(link.next().await, Some(FromNode::Data(_))) {}
    link.end().await;
    assert_eq!(fake.count("TerminateSession"), 1);
    server.join().unwrap();
}

#[tokio::test]
async fn a_message_nobody_acknowledges_is_sent_again() {
    let (fake, server) = scripted(vec![Box::new(|far| {
        far.say(0, payload::OUTPUT, b"$ ");
        let first = far.hear(frame::INPUT);
        let again = far.hear(frame::INPUT);
        assert_eq!(first, again);
        far.acknowledge(&again);
        far.close("");
    })]);
    let mut link = start(&fake).await;
    link.sender().send(ToNode::Size { cols: 80, rows: 24 }).await.unwrap();
    while !matches!(link.next().await, Some(FromNode::Closed(_))) {}
    link.end().await;
    server.join().unwrap();
}

#[tokio::test]
async fn an_encrypted_session_is_told_and_ended() {
    let (fake, server) = scripted(vec![Box::new(|far| {
        let request = br#"{"RequestedClientActions":[{"ActionType":"KMSEncryption"}]}"#;
        far.say(0, payload::HANDSHAKE_REQUEST, request);
        let answer = far.hear(frame::INPUT);
        assert_eq!(answer.payload_type, payload::HANDSHAKE_RESPONSE);
    })]);
    let mut link = start(&fake).await;
    let failed = link.next().await;
    assert!(matches!(failed, Some(FromNode::Failed(SessionError::Encrypted))), "{failed:?}");
    link.end().await;
    assert_eq!(fake.count("TerminateSession"), 1);
    server.join().unwrap();
}

#[tokio::test]
async fn nothing_at_the_stream_is_told_and_the_session_ended() {
    let fake = Fake::new();
    fake.state().ssm.stream_url = Some("ws://127.0.0.1:9".to_owned());
    let ssm: Arc<dyn ManagedNodes> = Arc::new(fake.clone());
    let request = StartSession { target: "i-1".to_owned(), ..StartSession::default() };
    let error = Link::start(&ssm, &request).await.err().unwrap();
    assert!(matches!(error, SessionError::Channel { .. }), "{error}");
    assert_eq!(fake.count("TerminateSession"), 1);
    fake.state().ssm.unregistered.insert("i-1".to_owned());
    let error = Link::start(&ssm, &request).await.err().unwrap();
    assert_eq!(error.code(), "not_online");
}
