use super::*;
use crate::client::{ask, post};

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
