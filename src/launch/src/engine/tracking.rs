//! The MLflow tracking server, its role and its bucket.
//!
//! Order of making: role, bucket, server. Order of removal: server (until it is
//! gone), bucket, role. So the role's tags are the record of the other two.

use super::Engine;
use super::inventory::Mlflow;
use crate::errors;
use crate::failure::Problem;
use crate::keys;
use crate::plan::{
    DELETING, Facts, MLFLOW_POLICY, Tracking, is_ours, mlflow_policy, owner_tags, trust_policy,
};
use crate::report::TrackingReport;
use nixl_aws::sagemaker::CreateTrackingServer;
use nixl_aws::{AwsError, Tag};
use std::time::Duration;

/// Smallest size: 25 users and 25 requests a second are plenty for one cluster.
const SIZE: &str = "Small";
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
        let (name, bucket) = match tracking {
            Tracking::None => return Ok(()),
            Tracking::Attach { name, .. } => {
                self.progress.told(&format!("MLflow tracking server {name} is there, attached"));
                return Ok(());
            }
            Tracking::Own { name, bucket, .. } => (name, bucket),
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
        match &facts.tracking.server {
            Some(server) if server.status == DELETING => self.server_gone(name).await?,
            Some(_) => return Ok(()),
            None => {}
        }
        let request = CreateTrackingServer {
            name: name.clone(),
            artifact_store_uri: format!("s3://{bucket}/artifacts"),
            role_arn,
            size: SIZE.to_owned(),
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
    ) -> nixl_aws::Result<Option<(nixl_aws::sagemaker::TrackingServer, Vec<Tag>)>> {
        let sagemaker = &self.services.sagemaker;
        match sagemaker.describe_tracking_server(name).await? {
            Some(server) => {
                let tags = sagemaker.list_tags(&server.arn).await?;
                Ok(Some((server, tags)))
            }
            None => Ok(None),
        }
    }

    /// The server as it is.
    pub(super) async fn tracking_report(
        &self,
        name: &str,
    ) -> nixl_aws::Result<Option<TrackingReport>> {
        Ok(self.find_server(name).await?.map(|(server, tags)| TrackingReport {
            arn: server.arn,
            url: server.url,
            status: server.status,
            active: server.is_active,
            owned: is_ours(&self.cluster, &tags),
        }))
    }

    /// Waits until the server can be used: `IsActive` is the only thing that
    /// says so.
    pub(super) async fn wait_tracking(
        &self,
        name: Option<&str>,
    ) -> Result<Option<TrackingReport>, Problem> {
        let Some(name) = name else { return Ok(None) };
        let subject = format!("MLflow {name}");
        let start = self.pace.clock.now();
        let mut delay = FIRST_POLL.min(self.pace.poll_tracking);
        loop {
            let call = async || self.tracking_report(name).await;
            let report = self.pace.patiently(self.pace.consistency, errors::passes, call).await?;
            let status = report.as_ref().map_or("not shown yet", |r| r.status.as_str()).to_owned();
            if report.as_ref().is_some_and(|report| report.active) {
                self.progress.doing(&subject, "active");
                return Ok(report);
            }
            let over = status.ends_with("Failed") || status == DELETING || status == "Stopped";
            if over {
                return Err(Problem::TrackingServer { name: name.to_owned(), status });
            }
            let waited = self.pace.clock.since(start);
            if waited >= self.pace.tracking {
                let missing = vec![format!("MLflow tracking server {name} is {status}")];
                return Err(Problem::Timeout { secs: waited.as_secs(), missing });
            }
            self.progress.doing(&subject, &status);
            self.pace.clock.sleep(delay).await;
            delay = delay.mul_f64(1.5).min(self.pace.poll_tracking);
        }
    }

    /// Removes the server, then the bucket, then the role.
    pub(super) async fn remove_mlflow(&self, mlflow: &Mlflow) -> Result<(), Problem> {
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
                return Err(Problem::TrackingServer {
                    name: name.to_owned(),
                    status: server.status,
                });
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
