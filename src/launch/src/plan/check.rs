//! What was looked at before anything is changed, and what to do about it.

use nixl_cluster::check::Verdict;
use serde::{Deserialize, Serialize};

/// One thing looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// What it is about: a stable word for scripts, e.g. `image`.
    pub name: String,
    /// Result.
    pub verdict: Verdict,
    /// What was found.
    pub found: String,
    /// What a person can do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
}

impl Check {
    fn new(name: &str, verdict: Verdict, found: impl Into<String>, fix: Option<String>) -> Self {
        Self { name: name.to_owned(), verdict, found: found.into(), fix }
    }

    /// As it should be.
    pub fn pass(name: &str, found: impl Into<String>) -> Self {
        Self::new(name, Verdict::Pass, found, None)
    }

    /// Could not be looked at, or there is nothing to look at.
    pub fn skip(name: &str, found: impl Into<String>) -> Self {
        Self::new(name, Verdict::Skip, found, None)
    }

    /// A launch may go on; a person should know.
    pub fn warn(name: &str, found: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::new(name, Verdict::Warn, found, Some(fix.into()))
    }

    /// Stands in the way of a launch.
    pub fn fail(name: &str, found: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::new(name, Verdict::Fail, found, Some(fix.into()))
    }

    /// A resource with our name and without our tag.
    pub(super) fn foreign(kind: &str, name: &str, cluster: impl std::fmt::Display) -> Self {
        Self::fail(
            OWNERSHIP,
            format!("{kind} {name} is there but does not carry the tag nixl:cluster={cluster}"),
            "it is left alone: delete it or choose another --cluster",
        )
    }
}

/// Name of the check of whose the resources with our names are.
pub const OWNERSHIP: &str = "ownership";
/// Name of the check of nodes that are there already.
pub const NODES: &str = "nodes";

impl std::fmt::Display for Check {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.found)?;
        self.fix.as_ref().map_or(Ok(()), |fix| write!(f, "; {fix}"))
    }
}

/// Checks that stand in the way, a line each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checks(pub Vec<Check>);

impl std::fmt::Display for Checks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (i, check) in self.0.iter().enumerate() {
            if i > 0 {
                writeln!(f)?;
            }
            write!(f, "{check}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Checks {}
