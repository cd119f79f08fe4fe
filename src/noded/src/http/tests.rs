//! The routes over a real socket, asked by the client of `nixl-noded health`.

use super::*;
use crate::board::{Reading, name};
use crate::client::{ask, get, post};
use nixl_cluster::health::HealthDocument;
use nixl_cluster::link::LinkDocument;
use nixl_cluster::reason;
use nixl_mlflow::{MintError, Minter, UrlKeeper};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

struct Served {
    shared: Shared,
    address: SocketAddr,
    _runtime: tokio::runtime::Runtime,
}

fn serve() -> Served {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let beats = Beats::default();
    let (board, link) = (Board::default(), Monitor::default());
    let shared = Shared { board, beats, link, mlflow: Slot::default() };
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let _inside = runtime.enter();
    let listening = Listening::new(listener, shared.beats.task("http")).unwrap();
    let router = router(shared.clone());
    runtime.spawn(async move { axum::serve(listening, router).await });
    drop(_inside);
    Served { shared, address, _runtime: runtime }
}

fn raw(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn health_is_503_on_an_error_and_200_on_a_warning() {
    let served = serve();
    let (status, body) = get(served.address, "/health").unwrap();
    let document: HealthDocument = serde_json::from_str(&body).unwrap();
    assert_eq!((status, document.node.phase.as_str()), (200, "booting"));
    let bad = Reading::bad(&reason::SETTINGS_MISSING, "no file");
    served.shared.board.set(name::SETTINGS, bad);
    let answer = raw(served.address, "GET /health HTTP/1.0\r\nHost: localhost\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.0 503"), "{answer}");
    assert!(answer.contains("content-type: application/health+json"), "{answer}");
}

#[test]
fn ready_follows_the_pairing_and_verbose_says_what_is_missing() {
    let served = serve();
    let (status, body) = get(served.address, "/readyz?verbose").unwrap();
    assert_eq!(status, 503);
    assert!(body.contains("[-]settings:file not reached yet"), "{body}");
    assert!(body.contains("[-]pairing:peers node.initializing"), "{body}");
    served.shared.board.set(name::PEERS, Reading::good(1));
    served.shared.board.set_all_paired(true);
    assert_eq!(get(served.address, "/readyz").unwrap(), (200, "ok\n".to_owned()));
    assert_eq!(get(served.address, "/livez").unwrap(), (200, "ok\n".to_owned()));
}

#[test]
fn foreign_hosts_methods_and_paths_are_refused() {
    let served = serve();
    let evil = raw(served.address, "GET /health HTTP/1.0\r\nHost: evil.example\r\n\r\n");
    assert!(evil.starts_with("HTTP/1.0 421"), "{evil}");
    let hostless = raw(served.address, "GET /health HTTP/1.0\r\n\r\n");
    assert!(hostless.starts_with("HTTP/1.0 421"), "{hostless}");
    let post = raw(served.address, "POST /health HTTP/1.0\r\nHost: localhost\r\n\r\n");
    assert!(post.starts_with("HTTP/1.0 405") && post.contains("\"error\""), "{post}");
    let (status, body) = get(served.address, "/metric").unwrap();
    assert!(status == 404 && body.contains("not_found"), "{body}");
    assert!(get(served.address, "/").unwrap().1.contains("/readyz"));
}

#[test]
fn links_are_told_and_a_run_needs_a_pair() {
    let served = serve();
    let (status, body) = get(served.address, "/link").unwrap();
    let document: LinkDocument = serde_json::from_str(&body).unwrap();
    assert_eq!((status, document), (200, LinkDocument::default()));
    let (status, body) = post(served.address, "/link/run").unwrap();
    assert!(status == 503 && body.contains("not paired"), "{body}");
    let (status, body) = post(served.address, "/link/run?peer=i-9").unwrap();
    assert!(status == 503 && body.contains("not paired with i-9"), "{body}");
    assert_eq!(post(served.address, "/link/run?per=i-9").unwrap().0, 400);
    assert_eq!(get(served.address, "/link/run").unwrap().0, 405);
}

#[test]
fn a_web_page_starts_no_run() {
    let served = serve();
    for origin in ["http://localhost:9100", "https://evil.example", "null"] {
        let request =
            format!("POST /link/run HTTP/1.0\r\nHost: localhost\r\nOrigin: {origin}\r\n\r\n");
        let answer = raw(served.address, &request);
        assert!(answer.starts_with("HTTP/1.0 403"), "{answer}");
    }
    let rebound = raw(served.address, "POST /link/run HTTP/1.0\r\nHost: evil.example\r\n\r\n");
    assert!(rebound.starts_with("HTTP/1.0 421"), "{rebound}");
}

#[test]
fn a_reason_is_acknowledged_and_that_is_taken_back() {
    let served = serve();
    let at = served.address;
    let bad = Reading::bad(&reason::SETTINGS_MISSING, "no file").about("a b");
    served.shared.board.set(name::SETTINGS, bad);
    assert_eq!(get(at, "/health").unwrap().0, 503);
    let path = "/ack?code=node.settings_missing&id=a%20b";
    let (status, body) = ask(at, "POST", path, "{\"note\": \"on it\"}").unwrap();
    assert_eq!(status, 200, "{body}");
    let expected = r#"{"code":"node.settings_missing","checks":["settings:file a b"]}"#;
    assert_eq!(body, expected);
    let (status, body) = get(at, "/health").unwrap();
    assert!(status == 200 && body.contains("\"note\": \"on it\""), "{body}");
    assert_eq!(ask(at, "DELETE", path, "").unwrap(), (200, expected.to_owned()));
    assert_eq!(get(at, "/health").unwrap().0, 503);
    let (status, body) = ask(at, "DELETE", path, "").unwrap();
    assert!(status == 404 && body.contains("ack.not_acknowledged"), "{body}");
}

#[test]
fn wrong_acknowledgements_are_refused() {
    let served = serve();
    let at = served.address;
    let long = format!("{{\"note\": \"{}\"}}", "x".repeat(501));
    let huge = format!("{{\"note\": \"{}\"}}", "x".repeat(9000));
    let (good, initializing) = ("{\"note\": \"x\"}", "/ack?code=node.initializing");
    for (path, body, status, code) in [
        ("/ack?code=mlflow.denied", "", 404, "ack.not_held"),
        ("/ack?code=node.initializing&id=i-9", good, 404, "ack.not_held"),
        ("/ack?code=mlflow.denid", "", 400, "mlflow.denied"),
        (initializing, "{\"note\": \"a\\nb\"}", 400, "control characters"),
        (initializing, "{\"not\": \"a\"}", 400, "unknown field"),
        (initializing, "x", 400, "ack.note"),
        (initializing, long.as_str(), 400, "at most 500"),
        (initializing, huge.as_str(), 413, ""),
        ("/ack?id=i-9", "", 400, "code"),
        ("/ack?code=mlflow.denied&node=x", "", 400, "node"),
    ] {
        let (answered, told) = ask(at, "POST", path, body).unwrap();
        assert!(answered == status && told.contains(code), "{path} {body}: {answered} {told}");
    }
    assert_eq!(get(at, "/ack?code=node.initializing").unwrap().0, 405);
    for method in ["POST", "DELETE"] {
        let request = format!(
            "{method} {initializing} HTTP/1.0\r\nHost: localhost\r\nOrigin: http://localhost:9100\r\n\r\n"
        );
        assert!(raw(at, &request).starts_with("HTTP/1.0 403"), "{method}");
    }
    let rebound = format!("POST {initializing} HTTP/1.0\r\nHost: evil.example\r\n\r\n");
    assert!(raw(at, &rebound).starts_with("HTTP/1.0 421"));
    assert_eq!(post(at, initializing).unwrap().0, 200);
}

struct Denied;

#[async_trait::async_trait]
impl Minter for Denied {
    async fn mint(&self, _: u32, _: u32) -> Result<String, MintError> {
        Err(MintError { denied: true, message: "not allowed".to_owned() })
    }
}

#[test]
fn mlflow_says_why_there_is_no_link() {
    let served = serve();
    assert_eq!(get(served.address, "/mlflow").unwrap().0, 503);
    assert!(served.shared.mlflow.set(None).is_ok());
    let (status, body) = get(served.address, "/mlflow").unwrap();
    assert!(status == 404 && body.contains("mlflow_tracking_arn"), "{body}");
    let denied = serve();
    let keeper = UrlKeeper::new(Arc::new(Denied), 1800);
    assert!(denied.shared.mlflow.set(Some(keeper)).is_ok());
    assert_eq!(get(denied.address, "/mlflow").unwrap().0, 503);
}
