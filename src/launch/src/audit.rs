//! What of each cluster is there, and what of it costs money for nobody: pure.

use crate::command::Flags;
use crate::failure::{BUCKET, Resource, TRACKING_SERVER};
use crate::lifetime::End;
use crate::plan::is_live;
use crate::terminal::{Terminal, wrapped};
use jiff::Timestamp;
use nixl_aws::ec2::Instance;
use serde::Serialize;

/// Kinds that are billed while they are there, whoever uses them (EC2, S3 and
/// SageMaker pricing pages). A Spot request or a group costs nothing by itself.
const BILLED: [&str; 6] =
    ["instance", "volume", "capacity reservation", "Elastic IP address", TRACKING_SERVER, BUCKET];

/// Of these, what only `down --mlflow` removes.
const MLFLOW: [&str; 2] = [TRACKING_SERVER, BUCKET];

/// What was read of one cluster.
#[derive(Debug)]
pub struct Found<'a> {
    /// Name.
    pub cluster: &'a str,
    /// Its instances in any state.
    pub instances: Vec<&'a Instance>,
    /// Everything of it.
    pub resources: Vec<Resource>,
    /// Has its name and is not its own.
    pub foreign: Vec<Resource>,
    /// Now.
    pub now: Timestamp,
}

/// One cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClusterAudit {
    /// Name.
    pub cluster: String,
    /// Nodes that run or are about to.
    pub nodes: usize,
    /// Nothing runs that would use the rest.
    pub orphaned: bool,
    /// Nodes still run though the end of the last of them is over.
    pub expired: bool,
    /// What is billed.
    pub billed: Vec<Resource>,
    /// What costs nothing.
    pub free: Vec<Resource>,
    /// Has its name and is not its own.
    pub foreign: Vec<Resource>,
}

/// All of a region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Audit {
    /// Region.
    pub region: String,
    /// Clusters of which anything is there, by name.
    pub clusters: Vec<ClusterAudit>,
    /// What could not be read: more may be there.
    pub unread: Vec<String>,
}

/// One cluster; none if nothing of it is there.
#[must_use]
pub fn audit(found: &Found<'_>) -> Option<ClusterAudit> {
    if found.resources.is_empty() && found.foreign.is_empty() {
        return None;
    }
    let live: Vec<&&Instance> = found.instances.iter().filter(|node| is_live(node)).collect();
    let end = End::latest(found.instances.iter().copied()).ok().flatten();
    let left_secs = end.and_then(|end| end.left_secs(found.now));
    let (billed, free) = found.resources.iter().cloned().partition(|it| BILLED.contains(&it.kind));
    Some(ClusterAudit {
        cluster: found.cluster.to_owned(),
        nodes: live.len(),
        orphaned: live.is_empty() && !found.resources.is_empty(),
        expired: !live.is_empty() && left_secs.is_some_and(|left| left < 0),
        billed,
        free,
        foreign: found.foreign.clone(),
    })
}

impl ClusterAudit {
    /// It costs money and nobody has use of it. Runs that are kept in a bucket are
    /// kept for somebody.
    #[must_use]
    pub fn wastes(&self) -> bool {
        (self.orphaned || self.expired) && self.billed.iter().any(|it| it.kind != BUCKET)
    }
}

impl Audit {
    /// Whether all was seen and nothing costs money for nobody.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.unread.is_empty() && !self.clusters.iter().any(ClusterAudit::wastes)
    }
}

/// For people.
#[must_use]
pub fn text(audit: &Audit, flags: &Flags, terminal: Terminal) -> String {
    let mut text = match audit.clusters.as_slice() {
        [] if audit.unread.is_empty() => {
            format!("nothing of any cluster is in {}\n", audit.region)
        }
        clusters => clusters.iter().map(|cluster| paragraph(cluster, flags, terminal)).collect(),
    };
    if !audit.unread.is_empty() {
        let word = terminal.ink(31, "FAIL");
        let unread = audit.unread.join("\n      ");
        text.push_str(&format!(
            "{word}  more may be there, for these could not be read:\n      {unread}\n"
        ));
    }
    text
}

fn paragraph(cluster: &ClusterAudit, flags: &Flags, terminal: Terminal) -> String {
    let name = &cluster.cluster;
    let state = match cluster {
        ClusterAudit { orphaned: true, .. } => "no node runs".to_owned(),
        ClusterAudit { expired: true, nodes, .. } => {
            format!("{nodes} nodes run after the cluster's end")
        }
        ClusterAudit { nodes, .. } => format!("{nodes} nodes run"),
    };
    let (colour, word) = if cluster.wastes() { (31, "FAIL") } else { (32, "PASS") };
    let mut text = format!("{}  {name}: {state}\n", terminal.ink(colour, word));
    let mut list = |what: &str, resources: &[Resource]| {
        if !resources.is_empty() {
            let words = format!("{what}: {}", crate::failure::joined(resources));
            text.push_str(&format!("      {}\n", wrapped(&words, 6, terminal.columns)));
        }
    };
    list("billed", &cluster.billed);
    list("costs nothing", &cluster.free);
    list("not this cluster's", &cluster.foreign);
    if cluster.wastes() {
        // First what runs ends; runs in MLflow go only where nothing else is left to end.
        let mlflow = cluster.billed.iter().all(|it| MLFLOW.contains(&it.kind));
        let down = match mlflow {
            true => "`nixl-launch down --mlflow` (deletes all runs)",
            false => "`nixl-launch down`",
        };
        text.push_str(&format!("      fix: {}\n", flags.of(name).told(down)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use nixl_aws::Tag;

    fn node(state: &str, ends: &str) -> Instance {
        Instance {
            state: state.to_owned(),
            tags: vec![Tag::new("nixl:expires-at", ends)],
            ..Default::default()
        }
    }

    fn audited(instances: &[Instance], resources: &[(&'static str, &str)]) -> ClusterAudit {
        audit(&Found {
            cluster: "nixl",
            instances: instances.iter().collect(),
            resources: resources.iter().map(|(kind, id)| Resource::new(kind, *id)).collect(),
            foreign: vec![Resource::new("IAM role", "nixl-node-r")],
            now: "2026-11-28T12:00:00Z".parse().unwrap(),
        })
        .unwrap()
    }

    #[test]
    fn what_costs_money_for_nobody_fails_and_names_the_way_out() {
        let left = audited(
            &[node("terminated", "2026-11-28T11:00:00Z")],
            &[("volume", "vol-1"), ("security group", "sg-1")],
        );
        assert!(left.orphaned && !left.expired && left.wastes());
        let audit = Audit { region: "r".to_owned(), clusters: vec![left], unread: vec![] };
        assert!(!audit.is_clean());
        assert_eq!(
            text(&audit, &Flags::default(), Terminal { columns: None, colour: false }),
            "FAIL  nixl: no node runs\n      billed: volume vol-1\n      \
             costs nothing: security group sg-1\n      not this cluster's: IAM role nixl-node-r\n      \
             fix: `nixl-launch down --cluster nixl`\n"
        );
    }

    #[test]
    fn nodes_in_their_time_and_leftovers_that_cost_nothing_pass() {
        let running = audited(&[node("running", "2026-11-28T13:00:00Z")], &[("instance", "i-1")]);
        assert!(!running.wastes() && running.nodes == 1);
        let free = audited(&[], &[("security group", "sg-1")]);
        assert!(free.orphaned && !free.wastes());
        let server = audited(&[], &[(TRACKING_SERVER, "nixl-efa-mlflow")]);
        let told = paragraph(&server, &Flags::default(), Terminal { columns: None, colour: false });
        let fix = "fix: `nixl-launch down --mlflow --cluster nixl` (deletes all runs)\n";
        assert!(told.ends_with(fix), "{told}");
    }

    #[test]
    fn nodes_after_their_end_go_and_the_runs_in_mlflow_stay() {
        let late = || node("running", "2026-11-28T11:00:00Z");
        let billed = [("instance", "i-1"), (TRACKING_SERVER, "nixl-efa-mlflow")];
        let over = audited(&[late(), late()], &billed);
        assert!(over.expired && over.wastes());
        let told = paragraph(&over, &Flags::default(), Terminal { columns: None, colour: false });
        assert!(told.ends_with("fix: `nixl-launch down --cluster nixl`\n"), "{told}");
        for longer in [node("running", "2026-11-28T13:00:00Z"), Instance { tags: vec![], ..late() }]
        {
            let lives = audited(&[late(), longer], &billed);
            assert!(!lives.expired && !lives.wastes(), "one is still to end");
        }
        let odd = audited(&[late(), node("running", "soon")], &billed);
        assert!(!odd.expired, "nobody knows its end");
    }

    #[test]
    fn nothing_is_no_cluster() {
        let now = Timestamp::UNIX_EPOCH;
        let nothing =
            Found { cluster: "x", instances: vec![], resources: vec![], foreign: vec![], now };
        assert_eq!(audit(&nothing), None);
        let mut audit = Audit { region: "r".to_owned(), clusters: vec![], unread: vec![] };
        let told = |audit: &Audit| {
            text(audit, &Flags::default(), Terminal { columns: None, colour: false })
        };
        assert_eq!(told(&audit), "nothing of any cluster is in r\n");
        audit.unread.push("iam ListRoles: no".to_owned());
        assert_eq!(
            told(&audit),
            "FAIL  more may be there, for these could not be read:\n      iam ListRoles: no\n"
        );
    }
}
