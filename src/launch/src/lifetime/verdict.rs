//! Which clusters of an account are over: pure, from what EC2 shows.

use super::end::is_there;
use super::{Cost, End, Prices, bill};
use crate::failure::Resource;
use jiff::Timestamp;
use nixl_aws::Tag;
use nixl_aws::ec2::Instance;
use nixl_cluster::{ClusterName, tag};
use serde::Serialize;
use std::collections::BTreeMap;

/// What is to be done about a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "verdict")]
pub enum Verdict {
    /// Every node's time is over, for longer than the grace.
    Over {
        /// Seconds since the end of the last one.
        since_secs: i64,
    },
    /// No node is left, and something of it is: nothing else will remove that.
    Leftovers {
        /// What a removal as asked would remove.
        left: Vec<Resource>,
    },
    /// No node is left, and what is would be kept by a removal as asked.
    Kept {
        /// What is there.
        kept: Vec<Resource>,
    },
    /// It lives on, or the grace does.
    Lives {
        /// Seconds until its end; negative within the grace.
        left_secs: i64,
    },
    /// A node has no end: somebody wanted that, or it is none of ours.
    NoEnd,
    /// Nobody knows the end of a node.
    Unreadable {
        /// Why.
        why: String,
    },
    /// The tag holds no name that this program gives.
    NotOurs,
}

/// A cluster as its instances, or else its other resources, show it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Found {
    /// Value of `nixl:cluster`.
    pub cluster: String,
    /// Instances that run, are stopped or about to be.
    pub instance_ids: Vec<String>,
    /// Latest end of them, if each has one.
    pub end: Option<String>,
    /// What those that run cost; none if none does or a price is unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost: Option<Cost>,
    /// What it means.
    #[serde(flatten)]
    pub verdict: Verdict,
}

impl Found {
    /// The cluster's name, if it is over.
    #[must_use]
    pub fn over(&self) -> Option<ClusterName> {
        let over = matches!(self.verdict, Verdict::Over { .. } | Verdict::Leftovers { .. });
        over.then(|| self.cluster.parse().ok()).flatten()
    }
}

/// A cluster without nodes, by what is there and what of it a removal would
/// remove; none if nothing is there.
#[must_use]
pub fn judge_rest(cluster: &ClusterName, all: Vec<Resource>, left: Vec<Resource>) -> Option<Found> {
    let verdict = match (all.is_empty(), left.is_empty()) {
        (true, _) => return None,
        (false, true) => Verdict::Kept { kept: all },
        (false, false) => Verdict::Leftovers { left },
    };
    let cluster = cluster.to_string();
    Some(Found { cluster, instance_ids: Vec::new(), end: None, cost: None, verdict })
}

/// Every cluster with an instance that is not terminated, by name; over when the latest
/// end of its nodes is.
#[must_use]
pub fn judge(
    instances: &[Instance],
    prices: &Prices,
    grace_secs: u64,
    now: Timestamp,
) -> Vec<Found> {
    let mut clusters: BTreeMap<&str, Vec<&Instance>> = BTreeMap::new();
    for node in instances {
        if let Some(cluster) = Tag::find(&node.tags, tag::CLUSTER).filter(|_| is_there(node)) {
            clusters.entry(cluster).or_default().push(node);
        }
    }
    let grace_secs = i64::try_from(grace_secs).unwrap_or(i64::MAX);
    let found = clusters.into_iter().map(|(cluster, nodes)| {
        let latest = End::latest(nodes.iter().copied());
        let end = latest.as_ref().ok().copied().flatten();
        let verdict = match (&latest, end.and_then(|end| end.left_secs(now))) {
            _ if cluster.parse::<ClusterName>().is_err() => Verdict::NotOurs,
            (Err(error), _) => Verdict::Unreadable { why: error.to_string() },
            (Ok(_), None) => Verdict::NoEnd,
            (Ok(_), Some(left)) if left.saturating_add(grace_secs) <= 0 => {
                Verdict::Over { since_secs: -left }
            }
            (Ok(_), Some(left_secs)) => Verdict::Lives { left_secs },
        };
        Found {
            cluster: cluster.to_owned(),
            instance_ids: nodes.iter().map(|node| node.id.clone()).collect(),
            end: end.filter(|end| *end != End::Never).map(|end| end.to_string()),
            cost: bill(&nodes, prices, now),
            verdict,
        }
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn now() -> Timestamp {
        "2026-11-28T12:00:00Z".parse().unwrap()
    }

    fn node(cluster: &str, state: &str, end: &str) -> Instance {
        let mut tags = vec![Tag::new("nixl:cluster", cluster)];
        if !end.is_empty() {
            tags.push(Tag::new("nixl:expires-at", end));
        }
        Instance {
            id: format!("i-{cluster}"),
            state: state.to_owned(),
            tags,
            ..Instance::default()
        }
    }

    fn verdict(nodes: &[Instance]) -> Verdict {
        judge(nodes, &Prices::new(), 600, now()).remove(0).verdict
    }

    #[test]
    fn a_cluster_is_over_when_all_its_nodes_are() {
        let over = node("a", "running", "2026-11-28T11:00:00Z");
        assert_eq!(verdict(std::slice::from_ref(&over)), Verdict::Over { since_secs: 3600 });
        let extended = node("a", "running", "2026-11-28T13:00:00Z");
        assert_eq!(verdict(&[over.clone(), extended]), Verdict::Lives { left_secs: 3600 });
        let within_grace = node("a", "running", "2026-11-28T11:55:00Z");
        assert_eq!(verdict(&[within_grace]), Verdict::Lives { left_secs: -300 });
        let stopped = node("a", "stopped", "2026-11-28T11:00:00Z");
        assert!(matches!(verdict(&[stopped]), Verdict::Over { .. }), "its disk costs money");
        assert_eq!(
            judge(&[node("a", "terminated", "2026-11-28T11:00:00Z")], &Prices::new(), 0, now()),
            []
        );
        assert_eq!(verdict(&[over, node("a", "running", "")]), Verdict::NoEnd);
    }

    #[test]
    fn what_is_not_understood_is_told_and_left_alone() {
        let odd = node("a", "running", "soon");
        assert!(matches!(verdict(&[odd]), Verdict::Unreadable { .. }));
        let stranger = node("Their Cluster", "running", "2026-11-28T11:00:00Z");
        assert_eq!(verdict(std::slice::from_ref(&stranger)), Verdict::NotOurs);
        assert_eq!(judge(&[stranger], &Prices::new(), 0, now())[0].over(), None);
    }

    #[test]
    fn without_nodes_what_can_go_is_over_and_what_is_kept_is_not() {
        let name = ClusterName::default();
        let address = || vec![Resource::new("Elastic IP address", "eipalloc-1")];
        assert_eq!(judge_rest(&name, vec![], vec![]), None);
        assert_eq!(judge_rest(&name, address(), address()).unwrap().over(), Some(name.clone()));
        let kept = judge_rest(&name, address(), vec![]).unwrap();
        assert_eq!(kept.verdict, Verdict::Kept { kept: address() });
        assert_eq!(kept.over(), None);
    }

    proptest! {
        /// Nothing that has time left, or grace, is ever over.
        #[test]
        fn time_and_grace_hold(left in -100_000i64..100_000, grace in 0u64..100_000) {
            let end = now() + jiff::SignedDuration::from_secs(left);
            let found = judge(&[node("a", "running", &format!("{end:.0}"))], &Prices::new(), grace, now());
            prop_assert_eq!(found[0].over().is_some(), left + grace as i64 <= 0);
        }
    }
}
