//! A tracking server that stops by itself: one schedule of the cluster stops it so long
//! after the last node's end, and each command that moves that end moves the schedule.
//!
//! What is wanted stands on MLflow's role, which is made before the schedule, its group
//! and its role and deleted after them. They outlive the nodes, so they are no part of
//! what ends those.

use super::Engine;
use super::inventory::Mlflow as Made;
use super::lifetime::Moves;
use super::node_role::not_there_yet;
use crate::failure::Problem;
use crate::keys;
use crate::lifetime::{End, IDLE_STOP_POLICY, idle_stop_policy, scheduler_trust};
use crate::plan::{IdleStop, Tracking, owner_tags, partition, recorded_idle_stop, tracking_arn};
use jiff::{SignedDuration, Timestamp};
use nixl_aws::Tag;
use nixl_aws::ec2::Instance;
use nixl_aws::iam::Role;
use nixl_aws::sagemaker::Kind;
use nixl_aws::scheduler::Schedule;
use serde_json::json;

/// Name of the schedule; the group has no other.
const SCHEDULE: &str = "stop";

/// When a server is to stop, counted from the end of the last node that is there; none
/// where a node has no end.
fn due(after_secs: u64, nodes: &[Instance], now: Timestamp) -> Result<Option<Timestamp>, Problem> {
    let idle_from = match End::latest(nodes)? {
        Some(End::Never) => return Ok(None),
        Some(End::At(end)) => end.max(now),
        None => now,
    };
    let after = SignedDuration::from_secs(i64::try_from(after_secs).unwrap_or(i64::MAX));
    Ok(idle_from.checked_add(after).ok())
}

impl Engine<'_> {
    /// Makes sure of what the plan says, beside these nodes. What was said before is only
    /// moved later: somebody may extend the cluster while its tags are being read.
    pub(super) async fn planned_idle_stop(
        &self,
        tracking: &Tracking,
        role: Option<&Role>,
        nodes: &[Instance],
    ) -> Result<(), Problem> {
        let Tracking::Server { name, idle_stop: Some(wanted), .. } = tracking else {
            return Ok(());
        };
        let was = role.and_then(recorded_idle_stop);
        let moves = if was == Some(*wanted) { Moves::Later } else { Moves::Anywhere };
        self.idle_stop(name, *wanted, nodes, moves).await
    }

    /// Makes sure of what is recorded of the server that this cluster has made, beside
    /// these nodes.
    pub(super) async fn recorded_idle_stop(
        &self,
        made: &Made,
        nodes: &[Instance],
        moves: Moves,
    ) -> Result<(), Problem> {
        let wanted = made.role.as_ref().and_then(recorded_idle_stop);
        let (Some(name), Some(wanted)) = (&made.server, wanted) else { return Ok(()) };
        self.idle_stop(name, wanted, nodes, moves).await
    }

    /// The same for who has not looked at MLflow: of nodes that were told of no server
    /// nothing is read.
    pub(super) async fn move_idle_stop(&self, nodes: &[Instance]) -> Result<(), Problem> {
        let mut told = nodes.iter().filter_map(|node| Tag::find(&node.tags, keys::TRACKING_ARN));
        if told.all(|arn| !matches!(Kind::of(arn), Some((Kind::Server, _)))) {
            return Ok(());
        }
        let (made, _) = self.mlflow().await?;
        self.recorded_idle_stop(&made, nodes, Moves::Anywhere).await
    }

    /// Records that the server made with this role is to stop by itself, or not.
    pub(super) async fn record_idle_stop(
        &self,
        role: &Role,
        wanted: Option<IdleStop>,
    ) -> Result<(), Problem> {
        let Some(wanted) = wanted.filter(|it| recorded_idle_stop(role) != Some(*it)) else {
            return Ok(());
        };
        let tags = [Tag::new(keys::IDLE_STOP, wanted.to_string())];
        let call = async || self.services.iam.tag_role(&role.name, &tags).await;
        Ok(self.pace.patiently(self.pace.consistency, not_there_yet, call).await?)
    }

    async fn idle_stop(
        &self,
        server: &str,
        wanted: IdleStop,
        nodes: &[Instance],
        moves: Moves,
    ) -> Result<(), Problem> {
        let due = match wanted {
            IdleStop::Never => None,
            IdleStop::AfterSecs(secs) => due(secs, nodes, Timestamp::now())?,
        };
        let Some(at) = due else { return self.no_idle_stop().await };
        let (group_arn, _) = self.schedule_group(&self.cluster.mlflow_stop()).await?;
        let role = self.cluster.mlflow_stop_role(&self.region);
        let trust = scheduler_trust(&group_arn);
        let role_arn = self.role(&role, &trust, &owner_tags(&self.cluster)).await?;
        let account = group_arn.split(':').nth(4).unwrap_or_default();
        let policy = idle_stop_policy(&tracking_arn(&self.region, account, server));
        self.inline_policy(&role, IDLE_STOP_POLICY, &policy).await?;
        let partition = partition(&self.region);
        let schedule = Schedule {
            group: self.cluster.mlflow_stop(),
            name: SCHEDULE.to_owned(),
            description: format!("Stops the tracking server of {}, as no node runs", self.cluster),
            at_utc: at.strftime("%Y-%m-%dT%H:%M:%S").to_string(),
            target_arn: format!(
                "arn:{partition}:scheduler:::aws-sdk:sagemaker:stopMlflowTrackingServer"
            ),
            input: json!({ "TrackingServerName": server }).to_string(),
            role_arn,
        };
        self.schedule(schedule, moves).await
    }

    /// Makes sure that nothing stops the server by itself; a stop that is tried again
    /// later would meet one that was started meanwhile.
    pub(super) async fn no_idle_stop(&self) -> Result<(), Problem> {
        let (scheduler, group) = (&self.services.scheduler, self.cluster.mlflow_stop());
        let call = async || scheduler.delete_schedule(&group, SCHEDULE).await;
        let budget = self.pace.consistency;
        let answer = self.pace.patiently(budget, crate::errors::passes, call).await;
        Ok(self.removed(answer)?)
    }

    /// When the server stops by itself, UTC; none if nothing stops it.
    pub(super) async fn idle_stop_at(&self) -> nixl_aws::Result<Option<String>> {
        let group = self.cluster.mlflow_stop();
        let schedule = self.services.scheduler.schedule(&group, SCHEDULE).await?;
        Ok(schedule.map(|it| format!("{}Z", it.at_utc)))
    }
}

#[cfg(test)]
mod tests;
