//! What there is of MLflow that this cluster has made.

use super::Engine;
use super::inventory::Mlflow;
use crate::failure::{BUCKET, Resource, TRACKING_SERVER};
use crate::keys;
use crate::plan::{is_off, is_ours};
use nixl_aws::iam::Role;
use nixl_aws::scheduler::ScheduleGroup;
use nixl_aws::{Result, Tag};

/// Who may not look at MLflow has made none; with a role of ours it is an error.
fn unless_denied<T: Default>(answer: Result<T>, has_role: bool) -> Result<T> {
    match answer {
        Err(error) if !has_role && error.is(&["AccessDenied", "AccessDeniedException"]) => {
            Ok(T::default())
        }
        other => other,
    }
}

impl Engine<'_> {
    /// It, and what has its names and is not ours.
    pub(super) async fn mlflow(&self) -> Result<(Mlflow, Vec<Resource>)> {
        let role_name = self.cluster.mlflow_role(&self.region);
        let bucket = async {
            let account = self.services.account.account_id().await?;
            let bucket = self.cluster.artifact_bucket(&account, &self.region);
            Ok((self.services.buckets.tags(&bucket, &account).await, bucket))
        };
        let apps = async { Ok(self.own_apps().await) };
        let ((tags, bucket), role, apps) =
            tokio::try_join!(bucket, self.services.iam.role(&role_name), apps)?;
        let mut foreign = Vec::new();
        let role = role.filter(|role| {
            let ours = is_ours(&self.cluster, &role.tags);
            if !ours {
                foreign.push(Resource::new("IAM role", &role.name));
            }
            ours
        });
        let tags = unless_denied(tags, role.is_some())?;
        let apps = unless_denied(apps, role.is_some())?;
        let bucket = tags.and_then(|tags| {
            // Before it has tags, the role is its record.
            if is_ours(&self.cluster, &tags) || tags.is_empty() && role.is_some() {
                return Some((bucket, tags));
            }
            foreign.push(Resource::new(BUCKET, bucket));
            None
        });
        let server = role.as_ref().and_then(|role| Tag::find(&role.tags, keys::TRACKING_SERVER));
        let server = match server {
            Some(name) => self.find_server(name).await?,
            None => None,
        };
        let server = server.and_then(|(server, tags)| {
            if is_ours(&self.cluster, &tags) {
                return Some(server);
            }
            foreign.push(Resource::new(TRACKING_SERVER, server.name));
            None
        });
        let server_is_off = server.as_ref().is_some_and(is_off);
        let (server, server_arn) = server.map(|server| (server.name, server.arn)).unzip();
        let (stop_group, stop_role) = self.idle_stop_made(role.as_ref(), &mut foreign).await?;
        let made =
            Mlflow { role, server, server_arn, server_is_off, stop_group, stop_role, apps, bucket };
        Ok((made, foreign))
    }

    /// What stops the server by itself; without a record there is nothing.
    async fn idle_stop_made(
        &self,
        role: Option<&Role>,
        foreign: &mut Vec<Resource>,
    ) -> Result<(Option<ScheduleGroup>, Option<Role>)> {
        if role.is_none_or(|role| Tag::find(&role.tags, keys::IDLE_STOP).is_none()) {
            return Ok((None, None));
        }
        let name = self.cluster.mlflow_stop_role(&self.region);
        let group = self.cluster.mlflow_stop();
        let (group, role) = tokio::try_join!(
            self.services.scheduler.schedule_group(&group),
            self.services.iam.role(&name)
        )?;
        let mut ours = |kind, name: &str, tags: &[Tag]| {
            let ours = is_ours(&self.cluster, tags);
            if !ours {
                foreign.push(Resource::new(kind, name));
            }
            ours
        };
        let group = group.filter(|it| ours("schedule group", &it.name, &it.tags));
        let role = role.filter(|it| ours("IAM role", &it.name, &it.tags));
        Ok((group, role))
    }
}
