//! MLflow of the cluster, removed: server or App until it is gone, then what would have
//! stopped it, then the role, then the bucket. "Don't delete the IAM role until you've deleted the tracking
//! server itself" (SageMaker developer guide, clean up MLflow resources).

use super::Engine;
use super::inventory::Mlflow;
use super::tracking::FIRST_POLL;
use crate::errors;
use crate::failure::Problem;
use crate::plan::{bucket_tags, is_ours};
use nixl_aws::AwsError;
use nixl_aws::sagemaker::Mlflow as Found;

/// "Tracking Server is in un-deletable state (CREATING), so it cannot be deleted."
fn not_deletable_yet(error: &AwsError) -> bool {
    errors::is(error, &["ConflictException"])
        || error.is(&["ValidationException"]) && error.message.contains("un-deletable")
        || errors::passes(error)
}

impl Engine<'_> {
    /// Removes it; the bucket with all that is in it only if that is wanted.
    pub(super) async fn remove_mlflow(
        &self,
        mlflow: &Mlflow,
        with_bucket: bool,
    ) -> Result<(), Problem> {
        if let Some(name) = &mlflow.server {
            self.remove_server(name).await?;
        }
        let apps = mlflow.apps.iter().map(|app| self.remove_app(app));
        futures_util::future::join_all(apps).await.into_iter().collect::<Result<(), Problem>>()?;
        let buckets = &self.services.buckets;
        if let Some((bucket, tags)) = &mlflow.bucket
            && !is_ours(&self.cluster, tags)
        {
            // So far the role was its only record.
            let tags = bucket_tags(Some(tags), &self.cluster, None);
            let call = async || buckets.tag(bucket, &tags).await;
            self.pace.patiently(self.pace.consistency, errors::passes, call).await?;
        }
        if let Some(group) = &mlflow.stop_group {
            self.remove_schedules(group).await?;
        }
        for role in mlflow.stop_role.iter().chain(&mlflow.role) {
            self.delete_role(&role.name).await?;
        }
        if let Some((bucket, _)) = mlflow.bucket.as_ref().filter(|_| with_bucket) {
            let call = async || {
                buckets.empty(bucket).await?;
                buckets.delete(bucket).await
            };
            self.removed(self.pace.patiently(self.pace.removal, super::down::later, call).await)?;
            self.progress.told(&format!("S3 bucket {bucket} removed"));
        }
        Ok(())
    }

    async fn remove_app(&self, app: &Found) -> Result<(), Problem> {
        self.progress.doing(&app.label(), "deleting");
        self.delete_app(&app.arn).await?;
        let sagemaker = &self.services.sagemaker;
        self.gone(&app.label(), async || sagemaker.describe_app(&app.arn).await).await
    }

    /// Starts deletion, as soon as SageMaker lets it.
    pub(super) async fn delete_app(&self, arn: &str) -> Result<(), Problem> {
        let sagemaker = &self.services.sagemaker;
        let call = async || match sagemaker.describe_app(arn).await? {
            Some(app) if app.status != crate::plan::DELETING => sagemaker.delete_app(arn).await,
            _ => Ok(()),
        };
        Ok(self.pace.patiently(self.pace.tracking, not_deletable_yet, call).await?)
    }

    async fn remove_server(&self, name: &str) -> Result<(), Problem> {
        let sagemaker = &self.services.sagemaker;
        self.progress.doing(&format!("MLflow {name}"), "deleting");
        let call = async || sagemaker.delete_tracking_server(name).await;
        self.pace.patiently(self.pace.tracking, not_deletable_yet, call).await?;
        self.server_gone(name).await
    }

    /// Waits until a server that is being deleted is gone.
    pub(super) async fn server_gone(&self, name: &str) -> Result<(), Problem> {
        let sagemaker = &self.services.sagemaker;
        let subject = format!("MLflow {name}");
        self.gone(&subject, async || sagemaker.describe_tracking_server(name).await).await
    }

    async fn gone<F>(&self, subject: &str, look: F) -> Result<(), Problem>
    where
        F: AsyncFn() -> nixl_aws::Result<Option<Found>>,
    {
        self.progress.doing(subject, "deleting");
        let start = self.pace.clock.now();
        let mut delay = FIRST_POLL.min(self.pace.poll_tracking);
        loop {
            let call = async || look().await;
            let found = self.pace.patiently(self.pace.consistency, errors::passes, call).await?;
            let Some(found) = found else {
                self.progress.doing(subject, "removed");
                return Ok(());
            };
            if found.status == "DeleteFailed" {
                return Err(Problem::Tracking { what: found.label(), status: found.status });
            }
            let waited = self.pace.clock.since(start);
            if waited >= self.pace.tracking {
                let missing = vec![format!("{} is {}", found.label(), found.status)];
                return Err(Problem::Timeout { secs: waited.as_secs(), missing });
            }
            self.rest(delay).await?;
            delay = delay.mul_f64(1.5).min(self.pace.poll_tracking);
        }
    }
}
