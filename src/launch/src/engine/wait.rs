//! Waiting until every node says that it is paired: requested → running →
//! registered → paired, read from EC2 and from the nodes' own tags.

use super::Engine;
use crate::errors;
use crate::failure::Problem;
use crate::report::state_of;
use nixl_aws::ec2::{Filter, Instance};
use nixl_cluster::{Phase, reason, tag};
use std::time::{Duration, Instant};

/// Where a node stands.
#[derive(Debug, PartialEq, Eq)]
enum Standing {
    Paired,
    Waiting(String),
}

/// Longest wait for nodes to take note that what they warned of has passed,
/// such as a tracking server that was still being created: their longest
/// interval between two looks, and some.
const SETTLE: Duration = Duration::from_secs(20);

impl Engine<'_> {
    /// The paired nodes as they are once they warn of nothing any more, or
    /// after a short while. A pair that still warns is a pair: the report says so.
    pub(super) async fn settled(&self, nodes: Vec<Instance>) -> Vec<Instance> {
        let start = Instant::now();
        let mut current = nodes;
        let warns = |node: &Instance| state_of(node).is_some_and(|state| state.reason.is_some());
        while current.iter().any(warns) && start.elapsed() < SETTLE {
            tokio::time::sleep(self.pace.poll).await;
            let ours = [Filter::tag(tag::CLUSTER, self.cluster.as_str())];
            let Ok(seen) = self.services.ec2.describe_instances(&ours).await else { continue };
            for node in &mut current {
                if let Some(now) = seen.iter().find(|instance| instance.id == node.id) {
                    *node = now.clone();
                }
            }
        }
        current
    }

    /// The nodes, once all are paired.
    pub(super) async fn wait_paired(
        &self,
        nodes: &[Instance],
        timeout: Duration,
    ) -> Result<Vec<Instance>, Problem> {
        let start = Instant::now();
        let ours = [Filter::tag(tag::CLUSTER, self.cluster.as_str())];
        loop {
            let seen = match self.services.ec2.describe_instances(&ours).await {
                Ok(seen) => seen,
                // The nodes go on by themselves; a hiccup of the API is no
                // reason to give up on them.
                Err(error) if errors::passes(&error) && start.elapsed() < timeout => {
                    tracing::debug!(%error, "look again");
                    tokio::time::sleep(self.pace.poll).await;
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            let mut missing = Vec::new();
            let mut current = Vec::new();
            for node in nodes {
                let name = self.cluster.node(node.launch_index);
                let now = seen.iter().find(|instance| instance.id == node.id);
                match self.standing(&name, now)? {
                    Standing::Paired => self.progress.doing(&name, "paired"),
                    Standing::Waiting(at) => {
                        self.progress.doing(&name, &at);
                        missing.push(format!("{name} ({}) is {at}", node.id));
                    }
                }
                current.extend(now.cloned());
            }
            if missing.is_empty() {
                return Ok(current);
            }
            if start.elapsed() >= timeout {
                return Err(Problem::Timeout { secs: timeout.as_secs(), missing });
            }
            tokio::time::sleep(self.pace.poll).await;
        }
    }

    fn standing(&self, name: &str, now: Option<&Instance>) -> Result<Standing, Problem> {
        // Just launched, EC2 may not show it yet.
        let Some(node) = now else { return Ok(Standing::Waiting("requested".to_owned())) };
        match node.state.as_str() {
            "pending" => return Ok(Standing::Waiting("requested, starting".to_owned())),
            "running" => {}
            state => {
                let code = node.state_reason_code.as_deref().unwrap_or("no reason given");
                // EC2's text begins with the code itself.
                let text = node.state_reason.as_deref().unwrap_or(code);
                return Err(Problem::NodeEnded {
                    name: name.to_owned(),
                    instance_id: node.id.clone(),
                    state: state.to_owned(),
                    why: text.to_owned(),
                });
            }
        }
        let Some(state) = state_of(node) else {
            return Ok(Standing::Waiting("running, not registered yet".to_owned()));
        };
        let code = state.reason.unwrap_or_default();
        match state.phase {
            Phase::Paired => Ok(Standing::Paired),
            Phase::Failed => {
                let known = reason::find(&code);
                Err(Problem::NodeFailed {
                    name: name.to_owned(),
                    instance_id: node.id.clone(),
                    meaning: known.map_or("a newer daemon's reason", |known| known.meaning),
                    advice: known.map_or("see /health on the node", |known| known.advice),
                    reason: code,
                })
            }
            phase if code.is_empty() => Ok(Standing::Waiting(phase.to_string())),
            phase => Ok(Standing::Waiting(format!("{phase} ({code})"))),
        }
    }
}
