//! When to try again, and how long to pause.
//!
//! The SDK retries what every service calls a throttle. Image Builder has its
//! own words for it, and IAM's new profiles and roles take a while to be seen; every
//! creation carries a token or an unmistakable name, so repeating one is safe.

use nixl_aws::{AwsError, ErrorKind};
use std::time::Duration;

/// Pauses: the first, and the longest they grow to.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// First pause.
    pub first: Duration,
    /// Longest pause.
    pub longest: Duration,
    /// Tries of one call.
    pub tries: u32,
}

impl Default for Pace {
    fn default() -> Self {
        // 8 tries from 1 s, doubled to at most 15 s: 60 s in all, longer than
        // IAM usually takes to make a profile known.
        Self { first: Duration::from_secs(1), longest: Duration::from_secs(15), tries: 8 }
    }
}

impl Pace {
    /// The pause after `pause`.
    #[must_use]
    pub fn next(&self, pause: Duration) -> Duration {
        (pause * 2).min(self.longest)
    }

    /// The pause of who has seen no change for so long: a sixth of that, so that what
    /// takes seconds and what takes an hour are both seen soon after they end.
    #[must_use]
    pub fn after(&self, unchanged: Duration) -> Duration {
        (unchanged / 6).clamp(self.first, self.longest)
    }
}

/// What Image Builder says of a profile or role that it does not see yet.
const UNSEEN: [&str; 4] = ["nstance profile", "xecution role", "executionRole", "be assumed"];

/// Whether the same call may succeed later.
pub(super) fn may_pass(error: &AwsError) -> bool {
    let busy = error.is(&[
        "CallRateLimitExceededException",
        "ResourceInUseException",
        "ServiceException",
        "ServiceUnavailableException",
        "Throttling",
        "ThrottlingException",
        "RequestLimitExceeded",
        "TooManyRequestsException",
        "SlowDown",
    ]);
    let not_known_yet =
        error.is(&["InvalidParameterValueException", "InvalidRequestException", "ClientException"])
            && UNSEEN.iter().any(|text| error.message.contains(text));
    busy || not_known_yet || error.kind == ErrorKind::Ambiguous
}

/// Calls until it works, cannot work, or was tried often enough.
pub(crate) async fn retry<T, F, Fut>(pace: Pace, mut call: F) -> Result<T, AwsError>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T, AwsError>>,
{
    let mut pause = pace.first;
    let mut attempt = 0;
    loop {
        attempt += 1;
        match call().await {
            Err(error) if attempt < pace.tries && may_pass(&error) => {
                tracing::debug!(%error, attempt, "trying again");
                tokio::time::sleep(pause).await;
                pause = pace.next(pause);
            }
            result => return result,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_is_seen_soon_after() {
        let pace = Pace::default();
        let secs = |waited| pace.after(Duration::from_secs(waited)).as_secs();
        assert_eq!([0, 3, 12, 60, 3600].map(secs), [1, 1, 2, 10, 15]);
    }
}
