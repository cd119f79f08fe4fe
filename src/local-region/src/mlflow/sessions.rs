//! Browser sessions that a presigned URL opened; in memory, since they end
//! with the region.

use std::collections::HashMap;
use std::sync::Mutex;

use http::{HeaderMap, header};
use jiff::{SignedDuration, Timestamp};

use crate::clock::Clock;

/// Name of the cookie.
const COOKIE: &str = "nixl-mlflow-session";

/// Sessions by their secret.
pub(super) struct Sessions {
    clock: Clock,
    open: Mutex<HashMap<String, (String, Timestamp)>>,
}

impl Sessions {
    /// None yet; they end by this clock.
    pub(super) fn new(clock: Clock) -> Self {
        Self { clock, open: Mutex::default() }
    }

    /// Opens a session for one server; the `Set-Cookie` value.
    pub(super) fn open(&self, server_key: &str, path: &str, length_secs: u64) -> String {
        let secret = hex::encode(rand::random::<[u8; 32]>());
        let now = self.clock.now();
        let mut open = self.open.lock().unwrap_or_else(|e| e.into_inner());
        open.retain(|_, (_, until)| *until > now);
        let length = SignedDuration::from_secs(i64::try_from(length_secs).unwrap_or(i64::MAX));
        let until = now.checked_add(length).unwrap_or(now);
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
            .any(|(key, until)| key == server_key && *until > self.clock.now())
    }
}
