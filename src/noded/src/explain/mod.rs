//! `nixl-noded explain`: the table of reasons for people, for programs, for
//! the journal and for the documentation.

mod catalog;
mod near;
mod page;
mod words;

pub use catalog::catalog;
pub use near::{UnknownCode, known};
pub use page::page;
pub use words::{action, severity};

use nixl_cluster::reason::{self, Action, Reason, Severity};
use serde::Serialize;
use std::fmt::Write as _;

/// Options of `explain`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Code as in /health, the state tag and the journal; without it all of them.
    code: Option<String>,
    /// Prints the journal's message catalog instead.
    #[arg(long, conflicts_with = "code")]
    catalog: bool,
    /// Prints the page docs/reasons.md instead.
    #[arg(long, conflicts_with_all = ["code", "catalog"])]
    markdown: bool,
    /// How to show it.
    #[arg(long, value_enum, default_value_t = Output::Text,
          conflicts_with_all = ["catalog", "markdown"])]
    output: Output,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Output {
    /// For people.
    Text,
    /// One object, or a list of all.
    Json,
}

/// What was asked for.
///
/// # Errors
/// If there is no reason of this code.
pub fn run(args: &Args) -> anyhow::Result<String> {
    if args.catalog {
        return Ok(catalog());
    }
    if args.markdown {
        return Ok(page());
    }
    let one = args.code.as_deref().map(known).transpose()?;
    Ok(match (args.output, one) {
        (Output::Text, Some(one)) => text(one),
        (Output::Text, None) => reason::all().map(|row| text(row) + "\n").collect(),
        (Output::Json, Some(one)) => serde_json::to_string_pretty(&Row::from(one))? + "\n",
        (Output::Json, None) => {
            let rows: Vec<Row> = reason::all().map(Row::from).collect();
            serde_json::to_string_pretty(&rows)? + "\n"
        }
    })
}

/// One reason in full.
#[must_use]
pub fn text(row: &Reason) -> String {
    let Reason { code, meaning, advice, until, fields, .. } = row;
    let mut text = format!(
        "{code}  ({}, {})\n  {meaning}\n  {advice}\n  Leaves: {until}\n",
        severity(row.severity),
        action(row.action),
    );
    if !fields.is_empty() {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  Fields: {}", fields.join(", "));
    }
    text
}

/// A reason for programs.
#[derive(Debug, Serialize)]
struct Row {
    code: &'static str,
    severity: Severity,
    action: Action,
    meaning: &'static str,
    advice: &'static str,
    until: &'static str,
    fields: &'static [&'static str],
    message_id: String,
}

impl From<&'static Reason> for Row {
    fn from(row: &'static Reason) -> Self {
        let Reason { code, severity, meaning, action, advice, fields, until } = *row;
        let message_id = crate::events::reason_id(code);
        Self { code, severity, action, meaning, advice, until, fields, message_id }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_is_explained_in_full() {
        for row in reason::all() {
            let told = text(row);
            let fields = row.fields.iter().all(|field| told.contains(field));
            assert!(fields && told.contains(row.meaning) && told.contains(row.until), "{told}");
        }
    }

    #[test]
    fn programs_get_the_same() {
        let args = |code: Option<&str>| Args {
            code: code.map(str::to_owned),
            catalog: false,
            markdown: false,
            output: Output::Json,
        };
        let told = run(&args(Some("efa.missing"))).unwrap();
        let told: serde_json::Value = serde_json::from_str(&told).unwrap();
        assert_eq!(
            (told["action"].as_str(), told["severity"].as_str()),
            (Some("reboot"), Some("error"))
        );
        assert_eq!(told["fields"][0], "expected");
        let all: Vec<serde_json::Value> = serde_json::from_str(&run(&args(None)).unwrap()).unwrap();
        assert_eq!(all.len(), reason::all().count());
        assert!(run(&args(Some("efa.missin"))).is_err());
    }
}
