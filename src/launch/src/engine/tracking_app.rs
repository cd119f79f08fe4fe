//! The cluster's own App: made once, recorded before nodes are told of it, and of
//! several the same used again.

use super::node_role::not_there_yet;
use super::tracking::role_not_shown_yet;
use super::{Engine, now_secs};
use crate::errors;
use crate::failure::Problem;
use crate::keys;
use crate::plan::{DELETING, Facts, Tracking, TrackingFacts, bucket_tags, chosen_app, owner_tags};
use nixl_aws::Tag;
use nixl_aws::ec2::Instance;
use nixl_aws::sagemaker::{CreateApp, Kind, Mlflow};

/// An App that is older may have runs of nodes that are gone.
const SURPLUS_AGE_SECS: u64 = 900;

/// What the role says of an App; its ARN is known once it is made.
pub(super) fn app_tags(name: &str, arn: Option<&str>) -> Vec<Tag> {
    let mut tags = vec![Tag::new(keys::MLFLOW_APP, name)];
    tags.extend(arn.map(|arn| Tag::new(keys::TOLD_APP, arn)));
    tags
}

impl Engine<'_> {
    /// The App that is still to be made, with what it needs; what there is then.
    /// Nothing names a call that makes one, so after each that may have made one it is
    /// looked for, and of several all runs take the same.
    pub(super) async fn app(
        &self,
        tracking: &Tracking,
        facts: &Facts,
    ) -> Result<TrackingFacts, Problem> {
        let (Tracking::App { name, store, .. }, was) = (tracking, &facts.tracking) else {
            return Ok(facts.tracking.clone());
        };
        let role = self.base(&app_tags(name, None), store, facts).await?;
        let request = CreateApp {
            name: name.clone(),
            artifact_store_uri: store.artifact_uri(),
            role_arn: role.arn.clone(),
            tags: owner_tags(&self.cluster),
        };
        let usable = |apps: &[Mlflow]| {
            let app = chosen_app(apps, None, None);
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
        let bucket =
            Some(bucket_tags(was.bucket.as_deref(), &self.cluster, store.kms_key.as_deref()));
        let role = Some(role);
        Ok(TrackingFacts { apps, role, is_settled: true, bucket, ..Default::default() })
    }

    /// Records which App nodes are told of, before the first is launched: its runs are
    /// what the next launch goes on with, also when no node is left to ask.
    pub(super) async fn record_app(
        &self,
        tracking: &Tracking,
        facts: &TrackingFacts,
    ) -> Result<(), Problem> {
        // Where the role is still to be made, it is made with the record.
        let (Some(arn), Some(role)) = (tracking.made_app(), &facts.role) else { return Ok(()) };
        if Tag::find(&role.tags, keys::TOLD_APP) == Some(arn) {
            return Ok(());
        }
        let tags = [Tag::new(keys::TOLD_APP, arn)];
        let call = async || self.services.iam.tag_role(&role.name, &tags).await;
        Ok(self.pace.patiently(self.pace.consistency, not_there_yet, call).await?)
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
}
