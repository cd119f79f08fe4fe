use std::net::Ipv4Addr;
use std::sync::Mutex;

use axum::body::to_bytes;
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;

use super::*;
use crate::backend::{Directory, InstanceView, SessionCredentials};
use crate::clock::Clock;

/// One server whose only token is `T`, once.
struct One {
    port: u16,
    unspent: Mutex<bool>,
    session_secs: u64,
}

impl Directory for One {
    fn instance(&self, _: &str) -> Option<InstanceView> {
        None
    }
    fn credentials(&self, _: &str) -> Option<SessionCredentials> {
        None
    }
    fn machine_ended(&self, _: &str, _: &str) {}
    fn spend_mlflow_token(&self, key: &str, token: &str) -> Option<u64> {
        let mut unspent = self.unspent.lock().unwrap();
        let good = key == "k" && token == "T" && *unspent;
        *unspent &= !good;
        good.then_some(self.session_secs)
    }
    fn mlflow_port(&self, key: &str) -> Option<u16> {
        (key == "k").then_some(self.port)
    }
}

/// A server that says what it was asked.
async fn echo_server() -> u16 {
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let app = Router::new().fallback(|request: Request| async move {
        let header = |name| {
            request.headers().get(name).map(|v: &HeaderValue| v.to_str().unwrap().to_owned())
        };
        format!(
            "{} host={:?} origin={:?} cookie={:?}",
            request.uri(),
            header("host"),
            header("origin"),
            header("cookie")
        )
    });
    tokio::spawn(axum::serve(listener, app).into_future());
    port
}

async fn front(session_secs: u64) -> (Router, u16) {
    let port = echo_server().await;
    let late = LateDirectory::default();
    let one: Arc<dyn Directory> = Arc::new(One { port, unspent: Mutex::new(true), session_secs });
    assert!(late.set(one).is_ok());
    (router(late, Clock::default()), port)
}

async fn get(router: &Router, path: &str, cookie: Option<&str>) -> (u16, http::HeaderMap, String) {
    let mut request =
        Request::builder().uri(path).header("host", "evil").header("origin", "http://evil");
    if let Some(cookie) = cookie {
        request = request.header("cookie", cookie);
    }
    let request = request.body(Body::empty()).unwrap();
    let response = TowerToHyperService::new(router.clone()).call(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, 1 << 20).await.unwrap();
    (parts.status.as_u16(), parts.headers, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn a_url_opens_once_and_the_cookie_leads_to_the_server() {
    let (router, port) = front(60).await;
    assert_eq!(get(&router, "/_mlflow/k/", None).await.0, 403);
    assert_eq!(get(&router, "/_mlflow/k/auth?authToken=wrong", None).await.0, 403);
    let (status, headers, _) = get(&router, "/_mlflow/k/auth?authToken=T", None).await;
    assert_eq!((status, headers["location"].to_str().unwrap()), (302, "/_mlflow/k/"));
    let cookie = headers["set-cookie"].to_str().unwrap().to_owned();
    for part in ["HttpOnly", "SameSite=Lax", "Path=/_mlflow/k", "Max-Age=60"] {
        assert!(cookie.contains(part), "{part} in {cookie}");
    }
    let cookie = cookie.split(';').next().unwrap();
    let (status, _, body) = get(&router, "/_mlflow/k/ajax-api/x?y=1", Some(cookie)).await;
    assert_eq!(status, 200);
    assert_eq!(
        body,
        format!("/ajax-api/x?y=1 host=Some(\"127.0.0.1:{port}\") origin=None cookie=None")
    );
    let (status, _, body) = get(&router, "/_mlflow/k/auth?authToken=T", Some(cookie)).await;
    assert_eq!(status, 403);
    assert!(body.contains("already opened"), "{body}");
    assert_eq!(get(&router, "/_mlflow/other/", Some(cookie)).await.0, 403);
}

#[tokio::test]
async fn a_session_ends() {
    let (router, _) = front(0).await;
    let (_, headers, _) = get(&router, "/_mlflow/k/auth?authToken=T", None).await;
    let cookie = headers["set-cookie"].to_str().unwrap().to_owned();
    let cookie = cookie.split(';').next().unwrap();
    assert_eq!(get(&router, "/_mlflow/k/", Some(cookie)).await.0, 403);
}
