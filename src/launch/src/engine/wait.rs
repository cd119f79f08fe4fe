//! Waiting until the nodes are ready, read from EC2, SSM and the nodes' own tags.
//!
//! Ready is paired over the provider asked for. SSM is waited for too, since
//! `connect`, `exec` and `logs` need it, but pairing does not: where it cannot be
//! reached the pair is ready all the same, with a warning, once its agent has had
//! as long as agents take.

use super::{Engine, now_secs};
use crate::errors;
use crate::failure::{Problem, Stuck};
use crate::keys;
use crate::plan::ranked;
use crate::report::{LinkReport, Report, state_of};
use crate::timeline::{Stage, Timeline, other_provider, usual_cause};
use nixl_aws::Tag;
use nixl_aws::ec2::{Filter, Instance};
use nixl_cluster::{Phase, Provider, ProviderChoice, reason, tag};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Goal {
    /// Every node is paired, its agent is online or given up, its links are measured.
    Ready,
    /// Every node's SSM agent is online.
    Ssm,
}

/// Nodes that came to what was waited for.
pub(super) struct Ready {
    /// As they are now, by rank.
    pub nodes: Vec<Instance>,
    /// How they came to it, by rank.
    pub timelines: BTreeMap<u32, Timeline>,
    /// Their links, as far as they could be asked.
    pub links: Vec<LinkReport>,
    /// What is not as it should be.
    pub warnings: Vec<String>,
}

impl Ready {
    /// The report of these nodes with what was seen on the way.
    pub fn told_in(self, report: Report) -> Report {
        let mut report = report.waited(&self.timelines);
        report.links = self.links;
        report.warnings.extend(self.warnings);
        report
    }
}

/// A problem, and the node that says why.
struct Sick {
    problem: Problem,
    instance_id: String,
}

struct Watch<'e, 'a> {
    engine: &'e Engine<'a>,
    began: Instant,
    timelines: BTreeMap<u32, Timeline>,
    running_since: BTreeMap<u32, Instant>,
    asked_ssm: Option<Instant>,
    warnings: Vec<String>,
}

impl Engine<'_> {
    /// The nodes, once all have come to `goal`; times count from `began`.
    pub(super) async fn wait_ready(
        &self,
        nodes: &[Instance],
        goal: Goal,
        timeout: Duration,
        began: Instant,
    ) -> Result<Ready, Problem> {
        let clock = &self.pace.clock;
        let start = clock.now();
        let mut watch = Watch {
            engine: self,
            began,
            timelines: BTreeMap::new(),
            running_since: BTreeMap::new(),
            asked_ssm: None,
            warnings: Vec::new(),
        };
        for node in nodes {
            let at_secs = requested_at(node, now_secs(), watch.now_secs());
            let timeline = watch.timelines.entry(node.launch_index).or_default();
            timeline.mark(Stage::Requested, at_secs);
        }
        let mut current = loop {
            let over = clock.since(start) >= timeout;
            let seen = match self.seen().await {
                Ok(seen) => seen,
                // The nodes go on by themselves; a hiccup of the API is no
                // reason to give up on them.
                Err(error) if errors::passes(&error) && !over => {
                    tracing::debug!(%error, "look again");
                    clock.sleep(self.pace.poll).await;
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            let current: Vec<Instance> =
                nodes.iter().filter_map(|node| find(&seen, &node.id)).cloned().collect();
            if let Err(sick) = watch.see(&current) {
                let evidence = self.evidence(&sick.instance_id).await;
                return Err(sick.problem.with_evidence(evidence));
            }
            watch.ask_ssm(&current, goal, over).await;
            watch.tell();
            if watch.reached(goal) {
                break current;
            }
            if over {
                return Err(watch.late(nodes, goal, timeout).await);
            }
            clock.sleep(self.pace.poll).await;
        };
        let mut links = Vec::new();
        if goal == Goal::Ready {
            current = self.settled(current).await;
            links = watch.measured(&current).await;
            watch.tell();
        }
        current.sort_by_key(|node| node.launch_index);
        Ok(Ready { nodes: current, timelines: watch.timelines, links, warnings: watch.warnings })
    }

    /// All instances of the cluster.
    async fn seen(&self) -> nixl_aws::Result<Vec<Instance>> {
        let ours = [Filter::tag(tag::CLUSTER, self.cluster.as_str())];
        Ok(ranked(self.services.ec2.describe_instances(&ours).await?))
    }

    /// The paired nodes as they are once they warn of nothing any more, or
    /// after a short while. A pair that still warns is a pair: the report says so.
    async fn settled(&self, nodes: Vec<Instance>) -> Vec<Instance> {
        let clock = &self.pace.clock;
        let start = clock.now();
        let mut current = nodes;
        let warns = |node: &Instance| state_of(node).is_some_and(|state| state.reason.is_some());
        while current.iter().any(warns) && clock.since(start) < self.pace.warnings {
            clock.sleep(self.pace.poll).await;
            let Ok(seen) = self.seen().await else { continue };
            for node in &mut current {
                if let Some(now) = find(&seen, &node.id) {
                    *node = now.clone();
                }
            }
        }
        current
    }
}

impl Watch<'_, '_> {
    fn now_secs(&self) -> f64 {
        self.engine.pace.clock.since(self.began).as_secs_f64()
    }

    fn tell(&self) {
        for (rank, timeline) in &self.timelines {
            let name = self.engine.cluster.node(*rank);
            self.engine.progress.node(&name, timeline, self.now_secs());
        }
    }

    /// Takes note of what EC2 shows; the first node with no way on ends it.
    fn see(&mut self, nodes: &[Instance]) -> Result<(), Box<Sick>> {
        let now_secs = self.now_secs();
        for node in nodes {
            let name = self.engine.cluster.node(node.launch_index);
            if let Some(problem) = hopeless(&name, node) {
                return Err(Box::new(Sick { problem, instance_id: node.id.clone() }));
            }
            let timeline = self.timelines.entry(node.launch_index).or_default();
            timeline.see(node, now_secs);
            if timeline.has(Stage::Running) {
                let now = self.engine.pace.clock.now();
                self.running_since.entry(node.launch_index).or_insert(now);
            }
        }
        Ok(())
    }

    /// Asks SSM for agents not known to be online; gives those up that had long
    /// enough, or all if SSM cannot be asked.
    async fn ask_ssm(&mut self, nodes: &[Instance], goal: Goal, over: bool) {
        let clock = &self.engine.pace.clock;
        let open: Vec<&Instance> = nodes
            .iter()
            .filter(|node| {
                let timeline = &self.timelines[&node.launch_index];
                timeline.has(Stage::Running)
                    && !timeline.has(Stage::SsmOnline)
                    && !timeline.given_up.contains(&Stage::SsmOnline)
            })
            .collect();
        let early = self.asked_ssm.is_some_and(|at| clock.since(at) < self.engine.pace.poll_ssm);
        if open.is_empty() || (early && !over) {
            return;
        }
        self.asked_ssm = Some(clock.now());
        let ids: Vec<String> = open.iter().map(|node| node.id.clone()).collect();
        let refused = match self.engine.online(&ids).await {
            Ok(online) => {
                let now_secs = self.now_secs();
                for node in open.iter().filter(|node| online.contains(&node.id)) {
                    let timeline = self.timelines.entry(node.launch_index).or_default();
                    timeline.mark(Stage::SsmOnline, now_secs);
                }
                None
            }
            Err(error) if errors::passes(&error) => None,
            Err(error) => Some(error.to_string()),
        };
        if goal == Goal::Ssm {
            return;
        }
        for node in open {
            let Some(timeline) = self.timelines.get_mut(&node.launch_index) else { continue };
            let since = self.running_since.get(&node.launch_index);
            let long = since.is_some_and(|since| clock.since(*since) >= self.engine.pace.ssm);
            let paired = timeline.has(Stage::Paired);
            if timeline.has(Stage::SsmOnline) || !(refused.is_some() || paired && (long || over)) {
                continue;
            }
            let cause = match &refused {
                Some(error) => error.as_str(),
                None => usual_cause(timeline),
            };
            let name = self.engine.cluster.node(node.launch_index);
            self.warnings.push(format!(
                "{name} is not online in SSM, so `connect`, `exec` and `logs` do not reach it: {cause}"
            ));
            timeline.given_up.extend([Stage::SsmOnline, Stage::LinkMeasured]);
        }
    }

    fn reached(&self, goal: Goal) -> bool {
        let stages: &[Stage] = match goal {
            Goal::Ready => &[Stage::Paired, Stage::SsmOnline],
            Goal::Ssm => &[Stage::SsmOnline],
        };
        self.timelines.values().all(|timeline| {
            stages.iter().all(|stage| timeline.has(*stage) || timeline.given_up.contains(stage))
        })
    }

    /// The links, once each node has measured its own or has had time to.
    async fn measured(&mut self, nodes: &[Instance]) -> Vec<LinkReport> {
        let clock = &self.engine.pace.clock;
        let start = clock.now();
        let online = |node: &&Instance| self.timelines[&node.launch_index].has(Stage::SsmOnline);
        let nodes: Vec<Instance> = nodes.iter().filter(online).cloned().collect();
        if nodes.is_empty() {
            return Vec::new();
        }
        loop {
            let over = clock.since(start) >= self.engine.pace.link;
            match self.engine.links(&nodes).await {
                Ok(told) => {
                    let now_secs = self.now_secs();
                    for (rank, link) in &told {
                        let done = link.as_ref().is_ok_and(|says| says.measured());
                        if let Some(timeline) = self.timelines.get_mut(rank).filter(|_| done) {
                            timeline.mark(Stage::LinkMeasured, now_secs);
                        }
                    }
                    // Who could not be asked is not asked again.
                    let all = told
                        .iter()
                        .all(|(_, says)| says.as_ref().map_or(true, |says| says.measured()));
                    if all || over {
                        self.not_measured(&told);
                        return told
                            .iter()
                            .flat_map(|(_, says)| says)
                            .flat_map(|it| it.links())
                            .collect();
                    }
                }
                Err(error) if errors::passes(&error) && !over => {}
                Err(error) => {
                    self.warnings.push(format!("the links could not be asked for: {error}"));
                    return Vec::new();
                }
            }
            self.tell();
            clock.sleep(self.engine.pace.poll_ssm).await;
        }
    }

    fn not_measured(&mut self, told: &super::links::Told) {
        for (rank, says) in told {
            let why = match says {
                Ok(says) if says.measured() => continue,
                Ok(_) => "its daemon has not measured them yet; `nixl-launch status` looks again",
                Err(why) => why,
            };
            let name = self.engine.cluster.node(*rank);
            self.warnings.push(format!("links of {name} are not known: {why}"));
        }
    }

    /// Who hangs where, and what usually causes that.
    async fn late(&self, nodes: &[Instance], goal: Goal, timeout: Duration) -> Problem {
        let done = |timeline: &Timeline| match goal {
            Goal::Ready => timeline.awaited() == Some(Stage::LinkMeasured),
            Goal::Ssm => timeline.has(Stage::SsmOnline),
        };
        let mut stuck = Vec::new();
        for node in nodes {
            let timeline = &self.timelines[&node.launch_index];
            if done(timeline) {
                continue;
            }
            let mut evidence = Vec::new();
            if let Some(known) = timeline.note.as_deref().and_then(reason::find) {
                evidence.push(format!("{}: {} {}", known.code, known.meaning, known.advice));
            }
            evidence.extend(self.engine.evidence(&node.id).await);
            stuck.push(Stuck {
                name: self.engine.cluster.node(node.launch_index),
                instance_id: node.id.clone(),
                awaited: timeline.awaited().unwrap_or(Stage::Paired).words(),
                usual_cause: usual_cause(timeline),
                evidence,
            });
        }
        Problem::NotReady { secs: timeout.as_secs(), nodes: stuck }
    }
}

/// When EC2 accepted the launch, in seconds since the command started `since_secs`
/// ago; an earlier run's launch was there from the start.
fn requested_at(node: &Instance, now_secs: u64, since_secs: f64) -> f64 {
    let launched = node.launch_time.as_deref().and_then(|t| t.parse::<jiff::Timestamp>().ok());
    let ago = launched.map_or(0.0, |at| now_secs as f64 - at.as_second() as f64);
    // EC2's clock is not this computer's.
    (since_secs - ago).clamp(0.0, since_secs)
}

fn find<'a>(seen: &'a [Instance], id: &str) -> Option<&'a Instance> {
    seen.iter().find(|instance| instance.id == id)
}

/// Why a node cannot become ready any more.
fn hopeless(name: &str, node: &Instance) -> Option<Problem> {
    let (name, instance_id) = (name.to_owned(), node.id.clone());
    if !matches!(node.state.as_str(), "pending" | "running") {
        let code = node.state_reason_code.as_deref().unwrap_or("no reason given");
        // EC2's text begins with the code itself.
        let why = node.state_reason.as_deref().unwrap_or(code).to_owned();
        return Some(Problem::NodeEnded { name, instance_id, state: node.state.clone(), why });
    }
    let state = state_of(node);
    if let Some(state) = state.as_ref().filter(|state| state.phase == Phase::Failed) {
        let reason = state.reason.clone().unwrap_or_default();
        let known = reason::find(&reason);
        return Some(Problem::NodeFailed {
            name,
            instance_id,
            meaning: known.map_or("a newer daemon's reason", |known| known.meaning),
            advice: known.map_or("see /health on the node", |known| known.advice),
            reason,
        });
    }
    let asked = Tag::find(&node.tags, keys::PROVIDER)?.parse::<ProviderChoice>().ok()?;
    let ProviderChoice::Only(asked) = asked else { return None };
    let used: Provider = other_provider(node, asked)?;
    Some(Problem::OtherProvider { name, instance_id, asked, used })
}

/// Instances whose agent is online.
impl Engine<'_> {
    pub(super) async fn online(&self, ids: &[String]) -> nixl_aws::Result<BTreeSet<String>> {
        let known = self.services.ssm.describe_instance_information(ids).await?;
        Ok(known
            .into_iter()
            .filter(|it| it.ping_status == "Online")
            .map(|it| it.instance_id)
            .collect())
    }
}

#[cfg(test)]
mod tests;
