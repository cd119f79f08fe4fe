//! The client against a small IMDSv2 on loopback.

#![allow(clippy::unwrap_used)]

use super::{Client, Imds};
use crate::ErrorKind;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

type Answer = dyn Fn(&str) -> (u16, String) + Send + Sync;

struct Server {
    url: String,
    tokens: Arc<AtomicU32>,
}

/// Serves `answer` by path until the test process ends; gives a token on PUT
/// and 401 to a GET without it.
fn serve(answer: impl Fn(&str) -> (u16, String) + Send + Sync + 'static) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let tokens = Arc::new(AtomicU32::new(0));
    let (count, answer): (_, Arc<Answer>) = (tokens.clone(), Arc::new(answer));
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (count, answer) = (count.clone(), answer.clone());
            thread::spawn(move || talk(stream, &count, &*answer));
        }
    });
    Server { url, tokens }
}

fn talk(mut stream: TcpStream, tokens: &AtomicU32, answer: &Answer) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    loop {
        let mut first = String::new();
        if reader.read_line(&mut first).unwrap_or(0) == 0 {
            return;
        }
        let (mut token, mut ttl) = (false, false);
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            let line = line.trim().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            token |= line == "x-aws-ec2-metadata-token: secret";
            ttl |= line.starts_with("x-aws-ec2-metadata-token-ttl-seconds:");
        }
        let mut words = first.split(' ');
        let (method, path) = (words.next().unwrap(), words.next().unwrap());
        let (status, body) = match (method, path) {
            ("PUT", "/latest/api/token") if ttl => {
                tokens.fetch_add(1, Ordering::SeqCst);
                (200, "secret".to_owned())
            }
            ("GET", path) if token => answer(path),
            _ => (401, String::new()),
        };
        let head = format!(
            "HTTP/1.1 {status} X\r\ncontent-length: {}\r\nx-aws-ec2-metadata-token-ttl-seconds: 21600\r\n\r\n{body}",
            body.len()
        );
        if stream.write_all(head.as_bytes()).is_err() {
            return;
        }
    }
}

#[tokio::test]
async fn reads_every_datum_with_one_token() {
    let server = serve(|path| {
        let body = match path {
            "/latest/meta-data/instance-id" => "i-0a",
            "/latest/meta-data/ami-id" => "ami-0c",
            "/latest/meta-data/instance-type" => "g6.12xlarge",
            "/latest/meta-data/reservation-id" => "r-0b",
            "/latest/meta-data/ami-launch-index" => "1",
            "/latest/meta-data/local-ipv4" => "10.0.0.5",
            "/latest/meta-data/placement/availability-zone" => "us-east-1a",
            "/latest/meta-data/placement/region" => "us-east-1\n",
            _ => return (404, String::new()),
        };
        (200, body.to_owned())
    });
    let imds = Client::with_endpoint(&server.url).unwrap();
    assert_eq!(imds.instance_id().await.unwrap(), "i-0a");
    assert_eq!(imds.image_id().await.unwrap(), "ami-0c");
    assert_eq!(imds.instance_type().await.unwrap(), "g6.12xlarge");
    assert_eq!(imds.reservation_id().await.unwrap(), "r-0b");
    assert_eq!(imds.launch_index().await.unwrap(), 1);
    assert_eq!(imds.local_ipv4().await.unwrap(), Some(Ipv4Addr::new(10, 0, 0, 5)));
    assert_eq!(imds.zone().await.unwrap(), "us-east-1a");
    assert_eq!(imds.region().await.unwrap(), "us-east-1");
    assert_eq!(server.tokens.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn not_found_is_none_where_optional_and_an_error_elsewhere() {
    let server = serve(|_| (404, String::new()));
    let imds = Client::with_endpoint(&server.url).unwrap();
    assert_eq!(imds.local_ipv4().await.unwrap(), None);
    let error = imds.instance_id().await.unwrap_err();
    assert_eq!(error.code(), Some("NotFound"));
}

#[tokio::test]
async fn a_text_that_is_no_number_is_named() {
    let server = serve(|_| (200, "one".to_owned()));
    let imds = Client::with_endpoint(&server.url).unwrap();
    let error = imds.launch_index().await.unwrap_err();
    assert!(error.message.contains("\"one\""), "{error}");
}

#[tokio::test]
async fn a_refusal_keeps_its_status() {
    let server = serve(|_| (403, String::new()));
    let imds = Client::with_endpoint(&server.url).unwrap();
    let error = imds.instance_id().await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Service { code: "Http403".to_owned(), status: 403 });
}

#[tokio::test]
async fn nobody_there_is_unreachable() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let imds = Client::with_endpoint(&format!("http://{closed}")).unwrap();
    assert_eq!(imds.instance_id().await.unwrap_err().kind, ErrorKind::Unreachable);
}

#[test]
fn a_text_that_is_no_uri_is_refused() {
    assert_eq!(Client::with_endpoint("http://[").unwrap_err().kind, ErrorKind::Invalid);
}

#[tokio::test]
async fn the_role_is_told_without_its_credentials() {
    let server = serve(|path| {
        let body = match path {
            "/latest/meta-data/iam/security-credentials/" => "nixl-node\n",
            "/latest/meta-data/iam/security-credentials/nixl-node" => {
                r#"{"Code": "Success", "LastUpdated": "2026-11-28T10:00:00Z", "Type": "AWS-HMAC",
                    "AccessKeyId": "ASIA1", "SecretAccessKey": "hush", "Token": "hush",
                    "Expiration": "2026-11-28T16:30:00Z"}"#
            }
            _ => return (404, String::new()),
        };
        (200, body.to_owned())
    });
    let imds = Client::with_endpoint(&server.url).unwrap();
    let role = imds.role().await.unwrap().unwrap();
    assert_eq!((role.role.as_str(), role.code.as_str()), ("nixl-node", "Success"));
    assert_eq!(role.expiration.as_deref(), Some("2026-11-28T16:30:00Z"));
    assert_eq!(role.last_updated.as_deref(), Some("2026-11-28T10:00:00Z"));
    assert!(!format!("{role:?}").contains("hush"));
}

#[tokio::test]
async fn an_instance_without_a_role_or_notices_has_none() {
    let server = serve(|_| (404, String::new()));
    let imds = Client::with_endpoint(&server.url).unwrap();
    assert_eq!(imds.role().await.unwrap(), None);
    assert_eq!(imds.spot_action().await.unwrap(), None);
    assert_eq!(imds.rebalance().await.unwrap(), None);
    assert_eq!(imds.scheduled_events().await.unwrap(), []);
    assert_eq!(imds.tag("nixl:expires-at").await.unwrap(), None);
}

#[tokio::test]
async fn a_role_that_ec2_may_not_assume_says_so() {
    let server = serve(|path| match path {
        "/latest/meta-data/iam/security-credentials/" => (200, "r".to_owned()),
        _ => (
            200,
            r#"{"Code": "AssumeRoleUnauthorizedAccess", "Message": "EC2 cannot assume the role r.",
                "LastUpdated": "2026-11-28T10:00:00Z"}"#
                .to_owned(),
        ),
    });
    let role = Client::with_endpoint(&server.url).unwrap().role().await.unwrap().unwrap();
    assert_eq!(role.code, "AssumeRoleUnauthorizedAccess");
    assert_eq!((role.message.is_some(), role.expiration), (true, None));
}

#[tokio::test]
async fn what_is_no_document_is_not_quoted() {
    let server = serve(|path| match path {
        "/latest/meta-data/iam/security-credentials/" => (200, "r".to_owned()),
        _ => (200, r#"{"SecretAccessKey": "hush""#.to_owned()),
    });
    let error = Client::with_endpoint(&server.url).unwrap().role().await.unwrap_err();
    assert!(error.message.contains("line 1") && !error.message.contains("hush"), "{error}");
}

#[tokio::test]
async fn notices_are_read_as_ec2_writes_them() {
    let server = serve(|path| {
        let body = match path {
            "/latest/meta-data/spot/instance-action" => {
                r#"{"action": "stop", "time": "2017-09-18T08:22:00Z"}"#
            }
            "/latest/meta-data/events/recommendations/rebalance" => {
                r#"{"noticeTime":"2020-10-27T08:22:00Z"}"#
            }
            "/latest/meta-data/events/maintenance/scheduled" => {
                r#"[ { "NotBefore" : "21 Jan 2019 09:00:43 GMT", "Code" : "system-reboot",
                     "Description" : "scheduled reboot", "EventId" : "instance-event-0d59937288b749b32",
                     "NotAfter" : "21 Jan 2019 09:17:23 GMT", "State" : "active" } ]"#
            }
            "/latest/meta-data/tags/instance/nixl:expires-at" => "2026-11-28T20:00:00Z",
            _ => return (404, String::new()),
        };
        (200, body.to_owned())
    });
    let imds = Client::with_endpoint(&server.url).unwrap();
    let spot = imds.spot_action().await.unwrap().unwrap();
    assert_eq!((spot.action.as_str(), spot.time.as_str()), ("stop", "2017-09-18T08:22:00Z"));
    assert_eq!(imds.rebalance().await.unwrap().as_deref(), Some("2020-10-27T08:22:00Z"));
    let events = imds.scheduled_events().await.unwrap();
    assert_eq!((events.len(), events[0].code.as_str()), (1, "system-reboot"));
    assert_eq!(events[0].not_after.as_deref(), Some("21 Jan 2019 09:17:23 GMT"));
    let tag = imds.tag("nixl:expires-at").await.unwrap();
    assert_eq!(tag.as_deref(), Some("2026-11-28T20:00:00Z"));
}

#[tokio::test]
async fn the_older_notice_counts_when_it_is_a_time() {
    for (text, counts) in [("2015-01-05T18:02:00Z", true), ("none", false)] {
        let server = serve(move |path| match path {
            "/latest/meta-data/spot/termination-time" => (200, text.to_owned()),
            _ => (404, String::new()),
        });
        let imds = Client::with_endpoint(&server.url).unwrap();
        let action = imds.spot_action().await.unwrap().map(|spot| spot.action);
        assert_eq!(action.is_some_and(|action| action == "terminate"), counts);
    }
}

/// Answers one request with this status, whoever asks.
fn serve_tokenless(status: u16) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        write!(stream, "HTTP/1.1 {status} X\r\n\r\ni-1").unwrap();
    });
    url
}

#[tokio::test]
async fn whether_a_token_is_needed_is_tried() {
    let server = serve(|_| (200, String::new()));
    assert!(Client::with_endpoint(&server.url).unwrap().tokens_required().await.unwrap());
    let open = serve_tokenless(200);
    assert!(!Client::with_endpoint(&open).unwrap().tokens_required().await.unwrap());
    let broken = serve_tokenless(503);
    assert!(Client::with_endpoint(&broken).unwrap().tokens_required().await.is_err());
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let imds = Client::with_endpoint(&format!("http://{closed}")).unwrap();
    assert_eq!(imds.tokens_required().await.unwrap_err().kind, ErrorKind::Unreachable);
}
