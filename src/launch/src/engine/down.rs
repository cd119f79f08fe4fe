//! `down`: remove everything of the cluster and prove that nothing is left.

use super::Engine;
use super::inventory::Inventory;
use super::security_group::attempt_of;
use crate::errors;
use crate::failure::{Failure, Left, Problem, Resource};
use nixl_aws::ec2::Filter;
use nixl_aws::{AwsError, Result};
use nixl_cluster::tag;
use std::time::{Duration, Instant};

/// What `down` did.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Removed {
    /// Gone now.
    pub removed: Vec<Resource>,
    /// Not this cluster's, left alone.
    pub foreign: Vec<Resource>,
    /// This cluster's, kept as asked.
    pub kept: Vec<Resource>,
}

/// Whether something else must be gone first, or the call may pass later.
pub(super) fn later(error: &AwsError) -> bool {
    errors::is(error, errors::IN_USE) || errors::passes(error)
}

impl Engine<'_> {
    /// Removes the cluster; with `keep_mlflow` all but MLflow.
    ///
    /// # Errors
    /// With what is left.
    pub async fn down(&self, keep_mlflow: bool) -> std::result::Result<Removed, Failure> {
        let before = self.inventory().await.map_err(Failure::unchanged)?;
        let outcome = self.remove(&before, keep_mlflow).await;
        self.progress.done();
        // After a failure one look is enough to say what is left.
        let patience = if outcome.is_ok() { self.pace.consistency } else { Duration::ZERO };
        let after = self.audit(!keep_mlflow, patience).await;
        let left = match &after {
            Ok(list) if list.is_empty() => Left::Clear,
            Ok(list) => Left::Remaining(list.clone()),
            Err(_) => Left::Unknown,
        };
        match (outcome, after) {
            (Err(problem), _) => Err(Failure { problem, left }),
            (Ok(()), Err(error)) => Err(Failure { problem: error.into(), left }),
            (Ok(()), Ok(list)) if !list.is_empty() => {
                Err(Failure { problem: Problem::Residue, left })
            }
            (Ok(()), Ok(_)) => {
                let removed = before.resources(!keep_mlflow);
                let kept = before.resources(true).into_iter().filter(|it| !removed.contains(it));
                Ok(Removed { kept: kept.collect(), removed, foreign: before.foreign })
            }
        }
    }

    async fn remove(
        &self,
        found: &Inventory,
        keep_mlflow: bool,
    ) -> std::result::Result<(), Problem> {
        let (cluster, mlflow) = tokio::join!(self.remove_nodes(found), async {
            if keep_mlflow { Ok(()) } else { self.remove_mlflow(&found.mlflow).await }
        });
        cluster?;
        mlflow
    }

    async fn remove_nodes(&self, found: &Inventory) -> std::result::Result<(), Problem> {
        let mut ids: Vec<String> = found.instances.iter().map(|it| it.id.clone()).collect();
        for group in &found.security_groups {
            // A launch that was cut off may still show up.
            let Some((_, token)) = attempt_of(&group.tags) else { continue };
            if !found.tokens.contains(&token) {
                self.progress.told("a launch without a trace is looked for");
                let appeared = self.appeared(&token).await?;
                ids.extend(appeared.into_iter().map(|it| it.id));
            }
        }
        self.terminate(ids).await?;
        let (groups, rules, role) = tokio::join!(
            async {
                for group in &found.placement_groups {
                    self.delete_placement_group(&group.name).await?;
                    self.progress.told(&format!("placement group {} removed", group.name));
                }
                Ok::<(), AwsError>(())
            },
            async {
                for group in &found.security_groups {
                    let call = async || self.services.ec2.delete_security_group(&group.id).await;
                    self.removed(self.pace.patiently(self.pace.removal, later, call).await)?;
                    self.progress.told(&format!("security group {} removed", group.id));
                }
                Ok::<(), AwsError>(())
            },
            self.remove_node_role(found),
        );
        groups?;
        rules?;
        role
    }

    /// Ends instances and waits until they have let go of everything.
    async fn terminate(&self, ids: Vec<String>) -> std::result::Result<(), Problem> {
        if ids.is_empty() {
            return Ok(());
        }
        let call = async || self.services.ec2.terminate_instances(&ids).await;
        match self.pace.patiently(self.pace.consistency, errors::passes, call).await {
            // One id that is gone keeps EC2 from ending any of the others.
            Err(error) if errors::is(&error, errors::GONE) => {
                for id in &ids {
                    let one = std::slice::from_ref(id);
                    self.removed(self.services.ec2.terminate_instances(one).await)?;
                }
            }
            other => other?,
        }
        let ours = [Filter::tag(tag::CLUSTER, self.cluster.as_str())];
        let start = Instant::now();
        loop {
            let call = async || self.services.ec2.describe_instances(&ours).await;
            let seen = self.pace.patiently(self.pace.consistency, errors::passes, call).await?;
            let mut missing = Vec::new();
            for node in seen.iter().filter(|node| ids.contains(&node.id)) {
                let name = self.cluster.node(node.launch_index);
                self.progress.doing(&name, &node.state);
                if node.state != "terminated" {
                    missing.push(format!("{name} ({}) is {}", node.id, node.state));
                }
            }
            if missing.is_empty() {
                return Ok(());
            }
            if start.elapsed() >= self.pace.removal {
                return Err(Problem::Timeout { secs: start.elapsed().as_secs(), missing });
            }
            tokio::time::sleep(self.pace.poll).await;
        }
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
    async fn audit(&self, with_mlflow: bool, patience: Duration) -> Result<Vec<Resource>> {
        let start = Instant::now();
        loop {
            let list = self.inventory().await?.resources(with_mlflow);
            if list.is_empty() || start.elapsed() >= patience {
                return Ok(list);
            }
            tokio::time::sleep(self.pace.poll).await;
        }
    }
}
