//! Only requests that name this very host are answered.
//!
//! A browser on a forwarded port may be led here by a foreign name that
//! resolves to 127.0.0.1 (DNS rebinding); its `Host` gives it away.

use super::error;
use axum::extract::Request;
use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::Response;

const LOCAL: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

pub(super) async fn local_host(request: Request, next: Next) -> Response {
    if is_local(request.uri(), request.headers()) {
        next.run(request).await
    } else {
        error(
            StatusCode::MISDIRECTED_REQUEST,
            "misdirected",
            "ask for localhost, 127.0.0.1 or [::1]; other host names are not answered",
        )
    }
}

/// No page in a browser may start anything here; browsers name it in `Origin`
/// with every POST.
pub(super) async fn no_page(request: Request, next: Next) -> Response {
    if request.headers().contains_key(ORIGIN) {
        error(StatusCode::FORBIDDEN, "forbidden", "a web page may not ask for this")
    } else {
        next.run(request).await
    }
}

fn is_local(uri: &Uri, headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return false };
    let named = host.to_str().is_ok_and(names_this_host);
    named && uri.authority().is_none_or(|authority| names_this_host(authority.as_str()))
}

fn names_this_host(authority: &str) -> bool {
    LOCAL.iter().any(|local| {
        let Some((name, rest)) = authority.split_at_checked(local.len()) else { return false };
        name.eq_ignore_ascii_case(local)
            && (rest.is_empty()
                || rest.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_host_with_any_port_is_local() {
        for good in ["localhost", "LOCALHOST:9100", "127.0.0.1:1", "[::1]:9100", "[::1]"] {
            assert!(names_this_host(good), "{good}");
        }
        for bad in [
            "",
            "evil.example",
            "localhost.evil.example",
            "localhost:",
            "localhost:x",
            "127.0.0.10",
            "::1",
            "user@localhost",
            "localhost:9100:1",
            "127.0.0.1:99999",
        ] {
            assert!(!names_this_host(bad), "{bad}");
        }
    }

    #[test]
    fn one_host_and_no_foreign_target() {
        let with = |hosts: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for host in hosts {
                headers.append(HOST, host.parse().unwrap());
            }
            headers
        };
        let path: Uri = "/health".parse().unwrap();
        assert!(is_local(&path, &with(&["localhost"])));
        assert!(!is_local(&path, &with(&[])));
        assert!(!is_local(&path, &with(&["localhost", "localhost"])));
        let foreign: Uri = "http://evil.example/health".parse().unwrap();
        assert!(!is_local(&foreign, &with(&["localhost"])));
    }
}
