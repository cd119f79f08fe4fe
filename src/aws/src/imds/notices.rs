//! What IMDS says of the instance's role, and what it announces.
//!
//! Times are passed on as they are written. Sources: EC2 User Guide, "Spot
//! Instance interruption notices", "EC2 instance rebalance recommendations",
//! "View scheduled events", "Retrieve security credentials from instance
//! metadata".

use serde::Deserialize;

/// The role's credentials without the credentials: those are not even read.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RoleCredentials {
    /// Name of the role.
    #[serde(skip)]
    pub role: String,
    /// `Success`, or why EC2 has none, e.g. `AssumeRoleUnauthorizedAccess`.
    pub code: String,
    /// EC2's words where it has none.
    pub message: Option<String>,
    /// RFC 3339 time at which EC2 got them.
    pub last_updated: Option<String>,
    /// RFC 3339 time at which they end.
    pub expiration: Option<String>,
}

/// `spot/instance-action`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct SpotAction {
    /// `terminate`, `stop` or `hibernate`.
    pub action: String,
    /// RFC 3339 time, approximate.
    pub time: String,
}

/// `events/recommendations/rebalance`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Rebalance {
    pub notice_time: String,
}

/// One of `events/maintenance/scheduled`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ScheduledEvent {
    /// `instance-event-…`
    pub event_id: String,
    /// `instance-reboot`, `system-reboot`, `system-maintenance`,
    /// `instance-retirement` or `instance-stop`.
    pub code: String,
    /// In EC2's words.
    #[serde(default)]
    pub description: String,
    /// `active`, `completed` or `canceled`.
    pub state: String,
    /// Begin of the window, e.g. `21 Jan 2019 09:00:43 GMT`.
    pub not_before: Option<String>,
    /// End of the window; some events have none.
    pub not_after: Option<String>,
}
