//! Whether the service takes bodies whose hash is not under the signature, so that
//! they can be sent while they still come. It is documented for S3 only, so it is
//! asked for once, with a small question; who is refused is signed in full.

use super::attempt::{Refused, SKEWED, SPENT};
use super::{Endpoint, probe};
use http::StatusCode;
use tokio::sync::Mutex;

/// In the place of the hash (IAM User Guide, "Create a signed AWS API request").
pub(super) const UNSIGNED: &str = "UNSIGNED-PAYLOAD";
/// AWS's words where it is not taken.
pub(super) const FORGED: [&str; 3] =
    ["signature we calculated does not match", "SignatureDoesNotMatch", "InvalidSignature"];

/// What is known of it.
#[derive(Debug, Default)]
pub(super) struct Unsigned(Mutex<Option<bool>>);

impl Endpoint {
    /// Whether it does; the first who asks finds out, and the others wait for it.
    pub(super) async fn takes_unsigned(&self) -> bool {
        // Without TLS only the hash keeps others from changing the body on its way.
        if !self.upstream.is_private() {
            return false;
        }
        let mut known = self.unsigned.0.lock().await;
        if known.is_none() {
            *known = self.ask_unsigned().await;
        }
        known.unwrap_or(false)
    }

    /// It does not.
    pub(super) async fn signed_only(&self) {
        *self.unsigned.0.lock().await = Some(false);
    }

    /// `None` where the answer is about something else.
    async fn ask_unsigned(&self) -> Option<bool> {
        let (head, payload) = probe()?;
        let credentials = self.identity.get().await.ok()?;
        self.state.sent(false);
        let answer = self.attempt(&head, &payload, UNSIGNED, credentials).await.ok()?.ok()?;
        if answer.status().is_success() {
            tracing::info!("bodies that are not signed are taken: large ones are streamed");
            return Some(true);
        }
        let forbidden = answer.status() == StatusCode::FORBIDDEN;
        let refused = Refused::read(answer, self.limits.attempt).await.ok()?;
        let other = refused.says(&SKEWED) || refused.says(&SPENT);
        let forged = !other && (forbidden || refused.says(&FORGED));
        if forged {
            tracing::info!("bodies have to be signed: large ones are stored before they are sent");
        }
        forged.then_some(false)
    }
}
