//! How often to look and how long to be patient, and the one loop that does it.

use super::{Clock, Stop};
use nixl_aws::{AwsError, Result};
use std::time::Duration;

/// Intervals and budgets.
#[derive(Debug, Clone)]
pub struct Pace {
    /// Where time comes from.
    pub clock: Clock,
    /// Ends all patience.
    pub stop: Stop,
    /// Between two looks at the nodes.
    pub poll: Duration,
    /// Longest time between two looks at the tracking server.
    pub poll_tracking: Duration,
    /// Between two questions to SSM.
    pub poll_ssm: Duration,
    /// For an SSM agent to come online: users see 2 to 5 minutes after a boot.
    pub ssm: Duration,
    /// For the daemons of a new pair to measure their link.
    pub link: Duration,
    /// For nodes to take note that what they warned of has passed, such as a
    /// tracking server that was still being created: their longest interval
    /// between two looks, and some.
    pub warnings: Duration,
    /// First wait before a repeat; doubles up to `retry_longest`.
    pub retry_first: Duration,
    /// Longest wait before a repeat.
    pub retry_longest: Duration,
    /// For a launch that gets no clear answer.
    pub unclear: Duration,
    /// For IAM to show a new role to EC2 and SageMaker: seconds as a rule.
    pub iam: Duration,
    /// For EC2 to show itself what was just made.
    pub consistency: Duration,
    /// For a launch that may have been sent to show up: as long as EC2 may need
    /// to show itself what was just made.
    pub settle: Duration,
    /// For nodes to run after a launch; bare metal takes minutes.
    pub arrival: Duration,
    /// For nodes to end and let go of what they hold.
    pub removal: Duration,
    /// For a tracking server: AWS says up to 25 minutes, users saw 30.
    pub tracking: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        let secs = Duration::from_secs;
        Self {
            clock: Clock::Real,
            stop: Stop::default(),
            poll: secs(1),
            poll_tracking: secs(15),
            poll_ssm: secs(3),
            ssm: secs(5 * 60),
            link: secs(60),
            warnings: secs(20),
            retry_first: Duration::from_millis(500),
            retry_longest: secs(10),
            unclear: secs(120),
            iam: secs(120),
            consistency: secs(60),
            settle: secs(60),
            arrival: secs(900),
            removal: secs(600),
            tracking: secs(45 * 60),
        }
    }
}

impl Pace {
    /// Repeats `call` while `again` says that a repeat may help and the budget
    /// lasts.
    pub(super) async fn patiently<T, F>(
        &self,
        budget: Duration,
        again: impl Fn(&AwsError) -> bool,
        mut call: F,
    ) -> Result<T>
    where
        F: AsyncFnMut() -> Result<T>,
    {
        let start = self.clock.now();
        let mut delay = self.retry_first;
        loop {
            match call().await {
                Err(error)
                    if again(&error)
                        && self.clock.since(start) + delay < budget
                        && !self.stop.is_asked() =>
                {
                    tracing::debug!(%error, delay_ms = delay.as_millis() as u64, "again");
                    self.clock.sleep(delay).await;
                    delay = (delay * 2).min(self.retry_longest);
                }
                other => return other,
            }
        }
    }
}
