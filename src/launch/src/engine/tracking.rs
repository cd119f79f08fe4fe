//! MLflow of the cluster: a server or an App, its role and its bucket.
//!
//! Order of making: role, bucket, server or App. Order of removal: server or App
//! (until it is gone), role, bucket. The role's tags are the record of the others;
//! of a bucket without a role its own tags are.

use super::{Engine, now_secs};
use crate::errors;
use crate::failure::Problem;
use crate::keys;
use crate::plan::{
    DELETING, Facts, MLFLOW_POLICY, ServerSize, Tracking, TrackingFacts, bucket_policy,
    bucket_tags, chosen_app, is_ours, mlflow_policy, owner_tags, trust_policy,
};
use crate::report::TrackingReport;
use nixl_aws::ec2::Instance;
use nixl_aws::iam::Role;
use nixl_aws::sagemaker::{CreateApp, CreateTrackingServer, Kind, Mlflow};
use nixl_aws::{AwsError, Tag};
use std::time::Duration;

pub(super) const FIRST_POLL: Duration = Duration::from_secs(1);
/// An App that is older may have runs of nodes that are gone.
const SURPLUS_AGE_SECS: u64 = 900;

/// SageMaker checks that it can assume a role that IAM may not show it yet.
fn role_not_shown_yet(error: &AwsError) -> bool {
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
            Tracking::Server { name, bucket, size, mlflow_version, .. } => {
                let role = self.base((keys::TRACKING_SERVER, name), bucket, facts).await?;
                let request = CreateTrackingServer {
                    name: name.clone(),
                    artifact_store_uri: artifacts(bucket),
                    role_arn: role.arn,
                    size: ServerSize::as_str(*size).to_owned(),
                    mlflow_version: mlflow_version.clone(),
                    tags: owner_tags(&self.cluster),
                };
                self.server(&request, facts).await
            }
            Tracking::App { .. } if facts.tracking.is_settled => Ok(()),
            Tracking::App { name, bucket, .. } => {
                self.base((keys::MLFLOW_APP, name), bucket, facts).await.map(drop)
            }
        }
    }

    /// Role and bucket.
    async fn base(
        &self,
        (key, name): (&str, &str),
        bucket: &str,
        facts: &Facts,
    ) -> Result<Role, Problem> {
        let role_name = self.cluster.mlflow_role(&self.region);
        let role = match &facts.tracking.role {
            Some(role) => role.clone(),
            None => {
                let mut tags = owner_tags(&self.cluster);
                tags.push(Tag::new(key, name));
                let trust = trust_policy("sagemaker.amazonaws.com");
                let arn = self.role(&role_name, &trust, &tags).await?;
                Role { name: role_name.clone(), arn, tags }
            }
        };
        let policy = mlflow_policy(&self.region, bucket);
        self.inline_policy(&role_name, MLFLOW_POLICY, &policy).await?;
        self.bucket(bucket, facts.tracking.bucket.as_deref()).await?;
        Ok(role)
    }

    /// The bucket with its settings; its tags say that it has them all.
    async fn bucket(&self, bucket: &str, found: Option<&[Tag]>) -> Result<(), Problem> {
        let buckets = &self.services.buckets;
        let settled = Some(keys::BUCKET_SETTINGS);
        if found.is_some_and(|tags| Tag::find(tags, keys::BUCKET) == settled) {
            return Ok(());
        }
        if found.is_none() {
            buckets.create(bucket).await?;
            self.progress.told(&format!("S3 bucket {bucket} made"));
        }
        let policy = bucket_policy(&self.region, bucket).to_string();
        let tags = bucket_tags(found, &self.cluster);
        let call = async || {
            buckets.secure(bucket, &policy).await?;
            buckets.tag(bucket, &tags).await
        };
        Ok(self.pace.patiently(self.pace.consistency, bucket_not_ready, call).await?)
    }

    async fn server(&self, request: &CreateTrackingServer, facts: &Facts) -> Result<(), Problem> {
        let name = &request.name;
        match &facts.tracking.found {
            Some(server) if server.status == DELETING => self.server_gone(name).await?,
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

    /// The App that is still to be made, with what it needs; what there is then.
    /// Nothing names a call that makes one, so after each that may have made one it is
    /// looked for, and of several all runs take the same.
    pub(super) async fn app(
        &self,
        tracking: &Tracking,
        facts: &Facts,
    ) -> Result<TrackingFacts, Problem> {
        let (Tracking::App { name, bucket, .. }, was) = (tracking, &facts.tracking) else {
            return Ok(facts.tracking.clone());
        };
        let role = self.base((keys::MLFLOW_APP, name), bucket, facts).await?;
        let request = CreateApp {
            name: name.clone(),
            artifact_store_uri: artifacts(bucket),
            role_arn: role.arn.clone(),
            tags: owner_tags(&self.cluster),
        };
        let usable = |apps: &[Mlflow]| {
            let app = chosen_app(apps, None);
            app.is_some_and(|app| app.is_active || !app.status.ends_with("Failed"))
        };
        let start = self.pace.clock.now();
        let mut delay = self.pace.retry_first;
        let made = loop {
            let error = match self.services.sagemaker.create_app(&request).await {
                Ok(arn) => break Some(arn),
                Err(error) => error,
            };
            let budget = match role_not_shown_yet(&error) {
                true => self.pace.iam,
                false if errors::passes(&error) => self.pace.consistency,
                false => return Err(error.into()),
            };
            if usable(&self.own_apps().await?) {
                break None;
            }
            if self.pace.clock.since(start) + delay >= budget {
                return Err(error.into());
            }
            self.rest(delay).await?;
            delay = (delay * 2).min(self.pace.retry_longest);
        };
        self.progress.told(&format!("MLflow App {name} is being created"));
        let mut apps = self.own_apps().await?;
        if let Some(arn) = made.filter(|arn| apps.iter().all(|app| app.arn != *arn)) {
            let (name, status) = (name.clone(), "Creating".to_owned());
            // Younger than all that are shown.
            let created_secs = u64::MAX;
            apps.push(Mlflow {
                kind: Kind::App,
                arn,
                name,
                status,
                created_secs,
                ..Default::default()
            });
        }
        let bucket = Some(bucket_tags(was.bucket.as_deref(), &self.cluster));
        Ok(TrackingFacts { found: None, apps, role: Some(role), is_settled: true, bucket })
    }

    /// Removes Apps of this cluster that no node was told of, once nodes are there:
    /// two runs at the same time, or a lost answer, may have made more than one. One
    /// that was not made just now is only told of: it costs nothing, and runs may be in it.
    pub(super) async fn tidy_apps(
        &self,
        used: &Tracking,
        facts: &Facts,
        nodes: &[Instance],
    ) -> Result<(), Problem> {
        let Tracking::App { arn: kept, .. } = used else { return Ok(()) };
        let is_told = |arn: &str| {
            nodes.iter().any(|node| Tag::find(&node.tags, keys::TRACKING_ARN) == Some(arn))
        };
        let apps = &facts.tracking.apps;
        let surplus = apps.iter().filter(|app| app.arn != *kept && app.status != DELETING);
        for app in surplus.filter(|app| !is_told(&app.arn)) {
            if now_secs().saturating_sub(app.created_secs) > SURPLUS_AGE_SECS {
                self.progress.told(&format!(
                    "note: {} is this cluster's as well and stays, as runs may be in it; `aws sagemaker delete-mlflow-app --arn {}` removes it",
                    app.arn, app.arn
                ));
                continue;
            }
            self.delete_app(&app.arn).await?;
            self.progress.told(&format!("{}, one too many, is being removed", app.arn));
        }
        Ok(())
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
}

/// Where a server or an App keeps artifacts in a bucket.
fn artifacts(bucket: &str) -> String {
    format!("s3://{bucket}/artifacts")
}
