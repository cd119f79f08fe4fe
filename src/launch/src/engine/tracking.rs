//! MLflow of the cluster: a server or an App, its role and its bucket.
//!
//! Order of making: role, bucket, server or App. Order of removal: server or App
//! (until it is gone), role, bucket. The role's tags are the record of the others;
//! of a bucket without a role its own tags are.

use super::Engine;
use super::tracking_app::app_tags;
use super::tracking_power::Power;
use crate::errors;
use crate::failure::Problem;
use crate::keys;
use crate::plan::{
    DELETING, Facts, MLFLOW_POLICY, ServerSize, Store, Tracking, bucket_policy, bucket_tags,
    is_off, is_ours, mlflow_policy, owner_tags, trust_policy,
};
use crate::report::TrackingReport;
use nixl_aws::iam::Role;
use nixl_aws::sagemaker::{CreateTrackingServer, Mlflow};
use nixl_aws::{AwsError, Tag};
use std::time::Duration;

pub(super) const FIRST_POLL: Duration = Duration::from_secs(1);

/// SageMaker checks that it can assume a role that IAM may not show it yet.
pub(super) fn role_not_shown_yet(error: &AwsError) -> bool {
    error.is(&["ValidationException"]) && error.message.to_ascii_lowercase().contains("role")
}

/// A new bucket is not shown at once, and settings of one exclude each other.
fn bucket_not_ready(error: &AwsError) -> bool {
    error.is(&["NoSuchBucket", "OperationAborted"]) || errors::passes(error)
}

impl Engine<'_> {
    /// Makes sure that what is ours is there or being created; waits for none but a
    /// server that is being deleted.
    pub(super) async fn tracking(&self, tracking: &Tracking, facts: &Facts) -> Result<(), Problem> {
        match tracking {
            Tracking::None => Ok(()),
            Tracking::Attach { label, .. } => {
                self.progress.told(&format!("{label} is there, attached"));
                Ok(())
            }
            Tracking::Server { name, store, size, mlflow_version, idle_stop, .. } => {
                let role =
                    self.base(&[Tag::new(keys::TRACKING_SERVER, name)], store, facts).await?;
                self.record_idle_stop(&role, *idle_stop).await?;
                let was = facts.tracking.role.as_ref();
                self.planned_idle_stop(tracking, was, &facts.instances).await?;
                let request = CreateTrackingServer {
                    name: name.clone(),
                    artifact_store_uri: store.artifact_uri(),
                    role_arn: role.arn,
                    size: ServerSize::as_str(*size).to_owned(),
                    mlflow_version: mlflow_version.clone(),
                    tags: owner_tags(&self.cluster),
                };
                self.server(&request, facts).await
            }
            Tracking::App { .. } if facts.tracking.is_settled => Ok(()),
            Tracking::App { name, store, .. } => {
                let arn = tracking.made_app();
                self.base(&app_tags(name, arn), store, facts).await.map(drop)
            }
        }
    }

    /// Role and bucket; with these tags the role is the record of the rest.
    pub(super) async fn base(
        &self,
        record: &[Tag],
        store: &Store,
        facts: &Facts,
    ) -> Result<Role, Problem> {
        let role_name = self.cluster.mlflow_role(&self.region);
        let role = match &facts.tracking.role {
            Some(role) => role.clone(),
            None => {
                let mut tags = owner_tags(&self.cluster);
                tags.extend_from_slice(record);
                let trust = trust_policy("sagemaker.amazonaws.com");
                let arn = self.role(&role_name, &trust, &tags).await?;
                Role { name: role_name.clone(), arn, tags }
            }
        };
        let policy = mlflow_policy(&self.region, store);
        self.inline_policy(&role_name, MLFLOW_POLICY, &policy).await?;
        self.bucket(store, facts.tracking.bucket.as_deref()).await?;
        Ok(role)
    }

    /// The bucket with its settings; its tags say that it has them all.
    async fn bucket(&self, store: &Store, found: Option<&[Tag]>) -> Result<(), Problem> {
        let buckets = &self.services.buckets;
        let Store { bucket, kms_key } = store;
        let kms_key = kms_key.as_deref();
        let settled = |tags| {
            Tag::find(tags, keys::BUCKET) == Some(keys::BUCKET_SETTINGS)
                && Tag::find(tags, keys::KMS_KEY) == kms_key
        };
        if found.is_some_and(settled) {
            return Ok(());
        }
        if found.is_none() {
            buckets.create(bucket).await?;
            self.progress.told(&format!("S3 bucket {bucket} made"));
        }
        let policy = bucket_policy(&self.region, bucket).to_string();
        let tags = bucket_tags(found, &self.cluster, kms_key);
        let call = async || {
            buckets.secure(bucket, &policy, kms_key).await?;
            buckets.tag(bucket, &tags).await
        };
        Ok(self.pace.patiently(self.pace.consistency, bucket_not_ready, call).await?)
    }

    async fn server(&self, request: &CreateTrackingServer, facts: &Facts) -> Result<(), Problem> {
        let name = &request.name;
        match &facts.tracking.found {
            Some(server) if server.status == DELETING => self.server_gone(name).await?,
            // Only one that stops by itself is planned with as it is.
            Some(server) if is_off(server) => {
                return self.turn(name, Power::On, &mut false).await.map(drop);
            }
            Some(_) => return Ok(()),
            None => {}
        }
        let call = async || self.services.sagemaker.create_tracking_server(request).await;
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
            if let Some(report) = report.filter(|report| report.active) {
                self.progress.doing(&what, "active");
                return Ok(Some(self.priced(report).await));
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
}
