use super::*;

fn from_node(sequence: i64, payload_type: u32, payload: &[u8]) -> Vec<u8> {
    Frame {
        message_type: frame::OUTPUT.to_owned(),
        sequence,
        flags: 0,
        id: Uuid::from_u128(7),
        payload_type,
        payload: payload.to_vec(),
    }
    .encode()
}

fn service(message_type: &str, payload: &[u8]) -> Vec<u8> {
    Frame {
        message_type: message_type.to_owned(),
        sequence: 0,
        flags: 3,
        id: Uuid::nil(),
        payload_type: 0,
        payload: payload.to_vec(),
    }
    .encode()
}

fn ack(sequence: i64) -> Vec<u8> {
    let told = json!({"AcknowledgedMessageSequenceNumber": sequence}).to_string();
    service(frame::ACKNOWLEDGE, told.as_bytes())
}

fn data(events: &[Event]) -> Vec<u8> {
    let mut all = Vec::new();
    for event in events {
        if let Event::Data(bytes) = event {
            all.extend(bytes);
        }
    }
    all
}

fn ready(now: Instant) -> Channel {
    let mut channel = Channel::default();
    channel.receive(&from_node(0, payload::OUTPUT, b""), now);
    channel
}

#[tokio::test]
async fn hands_are_shaken_before_the_stream_begins() {
    let (mut channel, now) = (Channel::default(), Instant::now());
    assert!(!channel.open());
    let request = br#"{"AgentVersion":"3.3.0.0","RequestedClientActions":[{"ActionType":"SessionType","ActionParameters":{"SessionType":"Port"}}]}"#;
    let Taken { answers, events } =
        channel.receive(&from_node(0, payload::HANDSHAKE_REQUEST, request), now);
    assert!(events.is_empty() && !channel.open());
    assert_eq!(Frame::decode(&answers[0]).unwrap().message_type, frame::ACKNOWLEDGE);
    assert_eq!(Frame::decode(&answers[1]).unwrap().payload_type, payload::HANDSHAKE_RESPONSE);
    let done = br#"{"CustomerMessage":"be nice"}"#;
    let Taken { events, .. } =
        channel.receive(&from_node(1, payload::HANDSHAKE_COMPLETE, done), now);
    assert!(matches!(&events[0], Event::Message(text) if text == "be nice"));
    assert!(matches!(&events[1], Event::Ready(told) if told.agent_version == "3.3.0.0"));
    assert!(channel.open());
}

#[tokio::test]
async fn an_encrypted_session_is_answered_and_ends() {
    let request = br#"{"RequestedClientActions":[{"ActionType":"KMSEncryption"}]}"#;
    let message = from_node(0, payload::HANDSHAKE_REQUEST, request);
    let Taken { answers, events } = Channel::default().receive(&message, Instant::now());
    assert_eq!(answers.len(), 2);
    assert!(matches!(&events[..], [Event::Failed(SessionError::Encrypted)]), "{events:?}");
}

#[tokio::test]
async fn what_is_not_acknowledged_is_sent_again_until_it_is() {
    let now = Instant::now();
    let mut channel = ready(now);
    let sent = channel.send(payload::OUTPUT, b"ls".to_vec(), now);
    channel.send(payload::OUTPUT, b"\r".to_vec(), now);
    assert_eq!(channel.again(now), Ok(None));
    let late = now + LONGEST_TIMEOUT;
    assert_eq!(channel.again(late), Ok(Some(sent)));
    assert_eq!(channel.again(late), Ok(None));
    assert_eq!(channel.all_again(late).len(), 2);
    channel.receive(&ack(0), late);
    channel.receive(&ack(1), late);
    channel.receive(&ack(1), late);
    assert!(channel.waiting.is_empty());
    channel.send(payload::OUTPUT, b"x".to_vec(), late);
    assert!(channel.again(late + GIVE_UP * 2).is_err(), "nobody is there");
}

#[tokio::test]
async fn a_pause_and_a_full_window_hold_the_input() {
    let now = Instant::now();
    let mut channel = ready(now);
    channel.receive(&service(frame::PAUSE, b"{}"), now);
    assert!(!channel.open());
    channel.receive(&service(frame::START, b"{}"), now);
    assert!(channel.open());
    for _ in 0..WINDOW {
        channel.send(payload::OUTPUT, b"x".to_vec(), now);
    }
    assert!(!channel.open());
    channel.receive(&ack(5), now);
    assert!(channel.open());
}

#[tokio::test]
async fn the_end_says_why() {
    let closed = service(frame::CHANNEL_CLOSED, br#"{"Output":"idle"}"#);
    let Taken { events, .. } = Channel::default().receive(&closed, Instant::now());
    assert!(matches!(&events[0], Event::Closed(why) if why == "idle"));
}

proptest::proptest! {
    /// Whatever order and however often messages come: used once, in order, each acknowledged.
    #[test]
    fn messages_are_used_once_and_in_order(order in proptest::collection::vec(0_i64..20, 0..200)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let now = runtime.block_on(async { Instant::now() });
        let mut channel = Channel::default();
        let mut used = Vec::new();
        for sequence in order.iter().copied().chain(0..20) {
            let payload = [u8::try_from(sequence).unwrap()];
            let Taken { answers, events } = channel.receive(&from_node(sequence, payload::OUTPUT, &payload), now);
            proptest::prop_assert_eq!(answers.len(), 1);
            used.extend(data(&events));
        }
        proptest::prop_assert_eq!(used, (0..20).collect::<Vec<u8>>());
    }
}
