//! Names derived from the cluster name, so that any machine can find again
//! what another one made.

use std::fmt;
use std::str::FromStr;

/// Default cluster name; gives the article's `nixl-node1` and `nixl-node2`.
pub const DEFAULT_CLUSTER: &str = "nixl";
/// Default MLflow tracking server name.
pub const DEFAULT_TRACKING_SERVER: &str = "nixl-efa-mlflow";
/// TCP port of the node daemon's HTTP interface, loopback only.
pub const HEALTH_PORT: u16 = 9100;

/// A valid cluster name: 1 to 32 of `a-z 0-9 -`, a letter first, no `-` last.
///
/// The bound keeps every derived name inside the shortest AWS limit (IAM role
/// names, 64; S3 bucket names, 63 with the account id in them).
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

    /// IAM role, and the instance profile of the same name.
    #[must_use]
    pub fn node_role(&self) -> String {
        format!("{}-node", self.0)
    }

    /// IAM role the MLflow tracking server assumes to reach its bucket.
    #[must_use]
    pub fn mlflow_role(&self) -> String {
        format!("{}-mlflow", self.0)
    }

    /// Group of the schedules that end the nodes, and the IAM role they act as.
    #[must_use]
    pub fn scheduler(&self) -> String {
        format!("{}-scheduler", self.0)
    }

    /// S3 bucket for MLflow artifacts; unique by account and region.
    #[must_use]
    pub fn artifact_bucket(&self, account: &str, region: &str) -> String {
        let name = format!("{}-mlflow-{account}-{region}", self.0);
        name.chars().take(63).collect::<String>().trim_end_matches('-').to_owned()
    }
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

    #[test]
    fn bucket_names_stay_inside_the_s3_limit() {
        let name: ClusterName = "a".repeat(32).parse().unwrap();
        assert!(name.artifact_bucket("123456789012", "ap-southeast-2").len() <= 63);
    }
}
