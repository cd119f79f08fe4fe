//! `extend`: a new end for every layer that ends the nodes.

use super::Engine;
use super::lifetime::Moves;
use super::remote::{self, Outcome, RemoteNode, RemoteScript};
use crate::failure::{Failure, Problem};
use crate::lifetime::{Change, Cost, End, EndCost};
use crate::plan::{LIFETIME_SCRIPT, live, ranked};
use jiff::Timestamp;
use nixl_aws::Tag;
use nixl_aws::ec2::{Filter, Instance};
use nixl_cluster::tag;
use serde::Serialize;
use std::collections::BTreeMap;

/// Setting a timer takes a second; a busy node gets more.
const SCRIPT_SECS: u32 = 60;

/// Put before the nodes' script, it leaves a node alone that ends then or later.
const ONLY_LATER: &str = "\
kept=$(cat \"${NIXL_KEPT:-/var/lib/cloud/instance/nixl-expires-at}\" 2>/dev/null) || kept=0
[ \"${kept:-0}\" -lt \"$(date -d \"$1\" +%s)\" ] || exit 0
";

/// What `extend` did, or would do.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Extended {
    /// Cluster.
    pub cluster: String,
    /// End before, RFC 3339 or `never`; the earliest of all nodes.
    pub old_end: String,
    /// End now.
    pub end: String,
    /// Seconds from now to the end; negative if it is over.
    pub left_secs: i64,
    /// What that costs; none where a price is unknown.
    pub cost: Option<EndCost>,
    /// Nodes whose tag, schedule and timer were moved, by rank.
    pub nodes: Vec<String>,
    /// Nothing was moved: it was only asked what would be.
    pub dry_run: bool,
}

/// How far `extend` may go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Consent {
    /// Also to an end that is over by now.
    pub over: bool,
    /// Not a step: only say what would be.
    pub dry_run: bool,
}

impl Extended {
    /// What is about to be done, and what it costs.
    #[must_use]
    pub fn told_before(&self) -> String {
        let Self { cluster, old_end, end, .. } = self;
        format!("cluster {cluster} is to end at {end} instead of {old_end}; {}", self.told_cost())
    }

    /// What it costs, in words.
    #[must_use]
    pub fn told_cost(&self) -> String {
        let Some(cost) = &self.cost else { return "what that costs is not known".to_owned() };
        let Cost { usd_per_hour, usd_so_far, source } = &cost.now;
        let more = match cost.usd_more() {
            Some(more) if more < 0.0 => format!(", ${:.2} less than before", -more),
            Some(more) => format!(", ${more:.2} more than before"),
            None => String::new(),
        };
        format!(
            "instances cost ${usd_per_hour:.2} an hour ({source}): ${usd_so_far:.2} so far, ${:.2} by then{more}",
            cost.usd_at_end
        )
    }
}

impl Engine<'_> {
    /// Moves the end of all nodes: tag, schedule and the nodes' own timers. What it
    /// costs is told first.
    ///
    /// # Errors
    /// If any of them still has its old end.
    pub async fn extend(&self, change: Change, consent: Consent) -> Result<Extended, Failure> {
        let ours = [Filter::tag(tag::CLUSTER, self.cluster.as_str())];
        let seen = self.services.ec2.describe_instances(&ours).await.map_err(Failure::unchanged)?;
        let nodes = live(&ranked(seen));
        if nodes.is_empty() {
            let (cluster, region) = (self.cluster.to_string(), self.region.clone());
            return Err(Failure::unchanged(Problem::NoCluster { cluster, region }));
        }
        // A tag that is no time is what this command mends.
        let old = nodes.iter().filter_map(|node| End::of(node).ok()).min().unwrap_or(End::Never);
        let now = Timestamp::now();
        let end = change.end(old, now).map_err(|error| Failure::unchanged(Problem::from(error)))?;
        let left_secs = end.left_secs(now).unwrap_or(i64::MAX);
        if left_secs <= 0 && !consent.over {
            return Err(Failure::unchanged(Problem::EndIsOver { end: end.to_string() }));
        }
        let mut done = Extended {
            cluster: self.cluster.to_string(),
            old_end: old.to_string(),
            end: end.to_string(),
            left_secs,
            cost: self.cost_of_end(&nodes, now, old, end).await,
            nodes: nodes.iter().map(|node| self.cluster.node(node.launch_index)).collect(),
            dry_run: consent.dry_run,
        };
        if consent.dry_run {
            return Ok(done);
        }
        self.progress.told(&done.told_before());
        match self.move_end(nodes, old, end).await {
            Ok(nodes) => {
                done.nodes = nodes.iter().map(|it| self.cluster.node(it.launch_index)).collect();
                Ok(done)
            }
            Err(problem) => Err(Failure { problem, left: self.left().await }),
        }
    }

    async fn cost_of_end(
        &self,
        nodes: &[Instance],
        now: Timestamp,
        old: End,
        end: End,
    ) -> Option<EndCost> {
        let secs = |at: Timestamp| u64::try_from(at.as_second()).unwrap_or_default();
        let end_secs = secs(end.at()?);
        let cost = self.cost(nodes).await?;
        Some(EndCost::new(cost, secs(now), old.at().map(secs), end_secs))
    }

    /// First what holds over a reboot and tells the daemon, last the timers: what
    /// fails is told, and the same command does the rest.
    async fn move_end(
        &self,
        mut nodes: Vec<Instance>,
        old: End,
        end: End,
    ) -> Result<Vec<Instance>, Problem> {
        let tags: Vec<Tag> = end.tag().into_iter().collect();
        let ids: Vec<String> = nodes.iter().map(|node| node.id.clone()).collect();
        let call = async || self.services.ec2.create_tags(&ids, &tags).await;
        self.pace.patiently(self.pace.consistency, crate::errors::passes, call).await?;
        for node in &mut nodes {
            node.tags.retain(|tag| tag.key != tag::EXPIRES_AT);
            node.tags.extend(tags.iter().cloned());
        }
        let (scheduled, timers) = tokio::join!(
            self.schedule_ends(&nodes, Moves::Anywhere),
            self.move_timers(&nodes, end, "")
        );
        let standing = standing(&nodes, timers);
        if standing.is_empty() {
            scheduled?;
            return self.move_idle_stop(&nodes).await.map(|()| nodes);
        }
        let (old, end) = (old.to_string(), end.to_string());
        let unscheduled = scheduled.err().map(|problem| problem.to_string());
        Err(Problem::TimersStand { old, end, standing, unscheduled })
    }

    /// Moves timers that still have an earlier end than the tags say, as an
    /// `extend` leaves them that was cut off. What cannot be reached is told.
    pub(super) async fn mend_timers(&self) {
        let ours = [Filter::tag(tag::CLUSTER, self.cluster.as_str())];
        let call = async || self.services.ec2.describe_instances(&ours).await;
        let nodes =
            match self.pace.patiently(self.pace.consistency, crate::errors::passes, call).await {
                Ok(seen) => live(&ranked(seen)),
                Err(error) => {
                    self.progress
                        .told(&format!("note: the nodes' timers were not looked at: {error}"));
                    return;
                }
            };
        let now = Timestamp::now();
        let mut by_end: BTreeMap<End, Vec<Instance>> = BTreeMap::new();
        for node in nodes {
            // Past its end, it would power off; and what says no time, says nothing.
            if let Ok(end) = End::of(&node)
                && end.at().is_some_and(|at| at > now)
            {
                by_end.entry(end).or_default().push(node);
            }
        }
        for (end, nodes) in by_end {
            let timers = self.move_timers(&nodes, end, ONLY_LATER).await;
            for it in standing(&nodes, timers) {
                self.progress.told(&format!(
                    "note: whether the timer of this node stands at {end} is not known: {it}"
                ));
            }
        }
    }

    /// The script of the nodes' own user data with another end: it fails where no
    /// timer waits for it.
    async fn move_timers(
        &self,
        nodes: &[Instance],
        end: End,
        before: &str,
    ) -> nixl_aws::Result<Vec<(RemoteNode, Outcome)>> {
        let remote: Vec<RemoteNode> = nodes
            .iter()
            .map(|node| RemoteNode {
                rank: node.launch_index,
                name: self.cluster.node(node.launch_index),
                instance_id: node.id.clone(),
            })
            .collect();
        let script = RemoteScript {
            text: &format!("set -- {end}\n{before}{LIFETIME_SCRIPT}"),
            timeout_secs: SCRIPT_SECS,
            purpose: "nixl-launch extend",
            poll: self.pace.poll,
        };
        remote::run(self.services.ssm.as_ref(), &remote, &script).await
    }
}

/// Nodes whose timers were not moved, and why.
fn standing(
    nodes: &[Instance],
    timers: nixl_aws::Result<Vec<(RemoteNode, Outcome)>>,
) -> Vec<String> {
    match timers {
        Ok(timers) => timers
            .into_iter()
            .filter(|(_, outcome)| outcome.success().is_none())
            .map(|(node, outcome)| format!("{} ({}): {outcome}", node.name, node.instance_id))
            .collect(),
        Err(error) => nodes.iter().map(|node| format!("{}: {error}", node.id)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Patience;
    use crate::fake::{Fake, Fault, REGION};
    use crate::plan::Spec;
    use std::time::Duration;

    const TWO_HOURS: Duration = Duration::from_secs(7200);

    async fn cluster() -> Fake {
        let fake = Fake::new();
        let services = fake.services();
        let patience = Patience { ready: Duration::from_millis(500), capacity: Duration::ZERO };
        let spec = Spec::new(Default::default(), REGION);
        fake.engine(&services).up(&spec, patience).await.unwrap();
        fake
    }

    async fn extend(fake: &Fake, change: Change, over: bool) -> Result<Extended, Failure> {
        let services = fake.services();
        let consent = Consent { over, dry_run: false };
        fake.engine(&services).extend(change, consent).await
    }

    #[tokio::test]
    async fn tag_schedule_and_timer_of_every_node_are_moved() {
        let fake = cluster().await;
        let done = extend(&fake, Change::By(TWO_HOURS), false).await.unwrap();
        assert_eq!(done.old_end, "2100-01-01T08:00:00Z");
        assert_eq!(done.end, "2100-01-01T10:00:00Z");
        assert_eq!(done.nodes, ["nixl-node1", "nixl-node2"]);
        let state = fake.state();
        for node in &state.instances {
            assert_eq!(Tag::find(&node.tags, "nixl:expires-at"), Some(done.end.as_str()));
            assert_eq!(state.scheduler.schedules[&node.id].at_utc, "2100-01-01T10:00:00");
        }
        let script = &state.ssm.commands.last().unwrap().1.script;
        assert!(script.starts_with("set -- 2100-01-01T10:00:00Z\n"), "{script}");
    }

    #[tokio::test]
    async fn a_dry_run_tells_the_same_and_changes_nothing() {
        let fake = cluster().await;
        let before = fake.state().changes;
        let services = fake.services();
        let engine = fake.engine(&services);
        let dry = Consent { dry_run: true, ..Consent::default() };
        let would = engine.extend(Change::By(TWO_HOURS), dry).await.unwrap();
        assert_eq!(fake.state().changes, before);
        let done = engine.extend(Change::By(TWO_HOURS), Consent::default()).await.unwrap();
        assert_eq!(Extended { dry_run: true, ..done.clone() }, would);
        assert!(done.told_before().contains("to end at 2100-01-01T10:00:00Z instead of"));
    }

    #[tokio::test]
    async fn a_node_that_cannot_be_reached_is_no_success() {
        let fake = cluster().await;
        let id = fake.state().instances[1].id.clone();
        fake.state().ssm.ping.insert(id.clone(), "ConnectionLost");
        let failure = extend(&fake, Change::By(TWO_HOURS), false).await.unwrap_err();
        let told = failure.to_string();
        assert!(told.contains(&id) && told.contains("2100-01-01T08:00:00Z"), "{told}");
        assert!(!told.contains("nixl-node1"), "{told}");
        // Once it is there again, the same end is given to the rest.
        fake.state().ssm.ping.clear();
        let until = Change::Until("2100-01-01T10:00:00Z".parse().unwrap());
        extend(&fake, until, false).await.unwrap();
    }

    #[tokio::test]
    async fn an_end_that_is_over_must_be_wanted() {
        let fake = cluster().await;
        let past = Change::Until("2020-01-01T00:00:00Z".parse().unwrap());
        let failure = extend(&fake, past, false).await.unwrap_err();
        assert!(matches!(failure.problem, Problem::EndIsOver { .. }));
        assert_eq!(fake.count("CreateTags"), cluster().await.count("CreateTags"));
        let done = extend(&fake, past, true).await.unwrap();
        assert!(done.left_secs < 0);
    }

    #[tokio::test]
    async fn schedules_and_timers_that_stand_are_both_told() {
        let fake = cluster().await;
        let id = fake.state().instances[1].id.clone();
        fake.state().ssm.ping.insert(id.clone(), "ConnectionLost");
        let denied = Fault::Refuse("AccessDeniedException", "not you", 403);
        fake.script("UpdateSchedule", &[denied]);
        let told = extend(&fake, Change::By(TWO_HOURS), false).await.unwrap_err().to_string();
        assert!(told.contains(&id) && told.contains("not you"), "{told}");
        assert!(!told.contains("tag and schedule say"), "{told}");
    }

    /// `kill -9` after the tags: the next `up` does the rest.
    #[tokio::test]
    async fn an_extension_that_was_cut_off_is_mended_by_up() {
        let fake = cluster().await;
        let changes = fake.state().changes;
        fake.state().dies_at = Some((changes, true));
        let services = fake.services();
        let engine = fake.engine(&services);
        assert!(fake.dead(engine.extend(Change::By(TWO_HOURS), Consent::default())).await);
        let patience = Patience { ready: Duration::from_millis(500), capacity: Duration::ZERO };
        engine.up(&Spec::new(Default::default(), REGION), patience).await.unwrap();
        let state = fake.state();
        for node in &state.instances {
            assert_eq!(state.scheduler.schedules[&node.id].at_utc, "2100-01-01T10:00:00");
        }
        let script = &state.ssm.commands.last().unwrap().1.script;
        assert!(script.starts_with("set -- 2100-01-01T10:00:00Z\nkept="), "{script}");
    }

    /// Somebody extends the cluster after `up` has read its tags.
    #[tokio::test]
    async fn up_never_moves_a_schedule_earlier() {
        let fake = cluster().await;
        for schedule in fake.state().scheduler.schedules.values_mut() {
            schedule.at_utc = "2100-01-02T00:00:00".to_owned();
        }
        let services = fake.services();
        let patience = Patience { ready: Duration::from_millis(500), capacity: Duration::ZERO };
        let engine = fake.engine(&services);
        engine.up(&Spec::new(Default::default(), REGION), patience).await.unwrap();
        let ends = fake.state();
        assert!(ends.scheduler.schedules.values().all(|it| it.at_utc == "2100-01-02T00:00:00"));
    }

    #[tokio::test]
    async fn without_nodes_there_is_nothing_to_extend() {
        let failure = extend(&Fake::new(), Change::By(TWO_HOURS), false).await.unwrap_err();
        assert!(matches!(failure.problem, Problem::NoCluster { .. }));
    }
}
