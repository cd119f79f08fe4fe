//! A node that does not come on.

use super::indented;

/// A node that hangs on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stuck {
    /// `Name` of the node.
    pub name: String,
    /// Instance.
    pub instance_id: String,
    /// The step it does not come to.
    pub awaited: &'static str,
    /// What usually keeps nodes from it.
    pub usual_cause: &'static str,
    /// What it said last.
    pub evidence: Vec<String>,
}

impl std::fmt::Display for Stuck {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { name, instance_id, awaited, usual_cause, evidence } = self;
        write!(
            f,
            "  {name} ({instance_id}) did not come to {awaited:?}; usual cause: {usual_cause}"
        )?;
        f.write_str(&indented(evidence))
    }
}
