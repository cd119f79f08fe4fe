//! Checks for a person.

use super::Check;
use crate::terminal::{Terminal, wrapped};
use nixl_cluster::check::Verdict;

/// A line or more for each check, its fix under it.
#[must_use]
pub fn text(checks: &[Check], terminal: Terminal) -> String {
    let width = checks.iter().map(|it| it.name.chars().count()).max().unwrap_or(0);
    let narrow = terminal.columns.is_some_and(|columns| columns < 60);
    let indent = if narrow { 6 } else { 6 + width + 2 };
    let mut text = String::new();
    for check in checks {
        let found = wrapped(&check.told(), indent, terminal.columns);
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

    fn checks() -> [Check; 3] {
        let found = "sg-1 has no rule that lets traffic out to itself";
        [
            Check::pass("credentials", "account 123456789012"),
            Check::fail("self-egress", found, "add it").of("sg-1"),
            Check::skip("ssm", "no node runs"),
        ]
    }

    #[test]
    fn it_looks_like_this() {
        let expected = "\
PASS  credentials  account 123456789012
FAIL  self-egress  sg-1: sg-1 has no rule that lets traffic out to itself
                   fix: add it
SKIP  ssm          no node runs
";
        assert_eq!(text(&checks(), Terminal { columns: None, colour: false }), expected);
    }

    #[test]
    fn lines_keep_to_the_width() {
        for columns in [30, 40, 59, 60, 80] {
            for line in text(&checks(), Terminal { columns: Some(columns), colour: false }).lines()
            {
                assert!(line.chars().count() <= columns, "{columns}: {line}");
            }
        }
    }
}
