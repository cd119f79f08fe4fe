//! Passes a request on to an `mlflow server` on this computer.

use axum::body::Body;
use axum::extract::Request;
use http::{HeaderName, HeaderValue, Response, StatusCode, Uri, header};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use std::time::Duration;

/// The server itself closes a connection after 5 s (uvicorn); one is not used
/// again when that may be under way.
const IDLE: Duration = Duration::from_secs(3);

/// Headers that are no affair of the server behind: what concerns one
/// connection, and what its own checks against browsers look at. Who may come
/// in was decided before.
const DROPPED: [HeaderName; 6] = [
    header::ORIGIN,
    header::REFERER,
    header::COOKIE,
    header::CONNECTION,
    header::UPGRADE,
    header::EXPECT,
];

/// Why a request was not passed on.
#[derive(Debug, thiserror::Error)]
pub enum ForwardError {
    /// The path cannot be one of a URI.
    #[error("the path is not valid")]
    Path,
    /// The server does not answer, or the request's body failed.
    #[error(transparent)]
    Failed(#[from] hyper_util::client::legacy::Error),
}

impl ForwardError {
    /// Status of the answer.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Path => StatusCode::BAD_REQUEST,
            Self::Failed(_) => StatusCode::BAD_GATEWAY,
        }
    }
}

/// Connections to servers on this computer, kept for the next request.
#[derive(Clone)]
pub struct Forward(Client<HttpConnector, Body>);

impl Default for Forward {
    fn default() -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Self(Client::builder(TokioExecutor::new()).pool_idle_timeout(IDLE).build(connector))
    }
}

impl Forward {
    /// Sends the request to a port, with another path, and streams both bodies.
    ///
    /// # Errors
    /// If the server cannot be asked.
    pub async fn to(
        &self,
        mut request: Request,
        path: &str,
        port: u16,
    ) -> Result<Response<Body>, ForwardError> {
        let authority = format!("127.0.0.1:{port}");
        let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
        let uri = Uri::builder().scheme("http").authority(authority.as_str());
        let uri = uri.path_and_query(format!("{path}{query}")).build();
        *request.uri_mut() = uri.map_err(|_| ForwardError::Path)?;
        *request.version_mut() = http::Version::HTTP_11;
        let headers = request.headers_mut();
        for name in DROPPED {
            headers.remove(name);
        }
        if let Ok(host) = HeaderValue::from_str(&authority) {
            headers.insert(header::HOST, host);
        }
        let mut response = self.0.request(request).await?;
        response.headers_mut().remove(header::CONNECTION);
        Ok(response.map(Body::new))
    }
}
