use super::*;

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

const PATHS: [&str; 9] =
    ["/", "/health", "/livez", "/readyz", "/metrics", "/events", "/link", "/mlflow", "/none"];

#[test]
fn every_answer_says_what_a_browser_may_make_of_it() {
    let served = serve();
    for (path, host) in PATHS.map(|path| (path, "localhost")).into_iter().chain([("/", "evil")]) {
        let answer = raw(served.address, &format!("GET {path} HTTP/1.0\r\nHost: {host}\r\n\r\n"));
        for header in [
            "x-content-type-options: nosniff",
            "referrer-policy: no-referrer",
            "frame-ancestors 'none'",
            "cross-origin-resource-policy: same-origin",
        ] {
            assert!(answer.contains(header), "{path} without {header}: {answer}");
        }
    }
}

#[test]
fn head_is_get_without_the_body() {
    let served = serve();
    for path in PATHS {
        let ask = |method| {
            let request = format!("{method} {path} HTTP/1.0\r\nHost: localhost\r\n\r\n");
            raw(served.address, &request)
        };
        let (head, whole) = (ask("HEAD"), ask("GET"));
        assert_eq!(head.lines().next(), whole.lines().next(), "{path}");
        assert!(head.ends_with("\r\n\r\n"), "{path}: {head}");
        assert!(!whole.ends_with("\r\n\r\n"), "{path} has a body: {whole}");
    }
}
