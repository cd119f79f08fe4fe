//! MLflow tracking servers, MLflow Apps and their unspent presigned tokens.

use crate::api::tags::Tags;
use crate::backend::Artifacts;
use crate::rules::{Rules, mlflow_urls};
use jiff::Timestamp;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap};

/// Where a server or an app stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // AWS's own names
pub enum Status {
    Creating,
    Created,
    CreateFailed,
    Updating,
    Updated,
    UpdateFailed,
    Stopping,
    Stopped,
    StopFailed,
    Starting,
    Started,
    StartFailed,
    Deleting,
    DeleteFailed,
}

impl Status {
    /// As the API tells it.
    #[must_use]
    pub fn told(self) -> String {
        format!("{self:?}")
    }

    /// Whether something is being done to it.
    #[must_use]
    pub fn is_busy(self) -> bool {
        use Status as S;
        matches!(self, S::Creating | S::Updating | S::Stopping | S::Starting | S::Deleting)
    }
}

/// What servers and apps have in common: an `mlflow server` behind a key.
#[derive(Debug, Clone)]
pub struct Served {
    /// Name in requests; not unique for apps.
    pub name: String,
    /// ARN.
    pub arn: String,
    /// Part of its URL.
    pub key: String,
    /// Name of its process and store.
    pub process: String,
    /// Where it stands.
    pub status: Status,
    /// Loopback port while it answers.
    pub port: Option<u16>,
    /// Why the last change failed.
    pub failure: Option<String>,
    /// Role.
    pub role_arn: String,
    /// `s3://bucket/prefix`
    pub artifact_store_uri: String,
    /// When it was made.
    pub created: Timestamp,
    /// When it was changed.
    pub modified: Timestamp,
    /// Weekly window, if given.
    pub maintenance: Option<String>,
    /// Tags.
    pub tags: Tags,
}

impl Served {
    /// Whether it can be used.
    #[must_use]
    pub fn is_active(&self) -> bool {
        use Status as S;
        let settled = matches!(self.status, S::Created | S::Updated | S::UpdateFailed | S::Started);
        settled && self.port.is_some()
    }
}

/// A tracking server.
#[derive(Debug, Clone)]
pub struct TrackingServer {
    /// What it shares with apps.
    pub served: Served,
    /// `Small`, `Medium` or `Large`.
    pub size: String,
    /// Model registration flag.
    pub automatic_registration: bool,
    /// Owner of the bucket, if told.
    pub bucket_owner: Option<String>,
    /// Whether the owner of the bucket is verified.
    pub verifies_bucket_owner: bool,
}

/// An MLflow App.
#[derive(Debug, Clone)]
pub struct App {
    /// What it shares with servers.
    pub served: Served,
    /// `AutoModelRegistrationEnabled` or `…Disabled`.
    pub registration_mode: String,
    /// `ENABLED` or `DISABLED`.
    pub account_default: String,
    /// Domains whose default it is.
    pub default_domains: Value,
}

/// An unspent token.
#[derive(Debug, Clone)]
struct Token {
    key: String,
    expires: Timestamp,
    session_secs: u64,
}

/// All servers, apps and tokens.
#[derive(Default)]
pub struct SageMaker {
    /// Servers by name.
    pub servers: BTreeMap<String, TrackingServer>,
    /// Apps by ARN.
    pub apps: BTreeMap<String, App>,
    /// Who hands out artifacts of servers that start.
    pub artifacts: Artifacts,
    /// By SHA-256: the token itself is known to its bearer alone.
    tokens: HashMap<[u8; 32], Token>,
}

impl SageMaker {
    /// Remembers a fresh token.
    pub fn grant(&mut self, token: &str, key: &str, expires: Timestamp, session_secs: u64) {
        let token_kept = Token { key: key.to_owned(), expires, session_secs };
        self.tokens.insert(Sha256::digest(token).into(), token_kept);
    }

    /// Spends a token for what has this key: the length of the session in seconds.
    pub fn spend(&mut self, key: &str, token: &str, now: Timestamp, rules: &Rules) -> Option<u64> {
        if rules.on(&mlflow_urls::EXPIRES) {
            self.tokens.retain(|_, token| token.expires > now);
        }
        let hash: [u8; 32] = Sha256::digest(token).into();
        let session_secs = self.tokens.get(&hash).filter(|token| token.key == key)?.session_secs;
        if rules.on(&mlflow_urls::ONCE) {
            self.tokens.remove(&hash);
        }
        Some(session_secs)
    }

    /// Everything that has a process.
    pub fn served(&self) -> impl Iterator<Item = &Served> {
        let servers = self.servers.values().map(|server| &server.served);
        servers.chain(self.apps.values().map(|app| &app.served))
    }

    /// What has this key.
    #[must_use]
    pub fn by_key(&self, key: &str) -> Option<&Served> {
        self.served().find(|served| served.key == key)
    }

    /// What this is true of, to change it.
    pub fn find_mut(&mut self, is: impl Fn(&Served) -> bool) -> Option<&mut Served> {
        let servers = self.servers.values_mut().map(|server| &mut server.served);
        servers.chain(self.apps.values_mut().map(|app| &mut app.served)).find(|served| is(served))
    }

    /// Forgets what has this key.
    pub fn remove(&mut self, key: &str) {
        self.servers.retain(|_, server| server.served.key != key);
        self.apps.retain(|_, app| app.served.key != key);
    }
}
