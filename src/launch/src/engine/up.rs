//! `up`: read, plan, make sure of everything, wait.

use super::{Engine, now_secs};
use crate::failure::{Failure, Problem};
use crate::keys;
use crate::plan::{Existing, Facts, Plan, Spec, plan};
use crate::report::{Report, report};
use nixl_aws::Tag;
use std::time::Duration;

impl Engine<'_> {
    /// The cluster, paired.
    ///
    /// # Errors
    /// With what is left.
    pub async fn up(&self, spec: &Spec, timeout: Duration) -> Result<Report, Failure> {
        let facts = self.facts(spec).await.map_err(Failure::unchanged)?;
        let plan =
            plan(spec, &facts).map_err(|findings| Failure::unchanged(Problem::Plan(findings)))?;
        for note in &plan.notes {
            self.progress.told(&format!("note: {note}"));
        }
        let outcome = self.carry_out(&plan, &facts, timeout).await;
        self.progress.done();
        match outcome {
            Ok(report) => Ok(report),
            Err(problem) => Err(Failure { problem, left: self.left().await }),
        }
    }

    async fn carry_out(
        &self,
        plan: &Plan,
        facts: &Facts,
        timeout: Duration,
    ) -> Result<Report, Problem> {
        // Nodes that are there were told an ARN at launch; their role keeps it.
        let told = match &plan.existing {
            Existing::Complete(nodes) => {
                nodes.first().and_then(|node| Tag::find(&node.tags, keys::TRACKING_ARN))
            }
            Existing::None => None,
        };
        let arn = told.or(plan.tracking.arn());
        let (role, group, tracking) = tokio::join!(
            self.node_role(facts, arn),
            self.security_group(plan),
            self.tracking_server(&plan.tracking, facts),
        );
        role?;
        let mut group = group?;
        tracking?;
        let nodes = match &plan.existing {
            Existing::Complete(nodes) => {
                self.progress.told(&format!("{} nodes are already there", nodes.len()));
                nodes.clone()
            }
            Existing::None => self.launch(plan, &mut group).await?,
        };
        self.name_nodes(&nodes).await?;
        // Both only read, so the first failure may drop the other.
        let (nodes, tracking) = tokio::try_join!(
            self.wait_paired(&nodes, timeout),
            self.wait_tracking(plan.tracking.name()),
        )?;
        let nodes = self.settled(nodes).await;
        Ok(report(&self.cluster, &self.region, &nodes, Some(group.id), tracking, now_secs()))
    }
}
