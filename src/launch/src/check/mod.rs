//! One thing looked at, by `plan`, `doctor` or `status`, and what to do about it.

mod table;

pub use table::{text, verdict};

use nixl_cluster::check::Verdict;
use serde::{Deserialize, Serialize};

/// One thing looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// What it is about: a stable word for scripts, e.g. `self-egress`.
    pub name: String,
    /// Which one, e.g. a node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
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
        Self { name: name.to_owned(), about: None, verdict, found: found.into(), fix }
    }

    /// As it should be.
    pub fn pass(name: &str, found: impl Into<String>) -> Self {
        Self::new(name, Verdict::Pass, found, None)
    }

    /// Could not be looked at, or there is nothing to look at.
    pub fn skip(name: &str, found: impl Into<String>) -> Self {
        Self::new(name, Verdict::Skip, found, None)
    }

    /// Works, or a launch may go on; a person should know.
    pub fn warn(name: &str, found: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::new(name, Verdict::Warn, found, Some(fix.into()))
    }

    /// Does not work, or stands in the way of a launch.
    pub fn fail(name: &str, found: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::new(name, Verdict::Fail, found, Some(fix.into()))
    }

    /// Of this one.
    #[must_use]
    pub fn of(mut self, about: impl Into<String>) -> Self {
        self.about = Some(about.into());
        self
    }

    /// What was found, and of what.
    #[must_use]
    pub fn told(&self) -> String {
        let about = self.about.as_ref().map(|about| format!("{about}: ")).unwrap_or_default();
        format!("{about}{}", self.found)
    }
}

impl std::fmt::Display for Check {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.told())?;
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
