//! What is recorded of S3: all that its model describes, never what is in an
//! object. Bodies are kept only where they are XML of the service.

use super::{Answered, Asked, kept, redact};
use http::{HeaderMap, Method, request, response};

/// Largest request body that is kept: a thousand keys to delete are less.
pub const KEPT_BYTES: usize = 2 << 20;

/// Headers beside `x-amz-…` that the model has.
const HEADERS: &[&str] = &[
    "accept-ranges",
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-length",
    "content-md5",
    "content-range",
    "content-type",
    "etag",
    "expires",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-unmodified-since",
    "last-modified",
    "location",
    "range",
    "user-agent",
];
/// Headers that are a credential. Where an object is encrypted with a key of
/// the client's, the key stands in the header of that name.
const SECRET_HEADERS: &[&str] = &["x-amz-security-token", "server-side-encryption-customer-key"];
/// Parts of an object that are written as XML.
const XML_PARTS: &[&str] = &["acl", "legal-hold", "retention", "tagging"];
/// Operations that answer with what is in an object.
const CONTENTS: &[&str] =
    &["GetObject", "GetObjectTorrent", "GetObjectAnnotation", "SelectObjectContent"];

/// Whether a request's body is XML of the service, and small enough.
pub fn keeps_request(parts: &request::Parts) -> bool {
    let query = parts.uri.query().unwrap_or_default();
    let names = || query.split('&').filter_map(|pair| pair.split('=').next());
    let has = |name: &str| names().any(|given| given == name);
    let path = parts.uri.path().trim_start_matches('/');
    let of_object = path.split_once('/').is_some_and(|(_, key)| !key.is_empty());
    let xml = match parts.method {
        Method::PUT if !of_object => true,
        Method::PUT => !has("uploadId") && names().any(|name| XML_PARTS.contains(&name)),
        Method::POST => of_object || has("delete"),
        _ => false,
    };
    let length = parts.headers.get("content-length").and_then(|value| value.to_str().ok());
    xml && length
        .and_then(|text| text.parse().ok())
        .is_some_and(|length: usize| length <= KEPT_BYTES)
}

/// Whether an answer's body is XML of the service; what answers a HEAD has none.
pub fn keeps_answer(method: &Method, operation: Option<&str>, parts: &response::Parts) -> bool {
    let contents = operation.is_none_or(|operation| CONTENTS.contains(&operation));
    method != Method::HEAD && !(parts.status.is_success() && contents)
}

impl Asked {
    /// A request of S3, and its body if it is kept.
    #[must_use]
    pub fn object(parts: &request::Parts, body: Option<&[u8]>) -> Self {
        Self {
            method: parts.method.to_string(),
            path: parts.uri.path().to_owned(),
            query: redact::presigned(parts.uri.query().unwrap_or_default()),
            headers: kept(&parts.headers, described),
            body: body.map(|body| redact::body(&String::from_utf8_lossy(body))),
        }
    }
}

impl Answered {
    /// An answer of S3, and its body if it is kept.
    #[must_use]
    pub fn object(status: u16, headers: &HeaderMap, body: Option<&[u8]>) -> Self {
        Self {
            status,
            headers: kept(headers, described),
            body: body.map(|body| redact::body(&String::from_utf8_lossy(body))),
        }
    }
}

fn described(name: &str) -> bool {
    let secret = SECRET_HEADERS.iter().any(|secret| name.ends_with(secret));
    HEADERS.contains(&name) || (name.starts_with("x-amz-") && !secret)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    fn keeps(method: &str, uri: &str, length: usize) -> bool {
        let request =
            Request::builder().method(method).uri(uri).header("content-length", length).body(());
        keeps_request(&request.unwrap().into_parts().0)
    }

    #[test]
    fn contents_of_objects_are_never_kept() {
        for (method, uri) in [
            ("PUT", "/b"),
            ("PUT", "/b?tagging"),
            ("PUT", "/b/k?tagging"),
            ("POST", "/b?delete"),
            ("POST", "/b/k?uploadId=u"),
        ] {
            assert!(keeps(method, uri, 1), "{method} {uri}");
            assert!(!keeps(method, uri, KEPT_BYTES + 1), "{method} {uri}");
        }
        for (method, uri) in [
            ("PUT", "/b/k"),
            ("PUT", "/b/k?partNumber=1&uploadId=u"),
            ("PUT", "/b/k?tagging&uploadId=u"),
            ("POST", "/b"),
        ] {
            assert!(!keeps(method, uri, 1), "{method} {uri}");
        }
        let (mut parts, ()) = http::Response::new(()).into_parts();
        assert!(!keeps_answer(&Method::GET, Some("GetObject"), &parts));
        assert!(!keeps_answer(&Method::GET, None, &parts));
        assert!(keeps_answer(&Method::GET, Some("ListObjectsV2"), &parts));
        parts.status = http::StatusCode::NOT_FOUND;
        assert!(keeps_answer(&Method::GET, Some("GetObject"), &parts));
        assert!(!keeps_answer(&Method::HEAD, Some("HeadObject"), &parts));
    }

    #[test]
    fn credentials_are_no_part_of_what_is_described() {
        for secret in [
            "authorization",
            "x-amz-security-token",
            "x-amz-server-side-encryption-customer-key",
            "x-amz-copy-source-server-side-encryption-customer-key",
        ] {
            assert!(!described(secret), "{secret}");
        }
        for name in ["x-amz-meta-m", "x-amz-server-side-encryption-customer-key-md5", "range"] {
            assert!(described(name), "{name}");
        }
    }
}
