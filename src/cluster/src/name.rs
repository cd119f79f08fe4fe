//! Names derived from the cluster name, so that any machine can find again
//! what another one made.

use sha2::{Digest, Sha256};
use std::fmt;
use std::str::FromStr;

/// Default cluster name; gives the article's `nixl-node1` and `nixl-node2`.
pub const DEFAULT_CLUSTER: &str = "nixl";
/// Default MLflow tracking server name.
pub const DEFAULT_TRACKING_SERVER: &str = "nixl-efa-mlflow";
/// TCP port of the node daemon's HTTP interface, loopback only.
pub const HEALTH_PORT: u16 = 9100;

/// Longest name of an IAM role (IAM user guide, "IAM and AWS STS quotas").
const ROLE_CHARS: usize = 64;
/// Longest name of an S3 bucket (S3 user guide, "Bucket naming rules").
const BUCKET_CHARS: usize = 63;
/// Enough that the few names of an account never meet by chance.
const HASH_CHARS: usize = 10;

/// A valid cluster name: 1 to 32 of `a-z 0-9 -`, a letter first, no `-` last.
///
/// IAM and S3 are not regional, so what is made there has the region in its
/// name: clusters of one name in two regions share nothing.
#[derive(
    Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(try_from = "String", into = "String")]
pub struct ClusterName(String);

/// Why a text is no cluster name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "cluster name {given:?} is not valid: use 1 to 32 of a-z, 0-9 and '-', a letter first, no '-' at the end"
)]
pub struct NameError {
    /// The text as given.
    pub given: String,
}

impl ClusterName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `Name` tag of the node with this rank: `<cluster>-node<rank+1>`.
    #[must_use]
    pub fn node(&self, rank: u32) -> String {
        format!("{}-node{}", self.0, rank + 1)
    }

    /// Security group that carries the fabric's self rules.
    #[must_use]
    pub fn security_group(&self) -> String {
        format!("{}-fabric", self.0)
    }

    /// Cluster placement group for one zone: a group binds to the zone of its
    /// first instance, so each zone tried has its own.
    #[must_use]
    pub fn placement_group(&self, zone: &str) -> String {
        format!("{}-{zone}", self.0)
    }

    /// IAM role of the nodes, and the instance profile of the same name.
    #[must_use]
    pub fn node_role(&self, region: &str) -> String {
        bounded(format!("{}-node-{region}", self.0), ROLE_CHARS)
    }

    /// IAM role the MLflow tracking server assumes to reach its bucket.
    #[must_use]
    pub fn mlflow_role(&self, region: &str) -> String {
        bounded(format!("{}-mlflow-{region}", self.0), ROLE_CHARS)
    }

    /// MLflow App; others may have the same name.
    #[must_use]
    pub fn mlflow_app(&self) -> String {
        format!("{}-mlflow", self.0)
    }

    /// Group of the schedules that end the nodes.
    #[must_use]
    pub fn scheduler(&self) -> String {
        format!("{}-scheduler", self.0)
    }

    /// IAM role these schedules act as.
    #[must_use]
    pub fn scheduler_role(&self, region: &str) -> String {
        bounded(format!("{}-scheduler-{region}", self.0), ROLE_CHARS)
    }

    /// Group of the schedule that stops the tracking server once it is idle: it outlives
    /// the nodes and their schedules.
    #[must_use]
    pub fn mlflow_stop(&self) -> String {
        format!("{}-mlflow-stop", self.0)
    }

    /// IAM role this schedule acts as.
    #[must_use]
    pub fn mlflow_stop_role(&self, region: &str) -> String {
        bounded(format!("{}-mlflow-stop-{region}", self.0), ROLE_CHARS)
    }

    /// S3 bucket for MLflow artifacts; unique by account and region.
    #[must_use]
    pub fn artifact_bucket(&self, account: &str, region: &str) -> String {
        bounded(format!("{}{account}-{region}", self.artifact_bucket_prefix()), BUCKET_CHARS)
    }

    /// What the names of such buckets begin with, in any account and region.
    #[must_use]
    pub fn artifact_bucket_prefix(&self) -> String {
        format!("{}-mlflow-", self.0)
    }
}

/// The name, or where it is too long its beginning and a hash of all of it:
/// names that differ in their tails stay different.
fn bounded(name: String, chars: usize) -> String {
    if name.len() <= chars {
        return name;
    }
    let digest = hex::encode(Sha256::digest(&name));
    let (tail, room) = (&digest[..HASH_CHARS], chars - HASH_CHARS - 1);
    let head: String = name.chars().take(room).collect();
    format!("{}-{tail}", head.trim_end_matches('-'))
}

impl Default for ClusterName {
    fn default() -> Self {
        Self(DEFAULT_CLUSTER.to_owned())
    }
}

impl FromStr for ClusterName {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        let ok = (1..=32).contains(&text.len())
            && text.starts_with(|c: char| c.is_ascii_lowercase())
            && !text.ends_with('-')
            && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
        if ok { Ok(Self(text.to_owned())) } else { Err(NameError { given: text.to_owned() }) }
    }
}

impl TryFrom<String> for ClusterName {
    type Error = NameError;
    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<ClusterName> for String {
    fn from(name: ClusterName) -> Self {
        name.0
    }
}

impl fmt::Display for ClusterName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_reproduces_the_articles_names() {
        let name = ClusterName::default();
        assert_eq!([name.node(0), name.node(1)], ["nixl-node1", "nixl-node2"]);
    }

    #[test]
    fn bad_names_are_refused() {
        for bad in ["", "1a", "A", "a_b", "a-", "é", &"a".repeat(33)] {
            assert!(bad.parse::<ClusterName>().is_err(), "{bad:?}");
        }
    }

    /// All names that are global in an account.
    fn global(cluster: &str, region: &str) -> [String; 5] {
        let name: ClusterName = cluster.parse().unwrap();
        [
            name.node_role(region),
            name.mlflow_role(region),
            name.scheduler_role(region),
            name.mlflow_stop_role(region),
            name.artifact_bucket("123456789012", region),
        ]
    }

    #[test]
    fn global_names_say_their_region() {
        assert_eq!(
            global("nixl", "us-east-1"),
            [
                "nixl-node-us-east-1",
                "nixl-mlflow-us-east-1",
                "nixl-scheduler-us-east-1",
                "nixl-mlflow-stop-us-east-1",
                "nixl-mlflow-123456789012-us-east-1",
            ]
        );
    }

    #[test]
    fn no_two_regions_share_a_name_and_all_fit() {
        let regions = ["ap-southeast-1", "ap-southeast-2", "us-east-1", "mars-northsouth-12345"];
        for cluster in ["a".repeat(32), "nixl".to_owned()] {
            let names: Vec<String> =
                regions.iter().flat_map(|region| global(&cluster, region)).collect();
            let distinct: std::collections::BTreeSet<&String> = names.iter().collect();
            assert_eq!(distinct.len(), names.len(), "{names:?}");
            for [roles @ .., bucket] in regions.map(|it| global(&cluster, it)) {
                assert!(roles.iter().all(|role| role.len() <= 64));
                assert!(bucket.len() <= 63, "{bucket}");
            }
        }
    }
}
