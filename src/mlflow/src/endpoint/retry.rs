//! What may be sent again, and when.

use http::header::RETRY_AFTER;
use http::{HeaderMap, Method, StatusCode};
use rand::RngExt as _;
use std::time::Duration;

/// Longest wait before another attempt that the server did not ask for.
const LONGEST: Duration = Duration::from_secs(5);
/// Longest wait that a server may ask for; beyond it the client is told.
const LONGEST_ASKED: Duration = Duration::from_secs(20);
/// Last parts of the paths of what may be carried out twice (mlflow.md, measured:
/// the same point, parameter or tag once more changes nothing).
const TWICE: [&str; 7] = [
    "search",
    "log-metric",
    "log-parameter",
    "log-batch",
    "set-tag",
    "set-experiment-tag",
    "update",
];

/// Whether it may be carried out twice.
pub(super) fn may_repeat(method: &Method, path: &str) -> bool {
    match *method {
        Method::GET | Method::HEAD | Method::PUT => true,
        Method::POST => path.rsplit('/').next().is_some_and(|last| TWICE.contains(&last)),
        _ => false,
    }
}

/// Whether the same may be answered otherwise a moment later, given that it may be
/// repeated; 429 is given before anything is carried out.
pub(super) fn may_help(status: StatusCode, may_repeat: bool) -> bool {
    match status.as_u16() {
        429 => true,
        500 | 502 | 503 | 504 => may_repeat,
        _ => false,
    }
}

/// The wait before the attempt after the `attempt`-th; `None` if the server asks
/// for a longer one than a client should be kept.
pub(super) fn wait(
    first: Duration,
    attempt: u32,
    answered: Option<&HeaderMap>,
) -> Option<Duration> {
    let asked = answered
        .and_then(|headers| headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok())
        .map(Duration::from_secs);
    if asked.is_some_and(|asked| asked > LONGEST_ASKED) {
        return None;
    }
    let ours = first.saturating_mul(1 << attempt.saturating_sub(1).min(10)).min(LONGEST);
    Some(jittered(ours).max(asked.unwrap_or_default()))
}

/// ±20 %, so that nodes that began together do not go on together.
pub(super) fn jittered(wait: Duration) -> Duration {
    wait.mul_f64(rand::rng().random_range(0.8..=1.2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_changes_nothing_the_second_time_is_repeated() {
        let post = |path: &str| may_repeat(&Method::POST, path);
        assert!(post("/api/2.0/mlflow/runs/log-batch") && post("/api/2.0/mlflow/runs/search"));
        for once in
            ["runs/create", "experiments/create", "logged-models", "traces", "runs/log-inputs"]
        {
            assert!(!post(&format!("/api/2.0/mlflow/{once}")), "{once}");
        }
        assert!(may_repeat(&Method::GET, "/x") && !may_repeat(&Method::PATCH, "/x"));
        assert!(may_help(StatusCode::TOO_MANY_REQUESTS, false));
        assert!(
            !may_help(StatusCode::BAD_GATEWAY, false) && may_help(StatusCode::BAD_GATEWAY, true)
        );
        assert!(!may_help(StatusCode::BAD_REQUEST, true));
    }

    #[test]
    fn waits_double_and_what_the_server_asks_counts() {
        let first = Duration::from_millis(200);
        assert!(wait(first, 1, None).unwrap() <= Duration::from_millis(240));
        assert!(wait(first, 3, None).unwrap() >= Duration::from_millis(640));
        assert!(wait(first, u32::MAX, None).unwrap() <= LONGEST.mul_f64(1.2));
        let asked = |secs: &str| {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, secs.parse().unwrap())]);
            wait(first, 1, Some(&headers))
        };
        assert_eq!(asked("3"), Some(Duration::from_secs(3)));
        assert_eq!(asked("21"), None);
        assert!(asked("soon").unwrap() < LONGEST);
    }
}
