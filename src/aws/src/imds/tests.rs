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
