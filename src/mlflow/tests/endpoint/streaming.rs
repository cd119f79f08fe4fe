//! Large bodies that are sent on while they come, where the server takes that.

use super::bodies::{ARTIFACT, PART};
use super::upstream::{Act, Scripted, ok, say};
use super::{PEER, endpoint, parts, read, request};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use nixl_mlflow::endpoint::Endpoint;
use sha2::{Digest as _, Sha256};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::sync::mpsc;

const UNSIGNED: &str = "UNSIGNED-PAYLOAD";
const PARTS: usize = 40;
const LENGTH: usize = PARTS * PART;

/// A body of a length that was told; it comes as the test sends it.
pub struct Told {
    parts: mpsc::UnboundedReceiver<io::Result<Bytes>>,
    left_bytes: u64,
}

impl Body for Told {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let part = ready!(self.parts.poll_recv(cx));
        if let Some(Ok(part)) = &part {
            self.left_bytes -= part.len() as u64;
        }
        Poll::Ready(part.map(|part| part.map(Frame::data)))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left_bytes)
    }
}

fn told(parts: usize) -> (mpsc::UnboundedSender<io::Result<Bytes>>, Told) {
    let (sender, coming) = mpsc::unbounded_channel();
    (sender, Told { parts: coming, left_bytes: (parts * PART) as u64 })
}

fn part() -> io::Result<Bytes> {
    Ok(Bytes::from_static(&[7; PART]))
}

pub fn of_parts(parts: usize) -> Told {
    let (sender, body) = told(parts);
    for _ in 0..parts {
        sender.send(part()).unwrap();
    }
    body
}

fn whole() -> Told {
    of_parts(PARTS)
}

async fn put(endpoint: &Endpoint, body: Told) -> (u16, String) {
    read(endpoint.answer(request("PUT", ARTIFACT).body(body).unwrap(), PEER).await).await
}

async fn arrives(server: &Scripted, bytes: usize) {
    while server.got_bytes() < bytes {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

fn hashes(server: &Scripted) -> Vec<String> {
    let hash = |it: &super::upstream::Asked| it.header("x-amz-content-sha256").unwrap().to_owned();
    server.asked().iter().map(hash).collect()
}

fn signed() -> String {
    hex::encode(Sha256::digest(vec![7; LENGTH]))
}

pub fn forged() -> Act {
    say(403, r#"{"message":"The request signature we calculated does not match the signature"}"#)
}

#[tokio::test]
async fn it_is_sent_while_it_comes_once_the_server_is_known_to_take_it() {
    let server = Scripted::start(vec![ok()]).await;
    let endpoint = endpoint(server.address);
    let (sender, body) = told(PARTS);
    let sending = tokio::spawn({
        let endpoint = endpoint.clone();
        async move { put(&endpoint, body).await }
    });
    for _ in 0..PARTS - 1 {
        sender.send(part()).unwrap();
    }
    arrives(&server, LENGTH - PART).await;
    sender.send(part()).unwrap();
    drop(sender);
    assert_eq!(sending.await.unwrap().0, 200);
    assert_eq!(put(&endpoint, whole()).await.0, 200);
    let asked = server.asked();
    assert!(asked[0].line.contains("experiments/search") && asked.len() == 3);
    assert!(asked[1..].iter().all(|it| it.body.len() == LENGTH));
    assert_eq!(asked[1].header("content-length"), Some(LENGTH.to_string().as_str()));
    assert_eq!(hashes(&server), [UNSIGNED; 3]);
    assert_eq!(endpoint.status().streamed, 2);
}

#[tokio::test]
async fn a_server_that_does_not_take_it_is_asked_once_and_gets_hashes() {
    let server = Scripted::start(vec![forged(), ok()]).await;
    let endpoint = endpoint(server.address);
    for _ in 0..2 {
        assert_eq!(put(&endpoint, whole()).await.0, 200);
    }
    assert_eq!(hashes(&server), [UNSIGNED, &signed(), &signed()]);
    assert_eq!((endpoint.status().streamed, endpoint.status().reason), (0, None));
}

#[tokio::test]
async fn a_server_that_is_busy_is_asked_again_with_the_next() {
    let server = Scripted::start(vec![say(503, "x"), ok()]).await;
    let endpoint = endpoint(server.address);
    for _ in 0..2 {
        assert_eq!(put(&endpoint, whole()).await.0, 200);
    }
    assert_eq!(hashes(&server), [UNSIGNED, &signed(), UNSIGNED, UNSIGNED]);
}

#[tokio::test]
async fn one_that_refuses_artifacts_only_gets_them_again_with_their_hash() {
    let server = Scripted::start(vec![ok(), forged(), ok()]).await;
    let endpoint = endpoint(server.address);
    for _ in 0..2 {
        assert_eq!(put(&endpoint, whole()).await.0, 200);
    }
    assert_eq!(hashes(&server), [UNSIGNED, UNSIGNED, &signed(), &signed()]);
    assert_eq!(server.asked()[2].body.len(), LENGTH);
}

#[tokio::test]
async fn it_is_sent_whole_once_more_after_an_error() {
    let server = Scripted::start(vec![ok(), say(503, "x"), Act::Close, ok()]).await;
    let endpoint = endpoint(server.address);
    assert_eq!(put(&endpoint, whole()).await.0, 200);
    assert_eq!(hashes(&server), [UNSIGNED; 4]);
    assert!(server.asked()[1..].iter().all(|it| it.body == vec![7; LENGTH]));
}

#[tokio::test]
async fn a_client_that_goes_away_ends_it_for_the_server_too() {
    let server = Scripted::start(vec![ok()]).await;
    let endpoint = endpoint(server.address);
    let (sender, body) = told(PARTS);
    for _ in 0..PARTS / 2 {
        sender.send(part()).unwrap();
    }
    sender.send(Err(io::Error::other("the cable is out"))).unwrap();
    let (status, told) = put(&endpoint, body).await;
    assert!(status == 400 && told.contains("the cable is out"), "{status} {told}");
    assert_eq!(server.asked().len(), 1, "half a body is no request");
}

/// The server is idle as well then, but it is the client that is slow.
#[tokio::test]
async fn a_slow_client_is_not_taken_for_a_silent_server() {
    let server = Scripted::start(vec![ok()]).await;
    let mut parts = parts(server.address);
    parts.limits.attempt = Duration::from_millis(20);
    parts.limits.stall = Duration::from_secs(60);
    let endpoint = Endpoint::new(parts);
    let (sender, body) = told(PARTS);
    let feed = async {
        for _ in 0..PARTS - 1 {
            sender.send(part()).unwrap();
        }
        arrives(&server, LENGTH - PART).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        sender.send(part()).unwrap();
        drop(sender);
    };
    let ((status, told), ()) = tokio::join!(put(&endpoint, body), feed);
    assert_eq!((status, endpoint.status().retries), (200, 0), "{told}");
}
