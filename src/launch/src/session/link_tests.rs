use super::*;
use crate::fake::Fake;
use crate::session::frame;
use crate::session::scripted::scripted;

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
