//! What becomes of instances between an accepted launch and `running`: they may
//! still die for want of room, which is a refusal that comes late.

use super::Engine;
use crate::errors;
use crate::failure::{Problem, Refusal};
use crate::plan::{Attempt, is_live};
use nixl_aws::ec2::{Filter, Instance};
use nixl_cluster::tag;

/// How a launch arrived.
#[derive(Debug)]
pub(super) enum Arrival {
    /// All run, or have had the time to: who waits for them tells what is missing.
    Running(Vec<Instance>),
    /// One ended for a reason of EC2's own.
    Ended(Ended),
    /// An older launch of the same cluster is there: these instances.
    Outdone(Vec<String>),
}

/// An instance that ended before it ran.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ended {
    name: String,
    instance_id: String,
    state: String,
    code: String,
    why: String,
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({}) is {}: {}", self.name, self.instance_id, self.state, self.why)
    }
}

impl From<Ended> for Problem {
    fn from(Ended { name, instance_id, state, why, .. }: Ended) -> Self {
        Self::NodeEnded { name, instance_id, state, why }
    }
}

impl Ended {
    /// As the refusal of its attempt.
    pub fn refusal(self, attempt: &Attempt) -> Refusal {
        Refusal { key: attempt.key(), code: self.code, message: self.why, advice: None }
    }
}

impl Arrival {
    /// The nodes of a launch that somebody else made, or made before.
    pub fn running(self) -> Result<Vec<Instance>, Problem> {
        match self {
            Self::Running(nodes) => Ok(nodes),
            Self::Ended(ended) => Err(ended.into()),
            Self::Outdone(others) => Err(Problem::TwoLaunches { others, is_ours_ended: false }),
        }
    }
}

/// Live instances of the cluster from another launch than these nodes.
fn others<'a>(seen: &'a [Instance], nodes: &[Instance]) -> Vec<&'a Instance> {
    let other = |it: &&Instance| nodes.iter().all(|node| node.reservation_id != it.reservation_id);
    seen.iter().filter(|it| is_live(it)).filter(other).collect()
}

/// When a launch was made; the reservation's id settles a tie alike for all.
fn age<'a>(nodes: impl IntoIterator<Item = &'a Instance>) -> Option<(&'a str, &'a str)> {
    let age =
        |it: &'a Instance| (it.launch_time.as_deref().unwrap_or_default(), &*it.reservation_id);
    nodes.into_iter().map(age).min()
}

impl Engine<'_> {
    /// The nodes once all of them run.
    pub(super) async fn arrival(&self, nodes: &[Instance]) -> Result<Arrival, Problem> {
        let ours = [Filter::tag(tag::CLUSTER, self.cluster.as_str())];
        let start = self.pace.clock.now();
        let mut doubled = None;
        loop {
            let call = async || self.services.ec2.describe_instances(&ours).await;
            let seen = self.pace.patiently(self.pace.consistency, errors::passes, call).await?;
            // EC2 may not show them yet.
            let now =
                |node: &Instance| seen.iter().find(|it| it.id == node.id).unwrap_or(node).clone();
            let current: Vec<Instance> = nodes.iter().map(now).collect();
            if let Some(node) = current.iter().find(|node| !is_live(node)) {
                let ended = self.ended(node);
                if errors::is_want_of_room(&ended.code) {
                    return Ok(Arrival::Ended(ended));
                }
                return Err(ended.into());
            }
            for node in current.iter().filter(|node| node.state == "pending") {
                let name = self.cluster.node(node.launch_index);
                self.progress.doing(&name, "requested, starting");
            }
            let others = others(&seen, nodes);
            if others.is_empty() {
                doubled = None;
            } else {
                let ids = || others.iter().map(|it| it.id.clone()).collect();
                if age(others.iter().copied()) < age(&current) {
                    return Ok(Arrival::Outdone(ids()));
                }
                // Whoever launched them ends them, if it still runs.
                let since = *doubled.get_or_insert_with(|| self.pace.clock.now());
                if self.pace.clock.since(since) >= self.pace.settle {
                    return Err(Problem::TwoLaunches { others: ids(), is_ours_ended: false });
                }
                self.rest(self.pace.poll).await?;
                continue;
            }
            let all_run = current.iter().all(|node| node.state == "running");
            if all_run || self.pace.clock.since(start) >= self.pace.arrival {
                return Ok(Arrival::Running(current));
            }
            self.rest(self.pace.poll).await?;
        }
    }

    fn ended(&self, node: &Instance) -> Ended {
        let code = node.state_reason_code.clone().unwrap_or_default();
        let unknown = || if code.is_empty() { "no reason given".to_owned() } else { code.clone() };
        Ended {
            name: self.cluster.node(node.launch_index),
            instance_id: node.id.clone(),
            state: node.state.clone(),
            // EC2's text begins with the code itself.
            why: node.state_reason.clone().unwrap_or_else(unknown),
            code,
        }
    }
}
