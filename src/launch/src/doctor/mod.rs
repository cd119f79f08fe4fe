//! `doctor`: what may be wrong, in the order in which one thing needs another.
//!
//! Reading and judging are apart: [`Facts`] is what was read, each part with its
//! error, and the judges here are pure. What depends on something that fails is
//! skipped, so that one bad credential is one failure.

mod account;
mod cluster;
mod drift;
mod nodes;

pub use drift::drift;

use crate::check::{self, Check};
use crate::node_says::NodeSays;
use crate::report::TrackingReport;
use crate::terminal::Terminal;
use jiff::Timestamp;
use nixl_aws::AwsError;
use nixl_aws::ec2::{Image, Instance, PlacementGroup, SecurityGroup, Subnet, Vpc};
use nixl_aws::iam::{InstanceProfile, Role};
use nixl_cluster::ClusterName;
use nixl_cluster::check::Verdict;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

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
    /// Baked images.
    pub images: Read<Vec<Image>>,
    /// VPCs.
    pub vpcs: Read<Vec<Vpc>>,
    /// Subnets.
    pub subnets: Read<Vec<Subnet>>,
    /// Nodes of the cluster, without those that ended long ago.
    pub instances: Read<Vec<Instance>>,
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
    /// Nodes whose agent is online, by instance id.
    pub online: Read<BTreeSet<String>>,
    /// What each node that was asked said, by instance id.
    pub says: BTreeMap<String, Result<NodeSays, String>>,
    /// The server that the nodes were told of.
    pub tracking: Read<Option<TrackingReport>>,
    /// When the schedules of running nodes end them, `2026-11-28T20:00:00` in UTC,
    /// by instance id.
    pub scheduled: Read<BTreeMap<String, String>>,
    /// `session-manager-plugin` is in the path.
    pub plugin: bool,
    /// Now.
    pub now: Timestamp,
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
    if checks.iter().all(|check| check.verdict != Verdict::Fail) {
        checks.extend(account::judge(facts));
        checks.extend(cluster_checks(facts));
    } else {
        checks.push(Check::skip("account", "nothing else can be looked at without credentials"));
    }
    Diagnosis {
        cluster: facts.cluster.to_string(),
        region: facts.region.clone(),
        verdict: checks.iter().map(|check| check.verdict).max().unwrap_or_default(),
        checks,
    }
}

fn cluster_checks(facts: &Facts) -> Vec<Check> {
    let nodes = match &facts.instances {
        Ok(nodes) if nodes.is_empty() => {
            let found = format!("no cluster {} is here", facts.cluster);
            return vec![Check::skip("nodes", found)];
        }
        Ok(nodes) => nodes,
        Err(error) => return vec![unread("nodes", error)],
    };
    let mut checks = cluster::judge(facts, nodes);
    checks.extend(nodes::judge(facts, nodes));
    checks
}

/// A check whose facts could not be read.
fn unread(name: &str, error: &AwsError) -> Check {
    let fix = crate::errors::advice(error).unwrap_or("see the error");
    Check::warn(name, format!("could not be read: {error}"), fix)
}

#[cfg(test)]
mod tests;
