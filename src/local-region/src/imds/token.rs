//! Session tokens: random, valid for the seconds they were asked for, only at
//! the instance that asked.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;
use sha2::{Digest, Sha256};

/// Tokens of one instance, by digest, so a memory dump holds no live token
/// and look-up time tells nothing.
#[derive(Default)]
pub(super) struct Tokens {
    expiry: Mutex<HashMap<[u8; 32], Instant>>,
}

impl Tokens {
    /// A new token.
    pub(super) fn issue(&self, ttl_secs: u32) -> String {
        let token = URL_SAFE.encode(rand::random::<[u8; 42]>());
        let now = Instant::now();
        let mut expiry = self.expiry.lock().unwrap_or_else(|e| e.into_inner());
        expiry.retain(|_, until| *until > now);
        expiry.insert(digest(&token), now + Duration::from_secs(ttl_secs.into()));
        token
    }

    /// Whether a token was issued here and lives.
    pub(super) fn valid(&self, token: &str) -> bool {
        let expiry = self.expiry.lock().unwrap_or_else(|e| e.into_inner());
        expiry.get(&digest(token)).is_some_and(|until| *until > Instant::now())
    }
}

fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}
