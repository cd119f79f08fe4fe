//! `up`: read, plan, make sure of everything, wait.

use super::lifetime::Moves;
use super::placement::usable;
use super::{Engine, Goal, now_secs};
use crate::failure::{Failure, Problem};
use crate::keys;
use crate::plan::{Existing, Facts, Plan, Spec, WayOut, plan};
use crate::report::{Report, report};
use nixl_aws::Tag;
use nixl_aws::ec2::Instance;
use nixl_cluster::check::Verdict;
use std::time::{Duration, Instant};

/// How long `up` waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// For running nodes to pair.
    pub ready: Duration,
    /// For room, where there is none.
    pub capacity: Duration,
}

fn need_addresses(nodes: &[Instance]) -> bool {
    nodes.first().and_then(WayOut::of) == Some(WayOut::Elastic)
}

impl Engine<'_> {
    /// The cluster, paired.
    ///
    /// # Errors
    /// With what is left.
    pub async fn up(&self, spec: &Spec, patience: Patience) -> Result<Report, Failure> {
        let began = Instant::now();
        let facts = self.facts(spec).await.map_err(Failure::unchanged)?;
        self.execute(plan(spec, &facts), facts, patience, began).await
    }

    /// The same by a plan of another time, exactly: it is never planned anew.
    ///
    /// # Errors
    /// Also if something is not as it was, before anything is changed.
    pub async fn up_as_planned(&self, saved: &Plan, patience: Patience) -> Result<Report, Failure> {
        let began = Instant::now();
        let spec = saved.pinned();
        let facts = self.facts(&spec).await.map_err(Failure::unchanged)?;
        let now = plan(&spec, &facts);
        saved.unchanged(&now).map_err(Failure::unchanged)?;
        // What is there is found again; what is decided is the saved plan's.
        let plan = Plan { attempts: saved.attempts.clone(), ..now };
        self.execute(plan, facts, patience, began).await
    }

    async fn execute(
        &self,
        plan: Plan,
        facts: Facts,
        patience: Patience,
        began: Instant,
    ) -> Result<Report, Failure> {
        plan.ready().map_err(|checks| Failure::unchanged(Problem::Plan(checks)))?;
        for check in plan.checks.iter().filter(|check| check.verdict == Verdict::Warn) {
            self.progress.told(&format!("note: {check}"));
        }
        let outcome = async {
            let (plan, facts) = self.with_app(plan, facts).await?;
            self.record_app(&plan.tracking, &facts.tracking).await?;
            self.carry_out(&plan, &facts, patience, began).await
        }
        .await;
        self.progress.done();
        match outcome {
            Ok(report) => Ok(report),
            Err(problem) => Err(Failure { problem, left: self.left().await }),
        }
    }

    /// With the App, whose ARN the nodes are told at launch: what is launched is
    /// recorded before, and nothing of it may change any more.
    async fn with_app(&self, planned: Plan, facts: Facts) -> Result<(Plan, Facts), Problem> {
        if !planned.tracking.is_unknown() {
            return Ok((planned, facts));
        }
        let tracking = self.app(&planned.tracking, &facts).await?;
        let facts = Facts { tracking, ..facts };
        let now = plan(&planned.spec, &facts);
        now.ready().map_err(Problem::Plan)?;
        Ok((Plan { attempts: planned.attempts, ..now }, facts))
    }

    async fn carry_out(
        &self,
        plan: &Plan,
        facts: &Facts,
        patience: Patience,
        began: Instant,
    ) -> Result<Report, Problem> {
        // Both change things, so neither is dropped for the other's failure.
        let (nodes, tracking) = tokio::join!(
            self.nodes(plan, facts, patience.capacity),
            self.tracking(&plan.tracking, facts),
        );
        let (nodes, group) = nodes?;
        tracking?;
        let tracking = plan.tracking.as_told(&nodes, &facts.tracking);
        if tracking != plan.tracking {
            // Another run launched them, with the App that it had recorded.
            self.record_app(&tracking, &facts.tracking).await?;
        }
        self.tidy_apps(&tracking, facts, &nodes).await?;
        self.planned_idle_stop(&tracking, facts.tracking.role.as_ref(), &nodes).await?;
        // Both only read, so a failure of one or a person may drop the other.
        let waits = async {
            tokio::try_join!(
                self.wait_ready(&nodes, Goal::Ready, patience.ready, began),
                self.wait_tracking(&tracking),
            )
        };
        let (ready, tracking) = self.unless_stopped(waits).await?;
        // By now EC2 shows also those that a run before did not see.
        if need_addresses(&nodes) {
            self.release_surplus(&nodes).await?;
        }
        if matches!(plan.existing, Existing::Complete(_)) {
            let mend = async {
                self.mend_timers().await;
                Ok(())
            };
            self.unless_stopped(mend).await?;
        }
        let group = Some(group);
        let report = report(&self.cluster, &self.region, &ready.nodes, group, tracking, now_secs());
        let cost = self.cost(&ready.nodes).await;
        Ok(ready.told_in(Report { cost, ..report }))
    }

    /// The nodes with their names, roles and addresses, and their security group.
    async fn nodes(
        &self,
        plan: &Plan,
        facts: &Facts,
        wait: Duration,
    ) -> Result<(Vec<Instance>, String), Problem> {
        let (nodes, group) = match &plan.existing {
            Existing::Complete(nodes) => {
                self.progress.told(&format!("{} nodes are already there", nodes.len()));
                // They were told an ARN at launch; their role keeps it.
                let told = nodes.first().and_then(|node| Tag::find(&node.tags, keys::TRACKING_ARN));
                let tracking = plan.tracking.as_told(nodes, &facts.tracking);
                let arn = told.or(tracking.arn());
                let artifacts = tracking.artifacts().filter(|_| arn == tracking.arn());
                let (role, group) = tokio::join!(
                    self.node_role(facts, arn, artifacts.as_ref()),
                    self.security_group(plan, None),
                );
                role?;
                let group = group?.0.id;
                let nodes = self.arrival(nodes).await?.running()?;
                // A run that was cut off may have left held room and other zones' groups.
                self.let_go_left(facts).await;
                let used = nodes.first().and_then(|node| node.placement_group.as_ref());
                self.tidy_placement_groups(&usable(&facts.placement_groups), used).await;
                (nodes, group)
            }
            Existing::None => self.launch(plan, facts, wait).await?,
        };
        let (named, given, ending) = tokio::join!(
            self.name_nodes(&nodes),
            async {
                if need_addresses(&nodes) { self.give_addresses(&nodes).await } else { Ok(()) }
            },
            self.schedule_ends(&nodes, Moves::Later),
        );
        named?;
        given?;
        ending?;
        Ok((nodes, group))
    }
}
