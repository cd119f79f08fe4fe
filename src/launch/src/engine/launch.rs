//! One RunInstances for all nodes, in the first zone that has room.
//!
//! Tokens are zonal, so they do not protect across zones: what was sent for one
//! zone is settled before another is tried, and the zone being tried is
//! recorded in AWS before the request leaves.

use super::Engine;
use super::security_group::Group;
use crate::errors::{self, Launch};
use crate::failure::Problem;
use crate::keys;
use crate::plan::{Attempt, Plan, hinted, live};
use nixl_aws::ec2::{Filter, Instance, RunInstances};
use nixl_aws::{AwsError, ErrorKind, Tag};
use nixl_cluster::{Layout, Role, tag};
use std::time::Instant;

/// How one request ended.
enum Sent {
    /// All nodes are there.
    Launched(Vec<Instance>),
    /// Nothing was launched; another zone may have room.
    Refused(AwsError),
    /// The token is used up.
    Spent(AwsError),
}

impl Engine<'_> {
    /// The nodes, launched now or by an earlier run that was cut off.
    pub(super) async fn launch(
        &self,
        plan: &Plan,
        group: &mut Group,
    ) -> Result<Vec<Instance>, Problem> {
        let mut attempts = plan.attempts.clone();
        if let Some(nodes) = self.settle_earlier(plan, group, &mut attempts).await? {
            return Ok(nodes);
        }
        let mut refusals = Vec::new();
        while !attempts.is_empty() {
            let attempt = attempts.remove(0);
            match self.try_once(plan, group, &attempt).await? {
                Sent::Launched(nodes) => return Ok(nodes),
                Sent::Refused(error) | Sent::Spent(error) => {
                    let why = format!("{}: {}", error.code().unwrap_or("?"), error.message);
                    self.progress.told(&format!("{}: {why}", attempt.key()));
                    hinted(&mut attempts, &attempt, &error.message);
                    self.record_attempt(group, None).await?;
                    if let Some(name) = &attempt.placement_group {
                        self.delete_placement_group(name).await?;
                    }
                    refusals.push((attempt.key(), why));
                }
            }
        }
        Err(Problem::NoCapacity { count: plan.size, refusals })
    }

    /// A launch that an earlier run recorded: sent again first if it would be
    /// the same request; otherwise looked for until it would have shown up.
    async fn settle_earlier(
        &self,
        plan: &Plan,
        group: &mut Group,
        attempts: &mut [Attempt],
    ) -> Result<Option<Vec<Instance>>, Problem> {
        let Some((key, token)) = group.attempt.clone() else { return Ok(None) };
        if let Some(at) = attempts.iter().position(|attempt| attempt.key() == key) {
            let request = plan.request(&attempts[at], &group.id, &group.generation);
            if request.client_token == token {
                attempts[..=at].rotate_right(1);
                return Ok(None);
            }
        }
        self.progress.told(&format!("an earlier launch, {key}, is looked for"));
        let nodes = live(&self.appeared(&token).await?);
        if nodes.is_empty() {
            self.record_attempt(group, None).await?;
            return Ok(None);
        }
        if nodes.len() as u32 != plan.size {
            return Err(Problem::Plan(crate::plan::Findings(vec![
                crate::plan::Finding::OtherSize {
                    cluster: self.cluster.to_string(),
                    there: nodes.len().to_string(),
                    asked: plan.size,
                },
            ])));
        }
        Ok(Some(nodes))
    }

    /// What a token launched, in any state; looked for until it must be visible.
    pub(super) async fn appeared(&self, token: &str) -> nixl_aws::Result<Vec<Instance>> {
        let by_token = [Filter::new("client-token", [token])];
        let start = Instant::now();
        loop {
            let call = async || self.services.ec2.describe_instances(&by_token).await;
            let found = self.pace.patiently(self.pace.settle, errors::passes, call).await?;
            if !found.is_empty() || start.elapsed() >= self.pace.settle {
                return Ok(found);
            }
            tokio::time::sleep(self.pace.poll).await;
        }
    }

    async fn try_once(
        &self,
        plan: &Plan,
        group: &mut Group,
        attempt: &Attempt,
    ) -> Result<Sent, Problem> {
        let (key, zone) = (attempt.key(), &attempt.place.zone);
        if let Some(name) = &attempt.placement_group {
            self.placement_group(name).await?;
        }
        let mut renewed = false;
        loop {
            let request = plan.request(attempt, &group.id, &group.generation);
            self.record_attempt(group, Some((&key, &request.client_token))).await?;
            self.progress
                .told(&format!("{} {} requested in {zone}", request.count, request.instance_type));
            match self.send(&request, zone).await {
                Ok(Sent::Spent(_)) if !renewed => {
                    self.renew_generation(group).await?;
                    renewed = true;
                }
                Ok(sent) => return Ok(sent),
                Err(problem) => {
                    // A clear refusal leaves nothing open; anything else stays
                    // recorded for the next run to settle.
                    if let Problem::Aws { error, .. } = &problem
                        && matches!(error.kind, ErrorKind::Service { .. } | ErrorKind::Invalid)
                    {
                        self.record_attempt(group, None).await?;
                    }
                    return Err(problem);
                }
            }
        }
    }

    /// One request, the same every time, until its fate is known.
    async fn send(&self, request: &RunInstances, zone: &str) -> Result<Sent, Problem> {
        let start = Instant::now();
        let mut delay = self.pace.retry_first;
        let mut unclear = false;
        loop {
            let error = match self.services.ec2.run_instances(request).await {
                Ok(nodes) => return Ok(Sent::Launched(nodes)),
                Err(error) => error,
            };
            unclear |= matches!(error.kind, ErrorKind::Ambiguous | ErrorKind::Unreachable)
                || matches!(error.kind, ErrorKind::Service { status, .. } if status >= 500);
            let budget = match errors::launch(&error) {
                Launch::NextZone => return Ok(Sent::Refused(error)),
                Launch::NewGeneration => return Ok(Sent::Spent(error)),
                Launch::LookUp => {
                    let nodes = live(&self.appeared(&request.client_token).await?);
                    return Ok(if nodes.len() as u32 == request.count {
                        Sent::Launched(nodes)
                    } else {
                        Sent::Spent(error)
                    });
                }
                Launch::Fail => return Err(error.into()),
                Launch::Retry => self.pace.unclear,
                Launch::AwaitIam => self.pace.iam,
                Launch::AwaitConsistency => self.pace.consistency,
            };
            if start.elapsed() + delay > budget {
                if !unclear {
                    return Err(error.into());
                }
                let nodes = live(&self.appeared(&request.client_token).await?);
                return if nodes.len() as u32 == request.count {
                    Ok(Sent::Launched(nodes))
                } else {
                    Err(Problem::Unsettled { zone: zone.to_owned(), error })
                };
            }
            self.progress.doing("launch", &format!("waiting: {error}"));
            tokio::time::sleep(delay).await;
            delay = (delay * 2).min(self.pace.retry_longest);
        }
    }

    /// `Name` of each node, and its role where they differ, unless it is right:
    /// both differ from node to node, so the launch itself cannot carry them.
    pub(super) async fn name_nodes(&self, nodes: &[Instance]) -> Result<(), Problem> {
        for node in nodes {
            let mut tags = vec![Tag::new(tag::NAME, self.cluster.node(node.launch_index))];
            tags.extend(role(node).map(|role| Tag::new(tag::ROLE, role.as_str())));
            tags.retain(|tag| !node.tags.contains(tag));
            if tags.is_empty() {
                continue;
            }
            let ids = [node.id.clone()];
            let again = |error: &AwsError| {
                matches!(errors::launch(error), Launch::AwaitConsistency | Launch::Retry)
            };
            let call = async || self.services.ec2.create_tags(&ids, &tags).await;
            self.pace.patiently(self.pace.consistency, again, call).await?;
        }
        Ok(())
    }
}

/// What the node was told at its launch, whatever is asked now.
fn role(node: &Instance) -> Option<Role> {
    let told = |key| Tag::find(&node.tags, key)?.parse().ok();
    Layout { size: told(tag::SIZE)?, prefill: Some(told(keys::PREFILL)?) }.role(node.launch_index)
}
