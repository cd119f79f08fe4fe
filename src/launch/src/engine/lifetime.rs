//! The nodes' end outside of themselves: for each a schedule that terminates
//! it, which works with a node that does not.
//!
//! A schedule a node: one id that is gone keeps EC2 from ending any of the
//! others. Schedules have no tags, so theirs is a group of the cluster's own.

use super::inventory::Inventory;
use super::{Engine, Removal};
use crate::errors;
use crate::failure::Problem;
use crate::lifetime::{End, SCHEDULER_POLICY, scheduler_policy, scheduler_trust};
use crate::plan::{is_ours, owner_tags, partition};
use jiff::Timestamp;
use nixl_aws::AwsError;
use nixl_aws::ec2::{Filter, Instance};
use nixl_aws::scheduler::{Schedule, ScheduleGroup};
use nixl_cluster::tag;
use serde_json::json;

/// Which way a schedule that is there may be moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moves {
    /// To where a person wants it.
    Anywhere,
    /// Only later: somebody may extend the cluster while its tags are being read.
    Later,
}

/// Whether an instance that is seen has ended or is about to.
fn is_gone(instance: &Instance) -> bool {
    matches!(instance.state.as_str(), "shutting-down" | "terminated")
}

/// Scheduler checks that it can assume a role that IAM may not show it yet.
fn role_not_shown_yet(error: &AwsError) -> bool {
    error.is(&["ValidationException"]) && error.message.to_ascii_lowercase().contains("role")
}

impl Engine<'_> {
    /// Makes sure of a schedule for each of these nodes, at the end that its tag
    /// tells. A node whose time is over is left to its own timers and to `reap`.
    pub(super) async fn schedule_ends(
        &self,
        nodes: &[Instance],
        moves: Moves,
    ) -> Result<(), Problem> {
        let now = Timestamp::now();
        let mut ends = Vec::new();
        for node in nodes {
            let end = End::of(node)?;
            if let Some(at) = end.at().filter(|at| *at > now) {
                ends.push((node, at));
            }
        }
        if ends.is_empty() {
            return Ok(());
        }
        let (group_arn, was_there) = self.schedule_group(&self.cluster.scheduler()).await?;
        let trust = scheduler_trust(&group_arn);
        let name = self.cluster.scheduler_role(&self.region);
        let role_arn = self.role(&name, &trust, &owner_tags(&self.cluster)).await?;
        let policy = scheduler_policy(&self.cluster, &self.region, &group_arn);
        self.inline_policy(&name, SCHEDULER_POLICY, &policy).await?;
        let schedules = ends.into_iter().map(|(node, at)| {
            let schedule = self.end_of(node, at, &role_arn);
            async move { self.schedule(schedule, moves).await }
        });
        // Joined, not raced: calls that change something are never dropped.
        let (made, cleared) = tokio::join!(futures_util::future::join_all(schedules), async {
            if was_there { self.clear_schedules(nodes).await } else { Ok(()) }
        });
        made.into_iter().collect::<Result<(), Problem>>()?;
        cleared
    }

    /// Removes the schedules of nodes that ended before: a `down` that was cut off
    /// leaves them. Those of any instance that may live stay.
    async fn clear_schedules(&self, nodes: &[Instance]) -> Result<(), Problem> {
        let (scheduler, group) = (&self.services.scheduler, self.cluster.scheduler());
        let call = async || scheduler.schedules(&group).await;
        let mut names = self.pace.patiently(self.pace.consistency, errors::passes, call).await?;
        names.retain(|name| nodes.iter().all(|node| node.id != *name));
        if names.is_empty() {
            return Ok(());
        }
        let ours = [Filter::tag(tag::CLUSTER, self.cluster.as_str())];
        let call = async || self.services.ec2.describe_instances(&ours).await;
        let seen = self.pace.patiently(self.pace.consistency, errors::passes, call).await?;
        let stays = |name: &String| seen.iter().any(|it| it.id == *name && !is_gone(it));
        for name in names.iter().filter(|name| !stays(name)) {
            let call = async || scheduler.delete_schedule(&group, name).await;
            self.removed(self.pace.patiently(self.pace.consistency, errors::passes, call).await)?;
            self.progress.told(&format!("schedule of {name}, which is gone, removed"));
        }
        Ok(())
    }

    fn end_of(&self, node: &Instance, at: Timestamp, role_arn: &str) -> Schedule {
        let partition = partition(&self.region);
        Schedule {
            group: self.cluster.scheduler(),
            name: node.id.clone(),
            description: format!("End of {}", self.cluster.node(node.launch_index)),
            at_utc: at.strftime("%Y-%m-%dT%H:%M:%S").to_string(),
            target_arn: format!("arn:{partition}:scheduler:::aws-sdk:ec2:terminateInstances"),
            input: json!({ "InstanceIds": [node.id] }).to_string(),
            role_arn: role_arn.to_owned(),
        }
    }

    pub(super) async fn schedule(&self, mut wanted: Schedule, moves: Moves) -> Result<(), Problem> {
        let scheduler = &self.services.scheduler;
        match scheduler.schedule(&wanted.group, &wanted.name).await? {
            Some(there) => {
                // Times of this form compare as text.
                if moves == Moves::Later && there.at_utc > wanted.at_utc {
                    wanted.at_utc.clone_from(&there.at_utc);
                }
                if there == wanted {
                    return Ok(());
                }
            }
            None => {
                let call = async || scheduler.create_schedule(&wanted).await;
                match self.pace.patiently(self.pace.iam, role_not_shown_yet, call).await {
                    // A lost answer was repeated, or somebody was faster.
                    Err(error) if errors::is(&error, errors::DUPLICATE) => {}
                    other => return Ok(other?),
                }
            }
        }
        let call = async || scheduler.update_schedule(&wanted).await;
        Ok(self.pace.patiently(self.pace.iam, role_not_shown_yet, call).await?)
    }

    /// A group of schedules of the cluster, made if it is not there; its ARN, and
    /// whether it was there.
    pub(super) async fn schedule_group(&self, name: &str) -> Result<(String, bool), Problem> {
        let foreign = || Problem::Foreign { kind: "schedule group", name: name.to_owned() };
        let start = self.pace.clock.now();
        loop {
            match self.services.scheduler.schedule_group(name).await? {
                Some(group) if !is_ours(&self.cluster, &group.tags) => return Err(foreign()),
                Some(group) if !group.deleting => return Ok((group.arn, true)),
                // That of an earlier cluster still goes.
                Some(_) => {}
                None => {
                    let tags = owner_tags(&self.cluster);
                    match self.services.scheduler.create_schedule_group(name, &tags).await {
                        Err(error) if errors::is(&error, errors::DUPLICATE) => {}
                        other => return Ok((other?, false)),
                    }
                }
            }
            if self.pace.clock.since(start) >= self.pace.removal {
                let missing = vec![format!("schedule group {name} is still being deleted")];
                return Err(Problem::Timeout {
                    secs: self.pace.clock.since(start).as_secs(),
                    missing,
                });
            }
            self.rest(self.pace.poll).await?;
        }
    }

    /// Removes the schedules and their role: once the nodes are gone, so that
    /// they end also if this does not get so far.
    pub(super) async fn remove_scheduler(
        &self,
        found: &Inventory,
        removal: Removal,
    ) -> Result<(), Problem> {
        if let Some(group) = &found.schedule_group {
            self.remove_schedules(group).await?;
        }
        match &found.scheduler_role {
            Some(role) if !removal.keep_free => self.delete_role(&role.name).await,
            _ => Ok(()),
        }
    }

    pub(super) async fn remove_schedules(&self, group: &ScheduleGroup) -> Result<(), Problem> {
        let scheduler = &self.services.scheduler;
        let call = async || scheduler.delete_schedule_group(&group.name).await;
        self.removed(self.pace.patiently(self.pace.removal, super::down::later, call).await)?;
        let start = self.pace.clock.now();
        while scheduler.schedule_group(&group.name).await?.is_some() {
            if self.pace.clock.since(start) >= self.pace.removal {
                let missing = vec![format!("schedule group {} is still there", group.name)];
                return Err(Problem::Timeout {
                    secs: self.pace.clock.since(start).as_secs(),
                    missing,
                });
            }
            self.rest(self.pace.poll).await?;
        }
        self.progress.told(&format!("schedule group {} removed", group.name));
        Ok(())
    }
}

#[cfg(test)]
mod tests;
