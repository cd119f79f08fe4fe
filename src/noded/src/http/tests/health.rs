use super::*;
use nixl_cluster::health::HealthDocument;

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
fn what_is_told_is_answered_at_once() {
    let served = serve();
    for number in 0..50 {
        served.shared.board.set(name::IMDS, Reading::good(number));
        let (_, body) = get(served.address, "/health").unwrap();
        let document: HealthDocument = serde_json::from_str(&body).unwrap();
        assert_eq!(document.checks[name::IMDS][0].observed_value, Some(number.into()));
    }
}

#[test]
fn one_check_has_a_status_of_its_own() {
    let served = serve();
    served.shared.board.set(name::IMDS, Reading::good("i-1"));
    served.shared.board.set(name::ENDPOINT, Reading::bad(&reason::FABRIC_LIBRARY_MISSING, "no"));
    let (status, body) = get(served.address, "/health/imds:metadata").unwrap();
    let document: HealthDocument = serde_json::from_str(&body).unwrap();
    let names: Vec<&str> = document.checks.keys().map(String::as_str).collect();
    assert_eq!((status, names), (200, vec![name::IMDS]));
    assert_eq!(get(served.address, "/health/fabric:endpoint").unwrap().0, 503);
    assert_eq!(get(served.address, "/health/fabric:none").unwrap().0, 404);
}
