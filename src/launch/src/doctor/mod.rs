//! `doctor`: what may be wrong, in the order in which one thing needs another.
//!
//! Reading and judging are apart: [`Facts`] is what was read, each part with its
//! error, and the judges here are pure. What depends on something that fails is
//! skipped with the cause named, so that one fault is one failure.

mod account;
mod bucket;
mod drift;
mod fix;
mod lifetime;
mod network;
mod nodes;
mod pairs;
mod role;
mod tracking;

pub(crate) use account::spec_of;
pub use drift::{Seen, drift};

use crate::check::{self, Check};
use crate::node_says::NodeSays;
use crate::plan::{self, Plan};
use crate::report::TrackingReport;
use crate::terminal::Terminal;
use jiff::Timestamp;
use nixl_aws::ec2::{Instance, PlacementGroup, SecurityGroup};
use nixl_aws::iam::{InstanceProfile, Role};
use nixl_aws::s3::BucketSettings;
use nixl_aws::{AwsError, Tag};
use nixl_cluster::ClusterName;
use nixl_cluster::check::Verdict;
use serde::Serialize;
use std::collections::BTreeMap;

/// One read: what it gave, or its error.
pub type Read<T> = Result<T, AwsError>;

/// What was read.
#[derive(Debug)]
pub struct Facts {
    /// Cluster.
    pub cluster: ClusterName,
    /// Region.
    pub region: String,
    /// Account of the caller.
    pub account: Read<String>,
    /// Nodes of the cluster, without those that ended long ago.
    pub instances: Read<Vec<Instance>>,
    /// What a launch would be, where no node is there.
    pub launch: Option<Launch>,
    /// Of what a plan tells, what a launch can do without: quotas, prices, routes;
    /// where nodes are there.
    pub known: plan::Facts,
    /// Security groups of the cluster.
    pub groups: Read<Vec<SecurityGroup>>,
    /// Placement groups of the cluster.
    pub placement: Read<Vec<PlacementGroup>>,
    /// Role of the nodes.
    pub role: Read<Option<Role>>,
    /// Profile of the nodes.
    pub profile: Read<Option<InstanceProfile>>,
    /// Managed policies of the role, ARNs.
    pub attached: Read<Vec<String>>,
    /// Document of the role's own policy.
    pub policy: Read<Option<String>>,
    /// `PingStatus` of the nodes' agents that have registered, by instance id.
    pub agents: Read<BTreeMap<String, String>>,
    /// What each node that was asked said, by instance id.
    pub says: BTreeMap<String, Result<NodeSays, String>>,
    /// Before and after they were asked.
    pub asked: Option<(Timestamp, Timestamp)>,
    /// The server that the nodes were told of.
    pub tracking: Read<Option<TrackingReport>>,
    /// Role of a server that this cluster made.
    pub tracking_role: Read<Option<Role>>,
    /// Bucket of MLflow that this cluster made.
    pub tracking_bucket: Read<Option<Bucket>>,
    /// When the schedules of running nodes end them, `2026-11-28T20:00:00` in UTC,
    /// by instance id.
    pub scheduled: Read<BTreeMap<String, String>>,
    /// `session-manager-plugin` is in the path.
    pub plugin: bool,
    /// Now.
    pub now: Timestamp,
}

/// A bucket.
#[derive(Debug)]
pub struct Bucket {
    /// Name.
    pub name: String,
    /// Tags.
    pub tags: Vec<Tag>,
    /// How it is kept.
    pub settings: BucketSettings,
}

/// What a launch would be.
#[derive(Debug)]
pub struct Launch {
    /// Its plan.
    pub plan: Read<Plan>,
    /// Whether the caller may launch; none where nothing could be asked for.
    pub allowed: Option<Read<()>>,
}

/// All checks, in dependency order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnosis {
    /// Cluster.
    pub cluster: String,
    /// Region.
    pub region: String,
    /// Worst of all.
    pub verdict: Verdict,
    /// What was looked at.
    pub checks: Vec<Check>,
}

/// For people.
#[must_use]
pub fn text(diagnosis: &Diagnosis, terminal: Terminal) -> String {
    let count = |of| diagnosis.checks.iter().filter(|check| check.verdict == of).count();
    format!(
        "{}{}  {} passed, {} warned, {} failed, {} skipped\n",
        check::text(&diagnosis.checks, terminal),
        check::verdict(diagnosis.verdict, terminal),
        count(Verdict::Pass),
        count(Verdict::Warn),
        count(Verdict::Fail),
        count(Verdict::Skip),
    )
}

/// All checks.
#[must_use]
pub fn diagnose(facts: &Facts) -> Diagnosis {
    let mut checks = account::credentials(facts);
    if checks.iter().any(|check| check.verdict == Verdict::Fail) {
        checks.push(Check::skip("account", "nothing else can be looked at without credentials"));
    } else {
        checks.push(account::plugin(facts.plugin));
        match &facts.instances {
            Ok(nodes) if nodes.is_empty() => checks.extend(account::launch(facts)),
            Ok(nodes) => cluster(facts, nodes, &mut checks),
            Err(error) => checks.push(unread("nodes", error)),
        }
    }
    Diagnosis {
        cluster: facts.cluster.to_string(),
        region: facts.region.clone(),
        verdict: checks.iter().map(|check| check.verdict).max().unwrap_or_default(),
        checks,
    }
}

fn cluster(facts: &Facts, nodes: &[Instance], checks: &mut Vec<Check>) {
    checks.extend(account::of_nodes(facts, nodes));
    checks.push(drift::same_type(nodes));
    checks.extend(network::judge(facts, nodes));
    checks.extend(role::judge(facts, nodes));
    checks.extend(lifetime::judge(facts, nodes));
    checks.extend(tracking::judge(facts, nodes));
    for node in nodes {
        nodes::judge(facts, node, checks);
    }
    // Last, for each pair needs both of its nodes.
    for node in nodes {
        pairs::judge(facts, node, checks);
    }
}

/// The first of these checks that fails, of the whole cluster or of this node: why
/// a later one cannot be looked at.
fn cause<'a>(checks: &'a [Check], names: &[&str], node: &str) -> Option<&'a Check> {
    checks.iter().find(|check| {
        check.verdict == Verdict::Fail
            && names.contains(&check.name.as_str())
            && check.about.as_deref().is_none_or(|about| about == node || !about.contains("-node"))
    })
}

/// A check that is not looked at for the fault of another one.
fn skipped(name: &str, cause: &Check) -> Check {
    let about = cause.about.as_ref().map(|about| format!(" of {about}")).unwrap_or_default();
    Check::skip(name, format!("not looked at: {}{about} comes first", cause.name))
}

/// A check whose facts could not be read.
fn unread(name: &str, error: &AwsError) -> Check {
    let fix = crate::errors::advice(error).unwrap_or("see the error");
    Check::warn(name, format!("could not be read: {error}"), fix)
}

#[cfg(test)]
mod tests;
