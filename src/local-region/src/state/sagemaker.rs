//! MLflow tracking servers and their unspent presigned tokens.

use crate::api::tags::Tags;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

/// A tracking server.
#[derive(Debug, Clone)]
pub struct TrackingServer {
    /// Name.
    pub name: String,
    /// ARN.
    pub arn: String,
    /// Part of its URL.
    pub key: String,
    /// `Creating`, `Created`, `CreateFailed`, `Deleting`, `DeleteFailed`.
    pub status: &'static str,
    /// Loopback port once it answers.
    pub port: Option<u16>,
    /// Why creation failed.
    pub failure: Option<String>,
    /// `Small`, `Medium` or `Large`.
    pub size: String,
    /// Role.
    pub role_arn: String,
    /// `s3://bucket/prefix`
    pub artifact_store_uri: String,
    /// Seconds since 1970.
    pub created: f64,
    /// Seconds since 1970.
    pub modified: f64,
    /// Weekly window, if given.
    pub maintenance: Option<String>,
    /// Model registration flag.
    pub automatic_registration: bool,
    /// Tags.
    pub tags: Tags,
}

/// An unspent token.
#[derive(Debug, Clone)]
struct Token {
    server_name: String,
    expires: Instant,
    session_secs: u64,
}

/// All servers and tokens.
#[derive(Default)]
pub struct SageMaker {
    /// Servers by name.
    pub servers: BTreeMap<String, TrackingServer>,
    /// By SHA-256: the token itself is known to its bearer alone.
    tokens: HashMap<[u8; 32], Token>,
}

impl SageMaker {
    /// Remembers a fresh token.
    pub fn grant(&mut self, token: &str, server_name: &str, expires: Duration, session_secs: u64) {
        let now = Instant::now();
        self.tokens.retain(|_, token| token.expires > now);
        let token_kept =
            Token { server_name: server_name.to_owned(), expires: now + expires, session_secs };
        self.tokens.insert(Sha256::digest(token).into(), token_kept);
    }

    /// Spends a token for the server with this key.
    pub fn spend(&mut self, key: &str, token: &str, now: Instant) -> Option<(String, u64)> {
        let hash: [u8; 32] = Sha256::digest(token).into();
        let name = self.tokens.get(&hash)?.server_name.clone();
        if self.servers.get(&name)?.key != key {
            return None;
        }
        let token = self.tokens.remove(&hash)?;
        (token.expires > now).then_some((name, token.session_secs))
    }

    /// The server with this key.
    #[must_use]
    pub fn by_key(&self, key: &str) -> Option<&TrackingServer> {
        self.servers.values().find(|server| server.key == key)
    }
}
