//! MLflow on SageMaker: ARNs of both kinds, and the store that keeps one
//! unspent presigned URL at hand. See ARCHITECTURE.md.

use std::sync::Arc;

/// A tracking resource, from its ARN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TrackingResource {
    /// `arn:…:mlflow-tracking-server/<name>`
    Server {
        /// Whole ARN.
        arn: String,
        /// Region.
        region: String,
        /// Name.
        name: String,
    },
    /// `arn:…:mlflow-app/<id>`
    App {
        /// Whole ARN.
        arn: String,
        /// Region.
        region: String,
        /// Id.
        id: String,
    },
}

/// Why a text is no tracking ARN.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{given:?} is no MLflow tracking ARN: {why} (expected arn:aws:sagemaker:REGION:ACCOUNT:mlflow-tracking-server/NAME or …:mlflow-app/ID)"
)]
pub struct ArnError {
    /// As given.
    pub given: String,
    /// What is wrong.
    pub why: &'static str,
}

/// A failed mint.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct MintError {
    /// Access was denied (retrying soon is pointless).
    pub denied: bool,
    /// Text without any secret.
    pub message: String,
}

/// Makes presigned URLs.
#[async_trait::async_trait]
pub trait Minter: Send + Sync {
    /// One single-use URL living `expires_secs`, opening a session of `session_secs`.
    async fn mint(&self, expires_secs: u32, session_secs: u32) -> Result<String, MintError>;
}

/// A presigned URL. It is a credential: `Debug` does not show it.
pub struct PresignedUrl(String);

impl PresignedUrl {
    /// The URL, to hand out once.
    #[must_use]
    pub fn reveal(self) -> String {
        self.0
    }
}

/// What can be shown of the keeper.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeeperStatus {
    /// An unspent URL with at least 60 s to live is at hand.
    pub ready: bool,
    /// URLs minted.
    pub minted: u64,
    /// URLs handed out.
    pub handed_out: u64,
    /// Last failure since the last success: denied or not, and its text.
    pub last_error: Option<(bool, String)>,
}

/// Keeps one unspent URL at hand.
pub struct UrlKeeper {
    _minter: Arc<dyn Minter>,
}

impl UrlKeeper {
    /// A keeper; nothing is minted before `run`.
    #[must_use]
    pub fn new(minter: Arc<dyn Minter>, _session_secs: u32) -> Arc<Self> {
        Arc::new(Self { _minter: minter })
    }

    /// Mints and renews until dropped.
    pub async fn run(self: Arc<Self>) {}

    /// Takes the URL at hand, or mints one; the next is minted at once.
    ///
    /// # Errors
    /// If none is at hand and minting fails.
    pub async fn take(&self) -> Result<PresignedUrl, MintError> {
        Err(MintError { denied: false, message: String::new() })
    }

    /// What can be shown.
    #[must_use]
    pub fn status(&self) -> KeeperStatus {
        KeeperStatus::default()
    }
}
