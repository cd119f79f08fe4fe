//! What there is of a cluster's MLflow, what it costs and what to do about it: pure.

use crate::keys;
use crate::lifetime::HOURS_PER_MONTH;
use crate::plan::IdleStop;
use crate::report::TrackingReport;
use crate::terminal::{Terminal, wrapped};
use nixl_aws::Tag;
use nixl_aws::ec2::Instance;
use nixl_cluster::ClusterName;
use serde::Serialize;

/// What was read.
#[derive(Debug)]
pub struct Seen<'a> {
    /// Cluster.
    pub cluster: &'a ClusterName,
    /// Region.
    pub region: &'a str,
    /// Its nodes that live.
    pub nodes: &'a [Instance],
    /// What nodes were told of, and what the cluster has made.
    pub found: Vec<TrackingReport>,
    /// ARN of the App that nodes that are gone were told of.
    pub recorded: Option<&'a str>,
    /// Role that was made for it.
    pub role: Option<String>,
    /// Bucket that was made for it.
    pub bucket: Option<String>,
    /// What was said of its idle stop.
    pub idle_stop: Option<IdleStop>,
    /// When its server stops, as it stands now, UTC.
    pub stops_at: Option<String>,
}

/// MLflow of a cluster.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MlflowStatus {
    /// Cluster.
    pub cluster: String,
    /// Region.
    pub region: String,
    /// What nodes are told of first, then what the cluster has made besides.
    pub tracking: Vec<TrackingReport>,
    /// Nodes that live and were told of the first.
    pub told_nodes: usize,
    /// Role the cluster has made for it.
    pub role: Option<String>,
    /// Bucket the cluster has made for it.
    pub bucket: Option<String>,
    /// What was said of its server's idle stop: seconds after the last node's end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle_stop: Option<IdleStop>,
    /// When its server stops by itself, as it stands now, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stops_at: Option<String>,
    /// What the cluster's own costs now, without what is stored; none where no price
    /// is known.
    pub usd_per_hour: Option<f64>,
    /// What a person may want to do.
    pub advice: Vec<String>,
}

impl MlflowStatus {
    /// What a person means by "the MLflow of this cluster".
    #[must_use]
    pub fn in_use(&self) -> Option<&TrackingReport> {
        self.tracking.first()
    }
}

/// Judges it; `None` if there is nothing.
#[must_use]
pub fn status(seen: Seen<'_>) -> Option<MlflowStatus> {
    let Seen { cluster, region, nodes, found: mut tracking, recorded, role, bucket, .. } = seen;
    let (idle_stop, stops_at) = (seen.idle_stop, seen.stops_at);
    if tracking.is_empty() && role.is_none() && bucket.is_none() {
        return None;
    }
    let told = |arn: &str| {
        let of = |node: &&Instance| Tag::find(&node.tags, keys::TRACKING_ARN) == Some(arn);
        nodes.iter().filter(of).count()
    };
    tracking.sort_by_key(|it| std::cmp::Reverse((told(&it.arn), recorded == Some(&*it.arn))));
    let own = tracking.iter().filter(|it| it.owned);
    let costs: Option<Vec<f64>> = own.clone().map(|it| it.usd_per_hour).collect();
    let mut advice = Vec::new();
    for it in own {
        if nodes.is_empty() && it.active && it.usd_per_hour != Some(0.0) && stops_at.is_none() {
            advice.push("no node runs: `nixl-launch mlflow stop` ends its hours and keeps its data; `nixl-launch down --mlflow` removes it with all runs".to_owned());
        }
        if it.status == "Stopped" && !nodes.is_empty() {
            advice.push("nodes run and it is stopped: `nixl-launch mlflow start`".to_owned());
        }
    }
    if tracking.is_empty() {
        let left = "neither server nor App is there, only what it needed: `nixl-launch up` goes on with it, `nixl-launch down --mlflow` removes it";
        advice.push(left.to_owned());
    }
    Some(MlflowStatus {
        cluster: cluster.to_string(),
        region: region.to_owned(),
        told_nodes: tracking.first().map_or(0, |it| told(&it.arn)),
        tracking,
        role,
        bucket,
        idle_stop,
        stops_at,
        // The sum of none is -0.
        usd_per_hour: costs.map(|costs| costs.iter().fold(0.0, |sum, usd| sum + usd)),
        advice,
    })
}

/// For people.
#[must_use]
pub fn text(status: &MlflowStatus, terminal: Terminal) -> String {
    let mut text = format!("MLflow of cluster {} in {}\n", status.cluster, status.region);
    let mut line = |name: &str, value: &str| {
        let value = wrapped(value, 14, terminal.columns);
        text.push_str(&format!("  {name:<11} {value}\n"));
    };
    for (i, it) in status.tracking.iter().enumerate() {
        line(it.kind, &it.name);
        line("ARN", &it.arn);
        let active = if it.active { "active" } else { "not active" };
        let owner = if it.owned { "of this cluster" } else { "attached, never changed" };
        line("status", &format!("{}, {active}, {owner}", it.status));
        let parts = [("version", &it.mlflow_version), ("size", &it.size)];
        for (name, value) in parts {
            value.iter().for_each(|value| line(name, value));
        }
        it.maintenance.iter().for_each(|value| line("maintenance", value));
        it.url.iter().for_each(|value| line("URL", value));
        if !it.artifact_store_uri.is_empty() {
            line("artifacts", &it.artifact_store_uri);
        }
        if i == 0 {
            line("nodes", &format!("{} live and were told of it", status.told_nodes));
        }
    }
    if let Some(stop) = status.idle_stop {
        let at = status.stops_at.as_ref().map(|at| format!(": at {at}, as it stands"));
        line("idle stop", &format!("{}{}", stop.told(), at.unwrap_or_default()));
    }
    status.bucket.iter().for_each(|bucket| line("bucket", &format!("s3://{bucket}")));
    status.role.iter().for_each(|role| line("role", role));
    let price = match status.usd_per_hour {
        Some(_) if status.tracking.iter().all(|it| !it.owned) && status.bucket.is_none() => {
            "nothing of it is this cluster's".to_owned()
        }
        Some(0.0) => "nothing an hour; what is stored in its bucket is billed by S3".to_owned(),
        Some(usd) => {
            let month = usd * HOURS_PER_MONTH;
            format!("about ${usd:.2} an hour (${month:.0} a month), and what it stores")
        }
        None => "AWS told no price, and none is made up".to_owned(),
    };
    line("costs", &price);
    let sources = status.tracking.iter().filter_map(|it| it.price_source.as_deref());
    sources.take(1).for_each(|source| line("price from", source));
    for advice in &status.advice {
        let words = wrapped(advice, 6, terminal.columns);
        text.push_str(&format!("{}  {words}\n", terminal.ink(33, "WARN")));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(kind: &'static str, status: &str) -> TrackingReport {
        TrackingReport {
            kind,
            name: "n".to_owned(),
            arn: format!("arn:{kind}"),
            url: None,
            status: status.to_owned(),
            active: status == "Created",
            owned: true,
            mlflow_version: Some("3.0".to_owned()),
            size: (kind == "tracking-server").then(|| "Small".to_owned()),
            maintenance: None,
            artifact_store_uri: String::new(),
            usd_per_hour: Some(if kind == "app" || status == "Stopped" { 0.0 } else { 0.642 }),
            price_source: Some("AWS Price List of 2026-07-20".to_owned()),
        }
    }

    fn node(arn: &str) -> Instance {
        Instance { tags: vec![Tag::new(keys::TRACKING_ARN, arn)], ..Default::default() }
    }

    fn of(nodes: &[Instance], found: Vec<TrackingReport>) -> Option<MlflowStatus> {
        let cluster = &ClusterName::default();
        let recorded = Some("arn:app");
        status(Seen {
            cluster,
            region: "r",
            nodes,
            found,
            recorded,
            role: None,
            bucket: None,
            idle_stop: None,
            stops_at: None,
        })
    }

    #[test]
    fn only_hours_of_a_server_cost_and_an_unknown_price_is_none() {
        let sized = |kind, status| report(kind, status).billed_size().map(str::to_owned);
        assert_eq!(sized("app", "Created"), None);
        assert_eq!(sized("tracking-server", "Stopped"), None);
        assert_eq!(sized("tracking-server", "Created").as_deref(), Some("Small"));
        let usd = |found| of(&[], found).map(|status| status.usd_per_hour);
        let server = report("tracking-server", "Created");
        assert_eq!(usd(vec![report("app", "Created"), server.clone()]), Some(Some(0.642)));
        let untold = TrackingReport { usd_per_hour: None, ..server };
        assert_eq!(usd(vec![report("app", "Created"), untold]), Some(None));
        assert_eq!(usd(vec![]), None);
    }

    #[test]
    fn what_costs_while_nobody_uses_it_is_told() {
        let advice = |nodes: &[Instance], kind, status| {
            of(nodes, vec![report(kind, status)]).unwrap().advice.join("")
        };
        assert!(advice(&[], "tracking-server", "Created").contains("mlflow stop"));
        assert_eq!(advice(&[], "app", "Created"), "");
        let nodes = [node("arn:tracking-server")];
        assert_eq!(advice(&nodes, "tracking-server", "Created"), "");
        assert!(advice(&nodes, "tracking-server", "Stopped").contains("mlflow start"));
    }

    #[test]
    fn what_nodes_were_told_of_comes_first() {
        let found = vec![report("tracking-server", "Created"), report("app", "Created")];
        let gone = of(&[], found.clone()).unwrap();
        assert_eq!((gone.in_use().unwrap().kind, gone.told_nodes), ("app", 0), "as recorded");
        let status = of(&[node("arn:app")], found).unwrap();
        assert_eq!((status.in_use().unwrap().kind, status.told_nodes), ("app", 1));
        let plain = Terminal { columns: None, colour: false };
        let text = text(&status, plain);
        assert!(text.contains("  nodes       1 live and were told of it\n"), "{text}");
        assert!(text.contains("about $0.64 an hour ($469 a month)"), "{text}");
    }
}
