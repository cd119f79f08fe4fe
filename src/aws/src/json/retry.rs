//! When another attempt may help, and how long to wait before it: the SDKs'
//! standard mode. A call that is a read or names what it creates may be repeated
//! after a lost answer, which its error code then settles; one that does not is
//! repeated only if it was surely not carried out.

use crate::{AwsError, ErrorKind};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

const BASE: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(20);

const THROTTLING: &[&str] = &[
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "RequestThrottled",
    "RequestThrottledException",
    "RequestLimitExceeded",
    "TooManyRequestsException",
    "SlowDown",
];

/// Whether the same request may succeed a moment later.
pub(super) fn may_help(error: &AwsError) -> bool {
    match &error.kind {
        ErrorKind::Service { code, status } => {
            matches!(status, 429 | 500 | 502 | 503 | 504) || THROTTLING.contains(&code.as_str())
        }
        ErrorKind::Unreachable | ErrorKind::Ambiguous => true,
        ErrorKind::NoCredentials | ErrorKind::Invalid => false,
    }
}

/// Whether the request was refused before anything was done, and may succeed a
/// moment later.
#[cfg(any(feature = "ssm", feature = "sagemaker", test))]
pub(super) fn surely_not_carried_out(error: &AwsError) -> bool {
    match &error.kind {
        ErrorKind::Service { code, status } => {
            *status == 429 || THROTTLING.contains(&code.as_str())
        }
        ErrorKind::Unreachable => true,
        ErrorKind::Ambiguous | ErrorKind::NoCredentials | ErrorKind::Invalid => false,
    }
}

/// Wait after the `attempt`-th try (1 is the first): full jitter under a
/// doubling bound.
pub(super) fn backoff(attempt: u32) -> Duration {
    let bound = BASE.saturating_mul(1 << (attempt - 1).min(8)).min(LONGEST);
    // std's per-process random keys are random enough to spread retries.
    let random = RandomState::new().build_hasher().finish();
    bound.mul_f64(random as f64 / u64::MAX as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(kind: ErrorKind) -> AwsError {
        AwsError { service: "s", operation: "O", kind, message: String::new() }
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        let service =
            |code: &str, status| error(ErrorKind::Service { code: code.to_owned(), status });
        assert!(may_help(&service("ThrottlingException", 400)));
        assert!(may_help(&service("InternalFailure", 500)));
        assert!(may_help(&error(ErrorKind::Unreachable)));
        assert!(!may_help(&service("ValidationException", 400)));
        assert!(!may_help(&error(ErrorKind::NoCredentials)));
    }

    #[test]
    fn what_may_have_been_done_is_not_done_again() {
        let service =
            |code: &str, status| error(ErrorKind::Service { code: code.to_owned(), status });
        assert!(surely_not_carried_out(&service("ThrottlingException", 400)));
        assert!(surely_not_carried_out(&error(ErrorKind::Unreachable)));
        assert!(!surely_not_carried_out(&service("InternalServerError", 500)));
        assert!(!surely_not_carried_out(&error(ErrorKind::Ambiguous)));
    }

    #[test]
    fn waits_stay_under_their_bound() {
        for attempt in 1..40 {
            assert!(backoff(attempt) <= LONGEST);
        }
        assert!(backoff(1) <= BASE);
    }
}
