//! All clusters of a region, a line each: pure.

use crate::lifetime::{Cost, End, Prices, bill};
use crate::plan::is_live;
use crate::render::{age, left, rows};
use crate::report::state_of;
use crate::terminal::Terminal;
use jiff::Timestamp;
use nixl_aws::Tag;
use nixl_aws::ec2::Instance;
use nixl_cluster::tag;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// One cluster.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClusterLine {
    /// Name.
    pub cluster: String,
    /// Nodes that run or are about to.
    pub nodes: usize,
    /// Nodes it was launched with, as they say.
    pub size: Option<u32>,
    /// Each phase that its nodes are in.
    pub phases: Vec<String>,
    /// Instance types.
    pub instance_types: Vec<String>,
    /// Zones.
    pub zones: Vec<String>,
    /// Seconds since its first node was launched.
    pub age_secs: Option<i64>,
    /// RFC 3339 time of its end, if it has one.
    pub ends_at: Option<String>,
    /// Seconds until its end; negative once it is over.
    pub left_secs: Option<i64>,
    /// What its nodes that run cost; none where a price is unknown.
    pub cost: Option<Cost>,
}

/// Clusters of these instances, by name; those whose nodes are all terminated
/// are no clusters any more.
#[must_use]
pub fn lines(instances: &[Instance], prices: &Prices, now: Timestamp) -> Vec<ClusterLine> {
    let mut clusters: BTreeMap<&str, Vec<&Instance>> = BTreeMap::new();
    for node in instances.iter().filter(|node| node.state != "terminated") {
        if let Some(name) = Tag::find(&node.tags, tag::CLUSTER) {
            clusters.entry(name).or_default().push(node);
        }
    }
    clusters.into_iter().map(|(name, nodes)| line(name, &nodes, prices, now)).collect()
}

fn line(name: &str, nodes: &[&Instance], prices: &Prices, now: Timestamp) -> ClusterLine {
    let all = |get: fn(&Instance) -> String| -> Vec<String> {
        nodes.iter().map(|node| get(node)).collect::<BTreeSet<_>>().into_iter().collect()
    };
    let launched = nodes.iter().filter_map(|node| node.launch_time.as_deref()?.parse().ok());
    let first: Option<Timestamp> = launched.min();
    let end = nodes.iter().filter_map(|node| End::of(node).ok()).min();
    ClusterLine {
        cluster: name.to_owned(),
        nodes: nodes.iter().filter(|node| is_live(node)).count(),
        size: nodes.iter().find_map(|node| Tag::find(&node.tags, tag::SIZE)?.parse().ok()),
        phases: all(|node| match state_of(node) {
            _ if node.state != "running" => node.state.clone(),
            Some(state) => state.phase.to_string(),
            None => "no daemon yet".to_owned(),
        }),
        instance_types: all(|node| node.instance_type.clone()),
        zones: all(|node| node.zone.clone()),
        age_secs: first.map(|first| now.duration_since(first).as_secs()),
        ends_at: end.and_then(End::at).map(|at| at.to_string()),
        left_secs: end.and_then(|end| end.left_secs(now)),
        cost: bill(nodes, prices, now),
    }
}

/// For people.
#[must_use]
pub fn text(lines: &[ClusterLine], terminal: Terminal) -> String {
    let row = |line: &ClusterLine| {
        let size = line.size.map_or_else(|| "?".to_owned(), |size| size.to_string());
        let secs = |secs: i64| age(secs.unsigned_abs());
        let dash = || "-".to_owned();
        vec![
            line.cluster.clone(),
            format!("{} of {size}", line.nodes),
            line.phases.join(", "),
            line.instance_types.join(", "),
            line.zones.join(", "),
            line.age_secs.map_or_else(dash, secs),
            left(line.left_secs),
            cost_so_far(line),
            line.cost.as_ref().map_or_else(dash, |cost| format!("${:.2}", cost.usd_per_hour)),
        ]
    };
    let columns = ["cluster", "nodes", "state", "type", "zone", "age", "ends", "so far", "an hour"];
    rows(&columns, &lines.iter().map(row).collect::<Vec<_>>(), terminal)
}

fn cost_so_far(line: &ClusterLine) -> String {
    match &line.cost {
        Some(cost) => format!("${:.2}", cost.usd_so_far),
        None if line.nodes == 0 => "-".to_owned(),
        None => "unknown".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lifetime::{Price, Sort};

    fn node(cluster: &str, state: &str, tags: &[(&str, &str)]) -> Instance {
        let mut all = vec![Tag::new(tag::CLUSTER, cluster), Tag::new(tag::SIZE, "2")];
        all.extend(tags.iter().map(|(key, value)| Tag::new(*key, *value)));
        Instance {
            state: state.to_owned(),
            instance_type: "g6.12xlarge".to_owned(),
            zone: "us-east-1a".to_owned(),
            launch_time: Some("2026-11-28T10:00:00Z".to_owned()),
            tags: all,
            ..Default::default()
        }
    }

    #[test]
    fn a_line_for_each_cluster_that_is_there() {
        let now = "2026-11-28T12:00:00Z".parse().unwrap();
        let ends = ("nixl:expires-at", "2026-11-28T11:59:00Z");
        let nodes = [
            node("b", "running", &[("nixl:state", "1:paired:-:9"), ends]),
            node("b", "running", &[ends]),
            node("gone", "terminated", &[]),
            node("a", "stopped", &[]),
        ];
        let price = Price { usd_per_hour: 4.5, source: "a test".to_owned() };
        let prices = Prices::from([(Sort::of(&nodes[0]), price)]);
        let lines = lines(&nodes, &prices, now);
        assert_eq!(lines.len(), 2);
        assert_eq!((lines[0].cluster.as_str(), lines[0].nodes, lines[0].left_secs), ("a", 0, None));
        assert_eq!(lines[1].left_secs, Some(-60));
        let pipe = Terminal { columns: None, colour: false };
        let expected = "\
┌─────────┬────────┬───────────────────────┬─────────────┬────────────┬─────┬─────────┬────────┬─────────┐
│ cluster ┆ nodes  ┆ state                 ┆ type        ┆ zone       ┆ age ┆ ends    ┆ so far ┆ an hour │
╞═════════╪════════╪═══════════════════════╪═════════════╪════════════╪═════╪═════════╪════════╪═════════╡
│ a       ┆ 0 of 2 ┆ stopped               ┆ g6.12xlarge ┆ us-east-1a ┆ 2h  ┆ never   ┆ -      ┆ -       │
│ b       ┆ 2 of 2 ┆ no daemon yet, paired ┆ g6.12xlarge ┆ us-east-1a ┆ 2h  ┆ 60s ago ┆ $18.00 ┆ $9.00   │
└─────────┴────────┴───────────────────────┴─────────────┴────────────┴─────┴─────────┴────────┴─────────┘
";
        assert_eq!(text(&lines, pipe), expected);
    }
}
