//! Browser sessions that a presigned URL opened; in memory, since they end
//! with the region.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use http::{HeaderMap, header};

/// Name of the cookie.
const COOKIE: &str = "nixl-mlflow-session";

/// Sessions by their secret.
#[derive(Default)]
pub(super) struct Sessions {
    open: Mutex<HashMap<String, (String, Instant)>>,
}

impl Sessions {
    /// Opens a session for one server; the `Set-Cookie` value.
    pub(super) fn open(&self, server_key: &str, path: &str, length_secs: u64) -> String {
        let secret = hex::encode(rand::random::<[u8; 32]>());
        let now = Instant::now();
        let mut open = self.open.lock().unwrap_or_else(|e| e.into_inner());
        open.retain(|_, (_, until)| *until > now);
        let until = now + Duration::from_secs(length_secs);
        open.insert(secret.clone(), (server_key.to_owned(), until));
        format!("{COOKIE}={secret}; Path={path}; Max-Age={length_secs}; HttpOnly; SameSite=Lax")
    }

    /// Whether the request carries a live session of this server.
    pub(super) fn allows(&self, server_key: &str, headers: &HeaderMap) -> bool {
        let open = self.open.lock().unwrap_or_else(|e| e.into_inner());
        headers
            .get_all(header::COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(';'))
            .filter_map(|pair| pair.trim().strip_prefix(COOKIE)?.strip_prefix('='))
            .filter_map(|secret| open.get(secret))
            .any(|(key, until)| key == server_key && *until > Instant::now())
    }
}
