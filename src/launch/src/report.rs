//! What is there, for people and scripts: the result of `up` and `status`.

use crate::check::Check;
use crate::keys;
use crate::lifetime::{Cost, End};
use crate::plan::is_live;
use crate::timeline::{Mark, Timeline};
use nixl_aws::Tag;
use nixl_aws::ec2::Instance;
use nixl_aws::sagemaker::{Kind, Mlflow};
use nixl_cluster::link::Mode;
use nixl_cluster::{ClusterName, EndpointRecord, Provider, StateRecord, reason, tag};
use serde::Serialize;
use std::collections::BTreeMap;

/// A cluster as it is now.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Name.
    pub cluster: String,
    /// Region.
    pub region: String,
    /// Worst phase of all nodes; `pending` is one that has said nothing yet.
    pub state: String,
    /// Provider the nodes were told to use.
    pub provider: Option<String>,
    /// Type.
    pub instance_type: String,
    /// Image.
    pub image_id: String,
    /// Zone.
    pub zone: String,
    /// Placement group.
    pub placement_group: Option<String>,
    /// Security group.
    pub security_group: Option<String>,
    /// MLflow.
    pub tracking: Option<TrackingReport>,
    /// RFC 3339 time at which its first node ends; none if nothing ends it.
    pub ends_at: Option<String>,
    /// Seconds until then; negative once it is over.
    pub left_secs: Option<i64>,
    /// What its nodes that run cost; none where a price is unknown.
    pub cost: Option<Cost>,
    /// Nodes by rank.
    pub nodes: Vec<NodeReport>,
    /// Links measured, each in one direction; none where no node could be asked.
    pub links: Vec<LinkReport>,
    /// What is another way than it was launched, each with what to do.
    pub drift: Vec<Check>,
    /// What is not as it should be and does not keep the cluster from working.
    pub warnings: Vec<String>,
}

/// A link, as the node at one end measured it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct LinkReport {
    /// Rank of the node that measured.
    pub from_rank: u32,
    /// Rank of its peer.
    pub to_rank: u32,
    /// How the bytes went.
    pub mode: Mode,
    /// Bytes each way of the round trips.
    pub size_bytes: u32,
    /// Median of the whole round trip.
    pub p50_micros: f64,
    /// Best rate of a transfer, in 10^9 bits a second.
    pub gbps: f64,
    /// Worse than it was or should be.
    pub degraded: bool,
}

/// MLflow.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct TrackingReport {
    /// `tracking-server` or `app`.
    pub kind: &'static str,
    /// Name.
    pub name: String,
    /// ARN.
    pub arn: String,
    /// Where it answers.
    pub url: Option<String>,
    /// Status.
    pub status: String,
    /// Usable.
    pub active: bool,
    /// Made for this cluster, and removed with it.
    pub owned: bool,
    /// Version of MLflow, if SageMaker tells it.
    pub mlflow_version: Option<String>,
    /// Of a tracking server.
    pub size: Option<String>,
    /// What its maintenance came to last.
    pub maintenance: Option<String>,
    /// Where its clients keep artifacts, `s3://bucket/folder`.
    pub artifact_store_uri: String,
    /// US dollars that an hour of it costs now, without what it stores; none where AWS
    /// told no price, or was not asked.
    pub usd_per_hour: Option<f64>,
    /// Where the price is from.
    pub price_source: Option<String>,
}

impl TrackingReport {
    /// What it is and its name, for people.
    #[must_use]
    pub fn label(&self) -> String {
        let kind = if self.kind == "app" { Kind::App } else { Kind::Server };
        format!("MLflow {kind} {}", self.name)
    }

    /// As SageMaker shows it.
    #[must_use]
    pub fn of(found: Mlflow, owned: bool) -> Self {
        Self {
            kind: match found.kind {
                Kind::Server => "tracking-server",
                Kind::App => "app",
            },
            name: found.name,
            arn: found.arn,
            url: found.url,
            status: found.status,
            active: found.is_active,
            owned,
            mlflow_version: found.mlflow_version,
            size: found.size,
            maintenance: found.maintenance,
            artifact_store_uri: found.artifact_store_uri,
            usd_per_hour: None,
            price_source: None,
        }
    }

    /// Size of a server whose hours cost: one that runs.
    #[must_use]
    pub fn billed_size(&self) -> Option<&str> {
        self.size.as_deref().filter(|_| self.kind != "app" && self.status != "Stopped")
    }
}

/// A node.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NodeReport {
    /// Rank.
    pub rank: u32,
    /// `Name` tag.
    pub name: String,
    /// `prefill` or `decode` where roles differ.
    pub role: Option<String>,
    /// Instance id.
    pub instance_id: String,
    /// EC2's state.
    pub instance_state: String,
    /// Phase the node says it is in.
    pub phase: Option<String>,
    /// Reason code, if it gives one.
    pub reason: Option<String>,
    /// What the reason means.
    pub meaning: Option<&'static str>,
    /// Seconds since when the phase holds.
    pub phase_age_secs: Option<u64>,
    /// Seconds since launch.
    pub age_secs: Option<u64>,
    /// Private address.
    pub private_ip: Option<String>,
    /// Public address.
    pub public_ip: Option<String>,
    /// Provider its fabric really runs over.
    pub provider: Option<Provider>,
    /// Steps seen while it was waited for; none where nothing was.
    pub stages: Vec<Mark>,
}

/// The state a node wrote on itself, if it is one.
#[must_use]
pub fn state_of(instance: &Instance) -> Option<StateRecord> {
    Tag::find(&instance.tags, tag::STATE)?.parse().ok()
}

/// Where a node listens on the fabric, if it has said so.
#[must_use]
pub fn endpoint_of(instance: &Instance) -> Option<EndpointRecord> {
    Tag::find(&instance.tags, tag::ENDPOINT)?.parse().ok()
}

/// The cluster of these nodes (at least one, by rank).
#[must_use]
pub fn report(
    cluster: &ClusterName,
    region: &str,
    nodes: &[Instance],
    security_group: Option<String>,
    tracking: Option<TrackingReport>,
    now_secs: u64,
) -> Report {
    let first = nodes.first();
    let tagged = |key| first.and_then(|node| Tag::find(&node.tags, key)).map(str::to_owned);
    let text = |get: fn(&Instance) -> &String| first.map(get).cloned().unwrap_or_default();
    let end = nodes.iter().filter(|it| is_live(it)).filter_map(|it| End::of(it).ok()).min();
    let left_secs = |at: jiff::Timestamp| at.as_second().saturating_sub_unsigned(now_secs);
    let nodes: Vec<NodeReport> =
        nodes.iter().map(|node| self::node(cluster, node, now_secs)).collect();
    Report {
        cluster: cluster.to_string(),
        region: region.to_owned(),
        state: overall(&nodes),
        provider: tagged(keys::PROVIDER),
        instance_type: text(|node| &node.instance_type),
        image_id: text(|node| &node.image_id),
        zone: text(|node| &node.zone),
        placement_group: first.and_then(|node| node.placement_group.clone()),
        security_group,
        tracking,
        ends_at: end.and_then(End::at).map(|at| at.to_string()),
        left_secs: end.and_then(End::at).map(left_secs),
        cost: None,
        nodes,
        links: Vec::new(),
        drift: Vec::new(),
        warnings: Vec::new(),
    }
}

impl Report {
    /// With what was seen while the nodes were waited for, by rank.
    #[must_use]
    pub fn waited(mut self, timelines: &BTreeMap<u32, Timeline>) -> Self {
        for node in &mut self.nodes {
            node.stages = timelines.get(&node.rank).map(|it| it.marks.clone()).unwrap_or_default();
        }
        self
    }
}

fn node(cluster: &ClusterName, node: &Instance, now_secs: u64) -> NodeReport {
    let state = state_of(node);
    let reason = state.as_ref().and_then(|state| state.reason.clone());
    let launched = node.launch_time.as_deref().and_then(|t| t.parse::<jiff::Timestamp>().ok());
    NodeReport {
        rank: node.launch_index,
        name: cluster.node(node.launch_index),
        role: Tag::find(&node.tags, tag::ROLE).map(str::to_owned),
        instance_id: node.id.clone(),
        instance_state: node.state.clone(),
        phase: state.as_ref().map(|state| state.phase.to_string()),
        meaning: reason.as_deref().and_then(reason::find).map(|reason| reason.meaning),
        reason,
        phase_age_secs: state.map(|state| now_secs.saturating_sub(state.since_secs)),
        age_secs: launched
            .and_then(|time| u64::try_from(time.as_second()).ok())
            .map(|then| now_secs.saturating_sub(then)),
        private_ip: node.private_ip.clone(),
        public_ip: node.public_ip.clone(),
        provider: endpoint_of(node).map(|endpoint| endpoint.provider),
        stages: Vec::new(),
    }
}

fn overall(nodes: &[NodeReport]) -> String {
    // A node that has said nothing yet is better than one that failed, and worse
    // than one that is on its way.
    const WORST_FIRST: [&str; 6] =
        ["failed", "degraded", "pending", "booting", "registered", "paired"];
    let has = |phase: &&str| {
        nodes.iter().any(|node| node.phase.as_deref().unwrap_or("pending") == *phase)
    };
    WORST_FIRST.into_iter().find(has).unwrap_or("pending").to_owned()
}
