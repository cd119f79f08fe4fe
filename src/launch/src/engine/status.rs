//! `status`: what is there now.

use super::{Engine, Goal, now_secs};
use crate::doctor::{Seen, drift};
use crate::errors;
use crate::failure::{Failure, Problem};
use crate::keys;
use crate::node_says::{NodeSays, Part};
use crate::plan::{is_ours, live, ranked};
use crate::report::{Report, report};
use nixl_aws::Tag;
use nixl_aws::ec2::{Filter, Instance};
use nixl_cluster::tag;
use std::collections::BTreeMap;
use std::time::Duration;

impl Engine<'_> {
    /// The cluster as it is.
    ///
    /// # Errors
    /// If there is none or it cannot be read.
    pub async fn status(&self) -> Result<Report, Failure> {
        let nodes = self.nodes_there().await?;
        let running: Vec<Instance> =
            nodes.iter().filter(|node| node.state == "running").cloned().collect();
        // What nodes do not tell a status is worth telling without.
        let says = self.said(&running, &[Part::Link, Part::State]).await;
        self.progress.done();
        let links = says.values().flatten().flat_map(NodeSays::links).collect();
        let report = self.told_of(&nodes, &says).await?;
        Ok(Report { links, ..report })
    }

    /// Waits until the nodes that are there have come to `goal`.
    ///
    /// # Errors
    /// If there is no cluster, or it does not come to that in time.
    pub async fn wait(&self, goal: Goal, timeout: Duration) -> Result<Report, Failure> {
        let began = self.pace.clock.now();
        let nodes = live(&self.nodes_there().await?);
        let waited = self.wait_ready(&nodes, goal, timeout, began).await;
        self.progress.done();
        let ready = waited.map_err(Failure::unchanged)?;
        let report = self.told_of(&ready.nodes, &BTreeMap::new()).await?;
        Ok(ready.told_in(report))
    }

    /// Waits until no node of the cluster is left.
    ///
    /// # Errors
    /// If one is after that time.
    pub async fn wait_gone(&self, timeout: Duration) -> Result<(), Failure> {
        let clock = &self.pace.clock;
        let start = clock.now();
        let ours = [Filter::tag(tag::CLUSTER, self.cluster.as_str())];
        loop {
            let call = async || self.services.ec2.describe_instances(&ours).await;
            let seen = self.pace.patiently(self.pace.consistency, errors::passes, call).await;
            let mut nodes = ranked(seen.map_err(Failure::unchanged)?);
            nodes.retain(|node| node.state != "terminated");
            for node in &nodes {
                let name = self.cluster.node(node.launch_index);
                self.progress.doing(&name, &node.state);
            }
            if nodes.is_empty() {
                self.progress.done();
                return Ok(());
            }
            if clock.since(start) >= timeout {
                self.progress.done();
                let secs = timeout.as_secs();
                let missing = nodes.iter().map(|node| format!("{} is {}", node.id, node.state));
                let missing = missing.collect();
                return Err(Failure::unchanged(Problem::Timeout { secs, missing }));
            }
            clock.sleep(self.pace.poll).await;
        }
    }

    /// Nodes of the cluster by rank, those that ended while others live too.
    async fn nodes_there(&self) -> Result<Vec<Instance>, Failure> {
        let ours = [Filter::tag(tag::CLUSTER, self.cluster.as_str())];
        let instances = self.services.ec2.describe_instances(&ours).await;
        let mut instances = ranked(instances.map_err(Failure::unchanged)?);
        // Ended nodes are worth showing only while others live.
        if live(&instances).is_empty() {
            instances.retain(|node| node.state != "terminated");
        } else {
            let current = live(&instances)[0].reservation_id.clone();
            instances.retain(|node| node.reservation_id == current || node.state != "terminated");
        }
        if instances.is_empty() {
            let (cluster, region) = (self.cluster.to_string(), self.region.clone());
            return Err(Failure::unchanged(Problem::NoCluster { cluster, region }));
        }
        instances.sort_by_key(|node| node.launch_index);
        Ok(instances)
    }

    /// With what the nodes said, by instance id.
    async fn told_of(
        &self,
        nodes: &[Instance],
        says: &BTreeMap<String, std::result::Result<NodeSays, String>>,
    ) -> Result<Report, Failure> {
        let ours = [Filter::tag(tag::CLUSTER, self.cluster.as_str())];
        let told = nodes.iter().find_map(|node| Tag::find(&node.tags, keys::TRACKING_ARN));
        let tracking = async {
            match told {
                Some(arn) => match self.tracking_report(arn).await? {
                    Some(report) => Ok(Some(self.priced(report).await)),
                    None => Ok(None),
                },
                None => Ok(None),
            }
        };
        let groups = self.services.ec2.describe_security_groups(&ours);
        let needed = async { tokio::try_join!(groups, tracking) };
        let (needed, cost, scheduled) =
            tokio::join!(needed, self.cost(nodes), self.scheduled(nodes));
        let (groups, tracking) = needed.map_err(Failure::unchanged)?;
        let (cluster, region, groups_seen) =
            (&self.cluster, self.region.as_str(), groups.as_slice());
        let now = jiff::Timestamp::now();
        let drift = drift(&Seen {
            cluster,
            region,
            nodes,
            groups: groups_seen,
            scheduled: &scheduled,
            says,
            now,
        });
        let group = groups.into_iter().find(|group| is_ours(&self.cluster, &group.tags));
        let group = group.map(|group| group.id);
        let report = report(&self.cluster, &self.region, nodes, group, tracking, now_secs());
        Ok(Report { cost, drift, ..report })
    }
}
