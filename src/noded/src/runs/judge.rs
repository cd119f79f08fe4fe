//! What is said of the runs on /health.

use crate::board::Reading;
use crate::mlflow::permission::permission;
use jiff::{SignedDuration, Timestamp};
use nixl_cluster::reason;
use nixl_mlflow::TrackingResource;
use nixl_tracking::spool::Summary;
use nixl_tracking::{Failing, UploadError};
use std::time::Duration;

/// A server that starts anew, or an endpoint that does at boot, is no news.
const GRACE: Duration = Duration::from_secs(15);
/// How long a loss is told.
const TELL_LOSS: SignedDuration = SignedDuration::from_hours(1);

/// How logging goes.
#[derive(Debug, Clone, Default)]
pub(super) struct Standing {
    /// What the spool holds.
    pub summary: Summary,
    /// What is in the way of delivering.
    pub failing: Option<Failing>,
    /// What is in the way of keeping.
    pub disk: Option<String>,
}

pub(super) fn judge(
    standing: &Standing,
    resource: Option<&TrackingResource>,
    now: Timestamp,
) -> Reading {
    let Standing { summary, failing, disk } = standing;
    let (waiting, counts) = (summary.waiting, &summary.counts);
    let value = format!("{waiting} waiting, {} delivered", counts.delivered);
    let lasting = failing.as_ref().filter(|failing| failing.since.elapsed() >= GRACE);
    let lost_lately = counts.lost_at_millis.is_some_and(|at| {
        Timestamp::from_millisecond(at).is_ok_and(|at| now.duration_since(at) < TELL_LOSS)
    });
    let reading = if let Some(why) = disk {
        Reading::bad(&reason::MLFLOW_SPOOL_FAILED, why.as_str())
    } else if let Some(failing) = lasting {
        let evidence = format!("{waiting} wait: {}", told(&failing.error, resource));
        Reading::bad(&reason::MLFLOW_RUNS_WAITING, evidence)
    } else if lost_lately {
        let (dropped, rejected, damaged) = (counts.dropped, counts.rejected, counts.damaged);
        let why = counts.rejected_why.as_ref().map_or(String::new(), |why| format!(" ({why})"));
        let evidence = format!(
            "so far {dropped} gave way to newer ones, {rejected} were refused{why}, {damaged} were unreadable"
        );
        Reading::bad(&reason::MLFLOW_RUNS_LOST, evidence)
    } else {
        return Reading::good(value);
    };
    reading.value(value)
}

fn told(error: &UploadError, resource: Option<&TrackingResource>) -> String {
    match (error, resource) {
        (UploadError::Call(call), Some(resource)) if call.is_denied() => {
            format!("{call}; allow {}", permission(resource, call.call))
        }
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nixl_tracking::{Call, CallError, Failure};
    use std::sync::Arc;
    use std::time::Instant;

    fn denied(age: Duration) -> Option<Failing> {
        let failure = Failure::Refused {
            status: 403,
            code: None,
            message: "no".to_owned(),
            retry_after: None,
        };
        let error = UploadError::Call(CallError { call: Call::CreateRun, failure });
        Some(Failing { since: Instant::now().checked_sub(age)?, error: Arc::new(error) })
    }

    #[test]
    fn what_hurts_most_is_told() {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let app = "arn:aws:sagemaker:us-east-1:111122223333:mlflow-app/app-1".parse().unwrap();
        let judge = |standing: &Standing| judge(standing, Some(&app), now);
        let mut standing = Standing::default();
        standing.summary.waiting = 2;
        assert_eq!(judge(&standing), Reading::good("2 waiting, 0 delivered"));
        standing.failing = denied(Duration::ZERO);
        assert_eq!(judge(&standing).code(), None, "not yet");

        standing.summary.counts.dropped = 3;
        standing.summary.counts.lost_at_millis = Some(now.as_millisecond() - 1000);
        assert_eq!(judge(&standing).code(), Some("mlflow.runs_lost"));
        standing.summary.counts.lost_at_millis = Some(now.as_millisecond() - 3_700_000);
        assert_eq!(judge(&standing).code(), None, "long ago");

        standing.failing = denied(GRACE);
        let (reason, evidence) = judge(&standing).reason.unwrap();
        assert_eq!(reason.code, "mlflow.runs_waiting");
        assert!(evidence.starts_with("2 wait: runs/create: 403"), "{evidence}");
        assert!(evidence.contains("allow sagemaker:CallMlflowAppApi on arn"), "{evidence}");

        standing.disk = Some("full".to_owned());
        assert_eq!(judge(&standing).code(), Some("mlflow.spool_failed"));
    }
}
