//! Large bodies both ways, clients that do not send them, and a full disk.

use super::upstream::{Act, Scripted, ok, say};
use super::{PEER, endpoint, parts, read, reason, request};
use bytes::Bytes;
use futures_util::stream;
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use nixl_mlflow::endpoint::Endpoint;
use sha2::{Digest as _, Sha256};
use std::convert::Infallible;
use std::time::Duration;

pub const ARTIFACT: &str = "/api/2.0/mlflow-artifacts/artifacts/0/r/artifacts/model.bin";
pub const PART: usize = 64 << 10;

type Frames = Vec<Result<Frame<Bytes>, Infallible>>;

fn frames(parts: usize) -> Frames {
    (0..parts)
        .map(|number| Ok(Frame::data(Bytes::from(vec![u8::try_from(number % 251).unwrap(); PART]))))
        .collect()
}

/// What this process holds in memory.
fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = statm.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096
}

#[tokio::test]
async fn a_large_body_arrives_whole_also_the_second_time() {
    let server = Scripted::start(vec![say(503, "x"), ok()]).await;
    let endpoint = endpoint(server.address);
    let body = StreamBody::new(stream::iter(frames(100)));
    let put = request("PUT", ARTIFACT).body(body).unwrap();
    assert_eq!(read(endpoint.answer(put, PEER).await).await.0, 200);
    let asked = server.asked();
    assert_eq!(asked.len(), 2);
    for asked in asked {
        assert_eq!(asked.body.len(), 100 * PART);
        let hash = hex::encode(Sha256::digest(&asked.body));
        assert_eq!(asked.header("x-amz-content-sha256"), Some(hash.as_str()));
    }
}

/// A server answers once all is stored, which takes longer than any other answer.
#[tokio::test]
async fn a_large_body_that_is_being_stored_is_waited_for_and_not_sent_again() {
    let late = Duration::from_millis(1200);
    for (total_large, expected, says) in
        [(Duration::from_secs(60), 200, "{}"), (late / 2, 504, "has not answered")]
    {
        let server = Scripted::start(vec![Act::Late(late)]).await;
        let mut parts = parts(server.address);
        parts.limits.total_large = total_large;
        let body = StreamBody::new(stream::iter(frames(100)));
        let put = request("PUT", ARTIFACT).body(body).unwrap();
        let (status, body) = read(Endpoint::new(parts).answer(put, PEER).await).await;
        assert!(status == expected && body.contains(says), "{status} {body}");
        assert_eq!(server.asked().len(), 1);
    }
}

#[tokio::test]
async fn more_than_there_is_room_for_is_refused_and_the_room_given_back() {
    let server = Scripted::start(vec![ok()]).await;
    let mut parts = parts(server.address);
    parts.body_disk_bytes = 4 << 20;
    let endpoint = Endpoint::new(parts);
    let put = async |count| {
        let body = StreamBody::new(stream::iter(frames(count)));
        read(endpoint.answer(request("PUT", ARTIFACT).body(body).unwrap(), PEER).await).await
    };
    let (status, body) = put(100).await;
    assert!(status == 507 && body.contains("body_disk_bytes"), "{body}");
    assert_eq!(reason(&endpoint).as_deref(), Some("mlflow.no_room"));
    assert!(server.asked().is_empty());
    assert_eq!(put(60).await.0, 200);
    assert_eq!(reason(&endpoint), None);
}

#[tokio::test]
async fn a_disk_that_takes_nothing_is_told() {
    let server = Scripted::start(vec![ok()]).await;
    let mut parts = parts(server.address);
    parts.body_folder = "/nonexistent".into();
    let endpoint = Endpoint::new(parts);
    let body = StreamBody::new(stream::iter(frames(100)));
    let (status, body) =
        read(endpoint.answer(request("PUT", ARTIFACT).body(body).unwrap(), PEER).await).await;
    assert!(status == 507 && body.contains("cannot be kept on disk"), "{body}");
    assert_eq!(reason(&endpoint).as_deref(), Some("mlflow.no_room"));
}

#[tokio::test]
async fn a_client_that_stops_sending_does_not_keep_its_place() {
    let server = Scripted::start(vec![ok()]).await;
    let endpoint = endpoint(server.address);
    let begun = StreamBody::new(stream::pending::<Result<Frame<Bytes>, Infallible>>());
    let (status, body) =
        read(endpoint.answer(request("PUT", ARTIFACT).body(begun).unwrap(), PEER).await).await;
    assert!(status == 408 && body.contains("nothing of the body"), "{body}");
    assert!(server.asked().is_empty());
}

/// 256 MiB in both directions; a body that was kept would be seen.
#[tokio::test]
async fn memory_stays_flat() {
    const MIB: usize = 256;
    let server = Scripted::start(vec![Act::Flood(MIB)]).await;
    let endpoint = endpoint(server.address);
    let before = resident_bytes();
    let answer = endpoint
        .answer(request("GET", ARTIFACT).body(http_body_util::Empty::new()).unwrap(), PEER)
        .await;
    let (mut body, mut seen, mut most) = (answer.into_body(), 0, 0);
    while let Some(frame) = body.frame().await {
        seen += frame.unwrap().into_data().unwrap().len();
        most = most.max(resident_bytes());
    }
    assert_eq!(seen, MIB << 20);
    let grown = most.saturating_sub(before) >> 20;
    assert!(grown < 64, "{grown} MiB were held on the way");
}
