//! One thing looked at, and all of them for a person.

use crate::terminal::{Terminal, wrapped};
use nixl_cluster::check::Verdict;
use serde::Serialize;

/// One thing looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What it is about: a stable word for scripts, e.g. `self-egress`.
    pub name: String,
    /// Which one, e.g. a node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
    /// Result.
    pub verdict: Verdict,
    /// What was found.
    pub found: String,
    /// What a person can do.
    #[serde(skip_serializing_if = "Option::is_none")]
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

    /// Works, with something to look at.
    pub fn warn(name: &str, found: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::new(name, Verdict::Warn, found, Some(fix.into()))
    }

    /// Does not work.
    pub fn fail(name: &str, found: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::new(name, Verdict::Fail, found, Some(fix.into()))
    }

    /// Of this one.
    #[must_use]
    pub fn of(mut self, about: impl Into<String>) -> Self {
        self.about = Some(about.into());
        self
    }
}

/// All checks, in dependency order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnosis {
    /// Cluster.
    pub cluster: String,
    /// Region.
    pub region: String,
    /// Worst of all.
    pub verdict: Verdict,
    /// What was looked at.
    pub checks: Vec<Check>,
}

/// For people.
#[must_use]
pub fn text(diagnosis: &Diagnosis, terminal: Terminal) -> String {
    let mut text = String::new();
    let width = diagnosis.checks.iter().map(|it| it.name.chars().count()).max().unwrap_or(0);
    let narrow = terminal.columns.is_some_and(|columns| columns < 60);
    let indent = if narrow { 6 } else { 6 + width + 2 };
    for check in &diagnosis.checks {
        let about = check.about.as_ref().map(|about| format!("{about}: ")).unwrap_or_default();
        let found = wrapped(&format!("{about}{}", check.found), indent, terminal.columns);
        let name = &check.name;
        let lead = format!("{}  ", verdict(check.verdict, terminal));
        if narrow {
            text.push_str(&format!("{lead}{name}\n{:indent$}{found}\n", ""));
        } else {
            text.push_str(&format!("{lead}{name:width$}  {found}\n"));
        }
        if let Some(fix) = &check.fix {
            let fix = wrapped(&format!("fix: {fix}"), indent, terminal.columns);
            text.push_str(&format!("{:indent$}{fix}\n", ""));
        }
    }
    let count = |of| diagnosis.checks.iter().filter(|check| check.verdict == of).count();
    text.push_str(&format!(
        "{}  {} passed, {} warned, {} failed, {} skipped\n",
        verdict(diagnosis.verdict, terminal),
        count(Verdict::Pass),
        count(Verdict::Warn),
        count(Verdict::Fail),
        count(Verdict::Skip),
    ));
    text
}

/// A verdict as a word.
#[must_use]
pub fn verdict(verdict: Verdict, terminal: Terminal) -> String {
    let (colour, word) = match verdict {
        Verdict::Pass => (32, "PASS"),
        Verdict::Warn => (33, "WARN"),
        Verdict::Fail => (31, "FAIL"),
        Verdict::Skip => (90, "SKIP"),
    };
    terminal.ink(colour, word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn diagnosis() -> Diagnosis {
        Diagnosis {
            cluster: "nixl".to_owned(),
            region: "us-east-1".to_owned(),
            verdict: Verdict::Fail,
            checks: vec![
                Check::pass("credentials", "account 123456789012"),
                Check::fail(
                    "self-egress",
                    "sg-1 has no rule that lets traffic out to itself",
                    "add it",
                )
                .of("sg-1"),
                Check::skip("ssm", "no node runs"),
            ],
        }
    }

    #[test]
    fn it_looks_like_this() {
        let expected = "\
PASS  credentials  account 123456789012
FAIL  self-egress  sg-1: sg-1 has no rule that lets traffic out to itself
                   fix: add it
SKIP  ssm          no node runs
FAIL  1 passed, 0 warned, 1 failed, 1 skipped
";
        assert_eq!(text(&diagnosis(), Terminal { columns: None, colour: false }), expected);
    }

    #[test]
    fn lines_keep_to_the_width() {
        for columns in [30, 40, 59, 60, 80] {
            let text = text(&diagnosis(), Terminal { columns: Some(columns), colour: false });
            let body = text.lines().count() - 1;
            for line in text.lines().take(body) {
                assert!(line.chars().count() <= columns, "{columns}: {line}");
            }
        }
    }
}
