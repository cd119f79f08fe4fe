//! The connection to the server: one pool, reused by all requests.

use super::body::Sent;
use http::uri::{Authority, InvalidUri, PathAndQuery, Scheme};
use http::{Request, Response, Uri};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// A connect that takes longer is not going to succeed.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Below what load balancers keep an idle connection for (60 s is AWS's default).
const IDLE: Duration = Duration::from_secs(50);

/// Why there is no upstream.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    /// The URL is none.
    #[error(
        "{url:?} is no URL of a server: {why} (expected http://HOST[:PORT] or https://HOST[:PORT])"
    )]
    Url {
        /// As given.
        url: String,
        /// What is wrong.
        why: String,
    },
    /// The system's certificates cannot be read.
    #[error("no TLS: {0}")]
    Tls(String),
}

/// Where requests go.
#[derive(Debug, Clone)]
pub struct Upstream {
    client: Client<HttpsConnector<HttpConnector>, Sent>,
    scheme: Scheme,
    authority: Authority,
    /// In front of every path, without a slash at the end.
    prefix: String,
}

impl Upstream {
    /// The server at this URL.
    ///
    /// # Errors
    /// If it is no URL, or there are no certificates.
    pub fn new(url: &str) -> Result<Self, UpstreamError> {
        let bad = |why: String| UpstreamError::Url { url: url.to_owned(), why };
        let uri: Uri = url.parse().map_err(|error: InvalidUri| bad(error.to_string()))?;
        let parts = uri.into_parts();
        let scheme = parts.scheme.ok_or_else(|| bad("it has no scheme".to_owned()))?;
        if scheme != Scheme::HTTP && scheme != Scheme::HTTPS {
            return Err(bad(format!("its scheme is {scheme}")));
        }
        let authority = parts.authority.ok_or_else(|| bad("it has no host".to_owned()))?;
        if authority.as_str().contains('@') {
            return Err(bad("it has a user in it".to_owned()));
        }
        let path = parts.path_and_query.as_ref().map_or("/", PathAndQuery::as_str);
        if path.contains('?') {
            return Err(bad("it has a query".to_owned()));
        }
        let prefix = path.trim_end_matches('/').to_owned();
        Ok(Self { client: client()?, scheme, authority, prefix })
    }

    /// Whether nobody between can change what is sent: by TLS, or as it stays on this computer.
    pub(super) fn is_private(&self) -> bool {
        let host = self.authority.host().trim_matches(['[', ']']);
        self.scheme == Scheme::HTTPS
            || host == "localhost"
            || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
    }

    /// What `Host` says.
    pub(super) fn host(&self) -> &str {
        self.authority.as_str()
    }

    /// Where this path and query are. A `+` in a query is a blank; SigV4 would sign
    /// it as a plus.
    pub(super) fn uri(&self, path: &str, query: Option<&str>) -> Result<Uri, http::Error> {
        let mut whole = format!("{}{path}", self.prefix);
        if let Some(query) = query {
            whole.push('?');
            whole.push_str(&query.replace('+', "%20"));
        }
        Uri::builder()
            .scheme(self.scheme.clone())
            .authority(self.authority.clone())
            .path_and_query(whole)
            .build()
    }

    pub(super) async fn send(&self, request: Request<Sent>) -> Result<Response<Incoming>, Error> {
        self.client.request(request).await
    }
}

fn client() -> Result<Client<HttpsConnector<HttpConnector>, Sent>, UpstreamError> {
    let mut http = HttpConnector::new();
    http.set_connect_timeout(Some(CONNECT_TIMEOUT));
    http.set_nodelay(true);
    http.enforce_http(false);
    let https = HttpsConnectorBuilder::new()
        .with_provider_and_native_roots(Arc::new(rustls::crypto::ring::default_provider()))
        .map_err(|error| UpstreamError::Tls(error.to_string()))?
        .https_or_http()
        .enable_http1()
        .wrap_connector(http);
    Ok(Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE)
        .build(https))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_go_below_the_url_and_blanks_are_signed_as_such() {
        let at = |url: &str, path: &str, query: Option<&str>| {
            Upstream::new(url).unwrap().uri(path, query).unwrap().to_string()
        };
        assert_eq!(at("http://h:1", "/a", None), "http://h:1/a");
        assert_eq!(at("https://h/p/", "/a%20b", Some("x=1+2")), "https://h/p/a%20b?x=1%202");
    }

    #[test]
    fn what_leaves_this_computer_is_private_by_tls_only() {
        for (url, private) in [
            ("https://h", true),
            ("http://127.0.0.1:1", true),
            ("http://[::1]:1", true),
            ("http://localhost", true),
            ("http://10.0.0.1", false),
            ("http://localhost.example", false),
        ] {
            assert_eq!(Upstream::new(url).unwrap().is_private(), private, "{url}");
        }
    }

    #[test]
    fn nonsense_is_named() {
        for bad in ["", "h:1", "/a", "ftp://h", "http://u@h", "http://h/?x=1"] {
            assert!(matches!(Upstream::new(bad), Err(UpstreamError::Url { .. })), "{bad}");
        }
    }
}
