//! `down`: remove everything of the cluster and prove that nothing is left.

use super::Engine;
use super::inventory::{Found, Inventory};
use super::lifetime::Moves;
use super::record::{Group, Record};
use crate::errors;
use crate::failure::{Failure, Problem, Resource};
use crate::plan::is_live;
use nixl_aws::ec2::Instance;
use nixl_aws::{AwsError, Result};
use std::time::Duration;

/// What `down` removes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Removal {
    /// MLflow's server, bucket and role as well.
    pub mlflow: bool,
    /// What stays of MLflow is stopped, where it has hours: its tracking server.
    pub stop_mlflow: bool,
    /// What costs nothing stays, ready for the next `up`: security group, role,
    /// profile and the placement group used last.
    pub keep_free: bool,
}

impl Removal {
    /// The cluster; MLflow stays as it is.
    pub const NODES: Self = Self { mlflow: false, stop_mlflow: false, keep_free: false };
    /// All that there is of a cluster.
    pub const ALL: Self = Self { mlflow: true, ..Self::NODES };
    /// What costs money; MLflow stays as it is.
    pub const KEEP_FREE: Self = Self { keep_free: true, ..Self::NODES };
}

/// What `down` did.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Removed {
    /// Gone now.
    pub removed: Vec<Resource>,
    /// Not this cluster's, left alone.
    pub foreign: Vec<Resource>,
    /// This cluster's, kept as asked.
    pub kept: Vec<Resource>,
    /// Name of the tracking server that is kept and stopped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped: Option<String>,
}

/// Whether something else must be gone first, or the call may pass later.
pub(super) fn later(error: &AwsError) -> bool {
    errors::is(error, errors::IN_USE) || errors::passes(error)
}

impl Engine<'_> {
    /// Removes the cluster.
    ///
    /// # Errors
    /// With what is left.
    pub async fn down(&self, removal: Removal) -> std::result::Result<Removed, Failure> {
        let Found { inventory: before, unread } = self.found().await.map_err(Failure::unchanged)?;
        let unread = unread.into_iter().next();
        if let Some(error) = &unread {
            self.progress.told(&format!("{error}; what can be read is removed"));
        }
        let outcome = self.remove(&before, removal).await;
        self.progress.done();
        if let Err(problem) = outcome {
            return Err(Failure { problem, left: self.left().await });
        }
        if let Some(error) = unread {
            return Err(Failure::unknown(error));
        }
        match self.audit(removal, self.pace.consistency).await {
            Err(error) => Err(Failure::unknown(error)),
            Ok(list) if !list.is_empty() => {
                Err(Failure { problem: Problem::Residue, left: self.left().await })
            }
            Ok(_) => {
                if let Some(stack) = before.stack() {
                    self.progress.told(&format!(
                        "made by a CloudFormation stack, which is still there: `aws cloudformation delete-stack --stack-name {stack}`"
                    ));
                }
                let removed = before.resources(removal);
                let all = before.resources(Removal::ALL);
                let kept = all.into_iter().filter(|it| !removed.contains(it));
                let stopped = before.mlflow.server.filter(|_| removal.stop_mlflow);
                Ok(Removed { kept: kept.collect(), removed, foreign: before.foreign, stopped })
            }
        }
    }

    async fn remove(
        &self,
        found: &Inventory,
        removal: Removal,
    ) -> std::result::Result<(), Problem> {
        let (cluster, mlflow) = tokio::join!(self.remove_nodes(found, removal), async {
            match removal {
                Removal { mlflow: true, .. } => self.remove_mlflow(&found.mlflow, true).await,
                Removal { stop_mlflow: true, .. } => self.stop_mlflow(&found.mlflow).await,
                _ => Ok(()),
            }
        });
        cluster?;
        mlflow?;
        match removal {
            Removal { mlflow: false, stop_mlflow: false, .. } if !found.mlflow.server_is_off => {
                // Its idle time begins, now that no node is left that logs to it.
                self.recorded_idle_stop(&found.mlflow, &[], Moves::Anywhere).await
            }
            _ => Ok(()),
        }
    }

    /// First what costs money, then what it needed; what fails does not keep
    /// the rest from going.
    async fn remove_nodes(
        &self,
        found: &Inventory,
        removal: Removal,
    ) -> std::result::Result<(), Problem> {
        let ids: Vec<String> = found.instances.iter().map(|it| it.id.clone()).collect();
        // What is known ends at once, whatever becomes of the rest.
        let (nodes, lost, held) = tokio::join!(
            self.terminate(ids),
            async {
                let appeared = self.cut_off(found).await?;
                self.terminate(appeared).await
            },
            self.let_go_found(found),
        );
        // A request goes with its instance. Cancelled before, it would be missing
        // from whole nodes if this is cut off here.
        let requests = self.cancel_requests(found).await;
        // The rest waits for them, and the security group is the record of a launch.
        nodes?;
        lost?;
        let (addresses, leftovers) =
            tokio::join!(self.release_all(found), self.remove_leftovers(found));
        let (schedules, placement, groups, role) = tokio::join!(
            self.remove_scheduler(found, removal),
            self.remove_placement_groups(found, removal),
            self.remove_security_groups(found, removal),
            async { if removal.keep_free { Ok(()) } else { self.remove_node_role(found).await } },
        );
        for answer in [held, requests, addresses, leftovers, placement] {
            answer?;
        }
        schedules?;
        groups?;
        role
    }

    /// Instances of launches that were cut off, which may still show up.
    async fn cut_off(&self, found: &Inventory) -> std::result::Result<Vec<String>, Problem> {
        let mut ids = Vec::new();
        for group in &found.security_groups {
            let record = Record::of(&group.tags);
            let runs = |it: &Instance| {
                is_live(it)
                    && it.client_token.is_some()
                    && it.client_token == record.token(&self.cluster)
            };
            // One launch is open at a time, so one that runs is the last.
            if found.instances.iter().any(runs) {
                continue;
            }
            let mut group = Group { id: group.id.clone(), record };
            self.read_record(&mut group).await?;
            let Some(token) = group.record.token(&self.cluster) else { continue };
            if !found.tokens.contains(&token) {
                self.progress.told("a launch without a trace is looked for");
                let appeared = self.appeared(&token).await?;
                let live = appeared.into_iter().filter(|it| it.state != "terminated");
                ids.extend(live.map(|it| it.id));
            }
        }
        Ok(ids)
    }

    async fn let_go_found(&self, found: &Inventory) -> Result<()> {
        if found.reservations.is_empty() { Ok(()) } else { self.let_go_all().await }
    }

    async fn cancel_requests(&self, found: &Inventory) -> Result<()> {
        if found.spot_requests.is_empty() {
            return Ok(());
        }
        let spot = &self.services.spot;
        let call = async || spot.cancel_spot_requests(&found.spot_requests).await;
        self.removed(self.pace.patiently(self.pace.consistency, errors::passes, call).await)
    }

    async fn release_all(&self, found: &Inventory) -> Result<()> {
        for address in &found.addresses {
            self.release(address).await?;
        }
        Ok(())
    }

    /// Interfaces and volumes go with their instance; one that did not, goes now.
    async fn remove_leftovers(&self, found: &Inventory) -> Result<()> {
        if found.interfaces.is_empty() && found.volumes.is_empty() {
            return Ok(());
        }
        let (interfaces, volumes) = self.leftovers().await?;
        let ec2 = &self.services.ec2;
        for id in &interfaces {
            let call = async || ec2.delete_network_interface(id).await;
            self.removed(self.pace.patiently(self.pace.removal, later, call).await)?;
            self.progress.told(&format!("network interface {id} removed"));
        }
        for id in &volumes {
            let call = async || ec2.delete_volume(id).await;
            self.removed(self.pace.patiently(self.pace.removal, later, call).await)?;
            self.progress.told(&format!("volume {id} removed"));
        }
        Ok(())
    }

    async fn remove_placement_groups(&self, found: &Inventory, removal: Removal) -> Result<()> {
        let unwanted = found.placement_groups.iter().filter(|group| {
            !(removal.keep_free && found.kept_placement_group.as_ref() == Some(&group.name))
        });
        for group in unwanted {
            self.delete_placement_group(&group.name).await?;
            self.progress.told(&format!("placement group {} removed", group.name));
        }
        Ok(())
    }

    /// With `keep_free` they stay, with the record of the last launch under a
    /// new generation: the next `up` finds it written already.
    async fn remove_security_groups(
        &self,
        found: &Inventory,
        removal: Removal,
    ) -> std::result::Result<(), Problem> {
        for group in &found.security_groups {
            if removal.keep_free {
                let record = Record::of(&group.tags);
                let mut group = Group { id: group.id.clone(), record: record.clone() };
                let next = Record { is_next: record.attempt.is_some(), ..record };
                self.write_record(&mut group, next.renewed()).await?;
                continue;
            }
            let call = async || self.services.ec2.delete_security_group(&group.id).await;
            self.removed(self.pace.patiently(self.pace.removal, later, call).await)?;
            self.progress.told(&format!("security group {} removed", group.id));
        }
        Ok(())
    }

    async fn remove_node_role(&self, found: &Inventory) -> std::result::Result<(), Problem> {
        let iam = &self.services.iam;
        if let Some(profile) = &found.profile {
            for role in &profile.roles {
                self.removed(iam.remove_role_from_instance_profile(&profile.name, role).await)?;
            }
            let call = async || iam.delete_instance_profile(&profile.name).await;
            self.removed(self.pace.patiently(self.pace.consistency, later, call).await)?;
            self.progress.told(&format!("instance profile {} removed", profile.name));
        }
        if let (Some(role), None) = (&found.role, &found.profile) {
            // A profile that is not ours may hold it: CloudFormation tags none.
            let out = iam.remove_role_from_instance_profile(&role.name, &role.name).await;
            self.removed(out)?;
        }
        match &found.role {
            Some(role) => self.delete_role(&role.name).await,
            None => Ok(()),
        }
    }

    /// Deletes a role of ours with all that is in it.
    pub(super) async fn delete_role(&self, name: &str) -> std::result::Result<(), Problem> {
        let iam = &self.services.iam;
        let empty = async || {
            for policy in iam.role_policies(name).await? {
                self.removed(iam.delete_role_policy(name, &policy).await)?;
            }
            for arn in iam.attached_role_policies(name).await? {
                self.removed(iam.detach_role_policy(name, &arn).await)?;
            }
            iam.delete_role(name).await
        };
        self.removed(self.pace.patiently(self.pace.consistency, later, empty).await)?;
        self.progress.told(&format!("IAM role {name} removed"));
        Ok(())
    }

    /// What is already gone counts as removed.
    pub(super) fn removed(&self, answer: Result<()>) -> Result<()> {
        match answer {
            Err(error) if errors::is(&error, errors::GONE) => Ok(()),
            other => other,
        }
    }

    /// What is left, read until nothing is or EC2 has had time to show it.
    async fn audit(&self, removal: Removal, patience: Duration) -> Result<Vec<Resource>> {
        let start = self.pace.clock.now();
        loop {
            let list = self.inventory().await?.resources(removal);
            if list.is_empty()
                || self.pace.clock.since(start) >= patience
                || self.pace.stop.is_asked()
            {
                return Ok(list);
            }
            self.pace.clock.sleep(self.pace.poll).await;
        }
    }
}
