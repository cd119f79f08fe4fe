//! The MLflow tracking server, its role and its bucket.
//!
//! Order of making: role, bucket, server. Order of removal: server (until it is
//! gone), bucket, role. So the role's tags are the record of the other two.

use super::Engine;
use super::inventory::Mlflow as Left;
use crate::errors;
use crate::failure::Problem;
use crate::keys;
use crate::plan::{
    DELETING, Facts, MLFLOW_POLICY, Tracking, is_ours, mlflow_policy, owner_tags, trust_policy,
};
use crate::report::TrackingReport;
use nixl_aws::sagemaker::{CreateTrackingServer, Mlflow};
use nixl_aws::{AwsError, Tag};
use std::time::Duration;

const FIRST_POLL: Duration = Duration::from_secs(1);

/// SageMaker checks that it can assume a role that IAM may not show it yet.
fn role_not_shown_yet(error: &AwsError) -> bool {
    error.is(&["ValidationException"]) && error.message.to_ascii_lowercase().contains("role")
}

/// "Tracking Server is in un-deletable state (CREATING), so it cannot be deleted."
fn not_deletable_yet(error: &AwsError) -> bool {
    errors::is(error, &["ConflictException"])
        || error.is(&["ValidationException"]) && error.message.contains("un-deletable")
        || errors::passes(error)
}

impl Engine<'_> {
    /// Makes sure that a server of ours is being created; waits for none but one
    /// that is being deleted.
    pub(super) async fn tracking_server(
        &self,
        tracking: &Tracking,
        facts: &Facts,
    ) -> Result<(), Problem> {
        let (name, bucket, size, mlflow_version) = match tracking {
            Tracking::None => return Ok(()),
            Tracking::Attach { label, .. } => {
                self.progress.told(&format!("{label} is there, attached"));
                return Ok(());
            }
            Tracking::Own { name, bucket, size, mlflow_version, .. } => {
                (name, bucket, size, mlflow_version)
            }
        };
        let role_name = self.cluster.mlflow_role(&self.region);
        let role_arn = match &facts.tracking.role {
            Some(role) => role.arn.clone(),
            None => {
                let mut tags = owner_tags(&self.cluster);
                tags.push(Tag::new(keys::TRACKING_SERVER, name));
                self.role(&role_name, &trust_policy("sagemaker.amazonaws.com"), &tags).await?
            }
        };
        let policy = mlflow_policy(&self.region, bucket);
        self.inline_policy(&role_name, MLFLOW_POLICY, &policy).await?;
        if !facts.tracking.bucket_exists {
            self.services.buckets.create(bucket).await?;
            self.progress.told(&format!("S3 bucket {bucket} made"));
        }
        match &facts.tracking.found {
            Some(server) if server.status == DELETING => self.server_gone(name).await?,
            Some(_) => return Ok(()),
            None => {}
        }
        let request = CreateTrackingServer {
            name: name.clone(),
            artifact_store_uri: format!("s3://{bucket}/artifacts"),
            role_arn,
            size: size.as_str().to_owned(),
            mlflow_version: mlflow_version.clone(),
            tags: owner_tags(&self.cluster),
        };
        let call = async || self.services.sagemaker.create_tracking_server(&request).await;
        match self.pace.patiently(self.pace.iam, role_not_shown_yet, call).await {
            Ok(_) => {
                self.progress.told(&format!("MLflow tracking server {name} is being created"));
                Ok(())
            }
            // A lost answer was repeated, or somebody was faster.
            Err(error) => match self.find_server(name).await? {
                Some((_, tags)) if is_ours(&self.cluster, &tags) => Ok(()),
                _ => Err(error.into()),
            },
        }
    }

    /// The server and its tags.
    pub(super) async fn find_server(
        &self,
        name: &str,
    ) -> nixl_aws::Result<Option<(Mlflow, Vec<Tag>)>> {
        let sagemaker = &self.services.sagemaker;
        match sagemaker.describe_tracking_server(name).await? {
            Some(server) => {
                let tags = sagemaker.list_tags(&server.arn).await?;
                Ok(Some((server, tags)))
            }
            None => Ok(None),
        }
    }

    /// What is there under this ARN, and whose it is.
    pub(super) async fn tracking_report(
        &self,
        arn: &str,
    ) -> nixl_aws::Result<Option<TrackingReport>> {
        let sagemaker = &self.services.sagemaker;
        let Some(found) = sagemaker.describe(arn).await? else { return Ok(None) };
        let owned = match sagemaker.list_tags(&found.arn).await {
            Ok(tags) => is_ours(&self.cluster, &tags),
            // Tags of what another account shares may not be read.
            Err(error) if error.is(&["AccessDeniedException"]) => false,
            Err(error) => return Err(error),
        };
        Ok(Some(TrackingReport::of(found, owned)))
    }

    /// Waits until it can be used.
    pub(super) async fn wait_tracking(
        &self,
        tracking: &Tracking,
    ) -> Result<Option<TrackingReport>, Problem> {
        let (Some(arn), Some(what)) = (tracking.arn(), tracking.label()) else { return Ok(None) };
        let start = self.pace.clock.now();
        let mut delay = FIRST_POLL.min(self.pace.poll_tracking);
        loop {
            let call = async || self.tracking_report(arn).await;
            let report = self.pace.patiently(self.pace.consistency, errors::passes, call).await?;
            let status = report.as_ref().map_or("not shown yet", |r| r.status.as_str()).to_owned();
            if report.as_ref().is_some_and(|report| report.active) {
                self.progress.doing(&what, "active");
                return Ok(report);
            }
            let over = status.ends_with("Failed") || status == DELETING || status == "Stopped";
            if over {
                return Err(Problem::Tracking { what, status });
            }
            let waited = self.pace.clock.since(start);
            if waited >= self.pace.tracking {
                let missing = vec![format!("{what} is {status}")];
                return Err(Problem::Timeout { secs: waited.as_secs(), missing });
            }
            self.progress.doing(&what, &status);
            self.pace.clock.sleep(delay).await;
            delay = delay.mul_f64(1.5).min(self.pace.poll_tracking);
        }
    }

    /// Removes the server, then the bucket, then the role.
    pub(super) async fn remove_mlflow(&self, mlflow: &Left) -> Result<(), Problem> {
        let Some(role) = &mlflow.role else { return Ok(()) };
        if let Some(name) = &mlflow.server {
            self.remove_server(name).await?;
        }
        if let Some(bucket) = &mlflow.bucket {
            let buckets = &self.services.buckets;
            let call = async || {
                buckets.empty(bucket).await?;
                buckets.delete(bucket).await
            };
            self.removed(self.pace.patiently(self.pace.removal, super::down::later, call).await)?;
            self.progress.told(&format!("S3 bucket {bucket} removed"));
        }
        self.delete_role(&role.name).await
    }

    async fn remove_server(&self, name: &str) -> Result<(), Problem> {
        let sagemaker = &self.services.sagemaker;
        self.progress.doing(&format!("MLflow {name}"), "deleting");
        let call = async || sagemaker.delete_tracking_server(name).await;
        self.pace.patiently(self.pace.tracking, not_deletable_yet, call).await?;
        self.server_gone(name).await
    }

    /// Waits until a server that is being deleted is gone.
    async fn server_gone(&self, name: &str) -> Result<(), Problem> {
        let sagemaker = &self.services.sagemaker;
        let subject = format!("MLflow {name}");
        self.progress.doing(&subject, "deleting");
        let start = self.pace.clock.now();
        let mut delay = FIRST_POLL.min(self.pace.poll_tracking);
        loop {
            let call = async || sagemaker.describe_tracking_server(name).await;
            let found = self.pace.patiently(self.pace.consistency, errors::passes, call).await?;
            let Some(server) = found else {
                self.progress.doing(&subject, "removed");
                return Ok(());
            };
            if server.status == "DeleteFailed" {
                return Err(Problem::Tracking { what: server.label(), status: server.status });
            }
            let waited = self.pace.clock.since(start);
            if waited >= self.pace.tracking {
                let missing = vec![format!("MLflow tracking server {name} is {}", server.status)];
                return Err(Problem::Timeout { secs: waited.as_secs(), missing });
            }
            self.rest(delay).await?;
            delay = delay.mul_f64(1.5).min(self.pace.poll_tracking);
        }
    }
}
