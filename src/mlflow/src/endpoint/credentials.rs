//! The node's credentials, fetched once and renewed ahead of their end.

use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use std::error::Error;
use std::time::{Duration, SystemTime};
use tokio::sync::Mutex;

/// EC2 has new ones ready at least five minutes before the old ones end (EC2 User
/// Guide, "IAM roles for Amazon EC2").
const MARGIN: Duration = Duration::from_secs(300);
/// The metadata service answers in milliseconds or not at all.
const PATIENCE: Duration = Duration::from_secs(10);

/// Who the node is.
#[derive(Debug)]
pub(super) struct Identity {
    provider: SharedCredentialsProvider,
    cached: Mutex<Option<Credentials>>,
}

impl Identity {
    pub fn new(provider: SharedCredentialsProvider) -> Self {
        Self { provider, cached: Mutex::new(None) }
    }

    /// Credentials that are good for a while; those that are left where there are
    /// no others.
    ///
    /// # Errors
    /// With the reason where there are none.
    pub async fn get(&self) -> Result<Credentials, String> {
        let mut cached = self.cached.lock().await;
        let now = SystemTime::now();
        let good = |it: &Credentials, until| it.expiry().is_none_or(|expiry| expiry > until);
        if let Some(it) = cached.as_ref().filter(|it| good(it, now + MARGIN)) {
            return Ok(it.clone());
        }
        match self.fetch().await {
            Ok(fetched) => Ok(cached.insert(fetched).clone()),
            Err(why) => cached.clone().filter(|it| good(it, now)).ok_or(why),
        }
    }

    /// The server does not take these any more: the next are asked for anew.
    pub async fn spent(&self, credentials: &Credentials) {
        let mut cached = self.cached.lock().await;
        // Another request may have renewed them meanwhile.
        if cached.as_ref().is_some_and(|it| it.access_key_id() == credentials.access_key_id()) {
            *cached = None;
        }
    }

    async fn fetch(&self) -> Result<Credentials, String> {
        match tokio::time::timeout(PATIENCE, self.provider.provide_credentials()).await {
            Ok(Ok(credentials)) => Ok(credentials),
            Ok(Err(error)) => Err(innermost(&error)),
            Err(_) => Err(format!("no answer for {} s", PATIENCE.as_secs())),
        }
    }
}

/// The cause of all causes; what is around it says less.
pub(super) fn innermost(error: &dyn Error) -> String {
    let mut inner = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}
