//! docs/reasons.md.

use super::{action, severity};
use crate::events::KINDS;
use nixl_cluster::reason::{self, Reason};
use std::fmt::Write as _;

const INTRODUCTION: &str = "# Reasons

Made by `nixl-noded explain --markdown` from the table in `src/cluster/src/reason`; do not edit.

Whatever is wrong with a node has one of these codes: in `/health`, the tag `nixl:state`, the journal (`REASON`) and metrics. `nixl-noded explain
CODE` tells the same on a node. `info` is not yet a fault, a `warning` leaves `/health` at 200, an `error` makes it 503, unless somebody has
acknowledged it (`nixl-noded ack CODE`). Evidence comes beside each in words, and for programs in the fields named.
";

/// The page, in Markdown.
#[must_use]
pub fn page() -> String {
    let mut text = INTRODUCTION.to_owned();
    let mut component = "";
    for row in reason::all() {
        let (of, _) = row.code.split_once('.').unwrap_or((row.code, ""));
        // Writing to a String cannot fail.
        if of != component {
            let _ = write!(text, "\n## {of}\n");
            component = of;
        }
        text.push_str(&section(row));
    }
    text.push_str(
        "\n## Journal entries\n\nEach reason is a journal entry with a `MESSAGE_ID` of its own; so are these:\n\n\
         | entry | `MESSAGE_ID` |\n|---|---|\n",
    );
    for kind in KINDS {
        let _ = writeln!(text, "| {} | `{}` |", kind.subject.replace('@', "`"), kind.id);
    }
    text
}

fn section(row: &Reason) -> String {
    let Reason { code, meaning, advice, until, fields, .. } = row;
    let mut text = format!(
        "\n### {code}\n\n{}, {}. {meaning}\n\n{advice}\n\nLeaves: {until}\n",
        severity(row.severity),
        action(row.action),
    );
    if !fields.is_empty() {
        let fields: Vec<String> = fields.iter().map(|field| format!("`{field}`")).collect();
        let _ = write!(text, "\nFields: {}.\n", fields.join(", "));
    }
    let _ = write!(text, "\n`journalctl -t nixl-noded REASON={code}`\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_what_the_code_says() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reasons.md");
        let written = std::fs::read_to_string(path).unwrap();
        assert!(written == page(), "write it anew: nixl-noded explain --markdown > {path}");
    }
}
