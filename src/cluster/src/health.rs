//! The health document, `application/health+json`
//! (draft-inadarei-api-health-check-06), with our `reason` objects in it.

use crate::reason::{Action, Severity};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Media type of the document.
pub const MEDIA_TYPE: &str = "application/health+json";

/// Overall or single result; `pass` and `warn` are HTTP 200, `fail` is 503.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// As it should be.
    Pass,
    /// Works, with something to look at.
    Warn,
    /// Does not work.
    Fail,
}

/// The whole document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HealthDocument {
    /// Worst status of all checks.
    pub status: Status,
    /// Version of the public interface of this document.
    pub version: String,
    /// Version of the daemon.
    pub release_id: String,
    /// Instance id, or the host name before IMDS has answered.
    pub service_id: String,
    /// One line a person can read.
    pub output: String,
    /// Phase, cluster, rank and peers: who this node is.
    pub node: NodeSummary,
    /// Results by `component:measurement`.
    pub checks: BTreeMap<String, Vec<Check>>,
}

/// Who this node is, as far as it knows.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeSummary {
    /// Phase as in the `nixl:state` tag.
    pub phase: String,
    /// Cluster name, from the settings file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// Launch index.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rank: Option<u32>,
    /// `prefill` or `decode` where roles differ.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// libfabric provider really in use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// Instance ids of the peers this node is paired with.
    #[serde(default)]
    pub peers: Vec<String>,
    /// How many it should be paired with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peers_expected: Option<u32>,
}

/// One result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Check {
    /// What was looked at, e.g. a peer's instance id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub component_id: Option<String>,
    /// `component`, `datastore` or `system`.
    pub component_type: String,
    /// Value seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_value: Option<serde_json::Value>,
    /// Unit of the value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_unit: Option<String>,
    /// Result of this check.
    pub status: Status,
    /// RFC 3339 time of the observation.
    pub time: String,
    /// Why, when the status is not `pass`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<CheckReason>,
}

/// The reason inside a check: the table's row with this case's evidence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckReason {
    /// Stable code, see [`crate::reason::TABLE`].
    pub code: String,
    /// How bad it is.
    pub severity: Severity,
    /// What it means.
    pub meaning: String,
    /// What was seen, as a person would say it.
    pub evidence: String,
    /// The same for programs, see [`crate::Reason::fields`].
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, serde_json::Value>,
    /// What to do about it.
    pub action: Action,
    /// How to do it.
    pub advice: String,
    /// RFC 3339 time since when the reason holds.
    pub since: String,
    /// Somebody has seen it: it stays in sight and no longer counts for the
    /// status of the whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged: Option<Acknowledgement>,
}

/// That somebody has seen a reason; it ends with the reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Acknowledgement {
    /// RFC 3339 time; what happens later is not meant.
    pub at: String,
    /// What the person wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Answer to `POST /ack` and `DELETE /ack`: what that was about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Acknowledged {
    /// Code of the reason.
    pub code: String,
    /// Each as `check` or `check id`.
    pub checks: Vec<String>,
}

impl Check {
    /// Its status as it counts for the whole: nothing, once acknowledged.
    #[must_use]
    pub fn counts(&self) -> Status {
        match &self.reason {
            Some(CheckReason { acknowledged: Some(_), .. }) => Status::Pass,
            _ => self.status,
        }
    }
}

impl Status {
    /// HTTP status of a document with this result.
    #[must_use]
    pub fn http(self) -> u16 {
        match self {
            Self::Pass | Self::Warn => 200,
            Self::Fail => 503,
        }
    }
}
