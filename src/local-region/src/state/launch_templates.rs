//! Launch templates: parameters of a launch under a name.

use std::collections::BTreeMap;

/// A launch template; it has one version.
#[derive(Debug, Clone)]
pub struct LaunchTemplate {
    /// `lt-…`
    pub id: String,
    /// Name.
    pub name: String,
    /// Creation time.
    pub created: String,
    /// ARN of who made it.
    pub created_by: String,
    /// Description of the version.
    pub description: Option<String>,
    /// Parameters of RunInstances, as a request has them.
    pub data: BTreeMap<String, String>,
    /// Client token and the request's parameters.
    pub token: Option<(String, String)>,
}
