use super::*;
use crate::client::post;
use nixl_cluster::link::LinkDocument;

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
