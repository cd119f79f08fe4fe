use super::*;
use crate::board::Board;
use crate::peers::NoHealth;
use nixl_cluster::{PeerAnswer, PeerHealth};

#[test]
fn a_peers_health_or_why_there_is_none_is_told() {
    let served = serve();
    let said = PeerAnswer { left_out: 3, document: Board::default().document() };
    let known = PeerHealth { instance_id: "i-2".to_owned(), rank: 1, age_secs: 0.5, answer: said };
    let not_paired = NoHealth::NotPaired { peer: "i-2".to_owned(), why: "it is lost".to_owned() };
    let peers = served.shared.peers.clone();
    // In place of the engine.
    let answers = [Ok(known.clone()), Err(not_paired), Err(NoHealth::Which { count: 2 })];
    let engine = std::thread::spawn(move || {
        for answer in answers {
            let request = loop {
                match peers.take().pop() {
                    Some(request) => break request,
                    None => std::thread::yield_now(),
                }
            };
            request.answer.send(answer).unwrap();
        }
    });
    let (status, body) = get(served.address, "/peer/health?peer=i-2").unwrap();
    assert_eq!((status, serde_json::from_str::<PeerHealth>(&body).unwrap()), (200, known));
    let (status, body) = get(served.address, "/peer/health").unwrap();
    assert!(status == 503 && body.contains("i-2: it is lost"), "{body}");
    assert_eq!(get(served.address, "/peer/health").unwrap().0, 400);
    engine.join().unwrap();
    assert_eq!(get(served.address, "/peer/health?per=i-2").unwrap().0, 400);
    let evil = raw(served.address, "GET /peer/health HTTP/1.0\r\nHost: evil.example\r\n\r\n");
    assert!(evil.starts_with("HTTP/1.0 421"), "{evil}");
}
