//! `nixl-noded explain`: the table of reasons for people, and for the journal.

use crate::events::{KINDS, reason_id};
use nixl_cluster::reason::{self, Action, Reason, Severity};
use std::fmt::Write as _;

/// One reason in full.
#[must_use]
pub fn reason(reason: &Reason) -> String {
    format!(
        "{}  ({}, {})\n  {}\n  {}\n",
        reason.code,
        severity(reason.severity),
        action(reason.action),
        reason.meaning,
        reason.advice
    )
}

/// The reason with this code, or an error that names the near ones.
///
/// # Errors
/// If there is none of this code.
pub fn code(code: &str) -> anyhow::Result<String> {
    if let Some(found) = reason::find(code) {
        return Ok(reason(found));
    }
    let component = code.split('.').next().unwrap_or(code);
    let mut near: Vec<&str> = reason::all()
        .map(|reason| reason.code)
        .filter(|known| known.starts_with(component))
        .collect();
    if near.is_empty() {
        near = reason::all().map(|reason| reason.code).collect();
    }
    anyhow::bail!("no reason has the code {code:?}; known are {}", near.join(", "))
}

/// Every reason in full.
#[must_use]
pub fn all() -> String {
    reason::all().map(reason_block).collect()
}

fn reason_block(row: &Reason) -> String {
    format!("{}\n", reason(row))
}

/// The journal's message catalog: operator events, then reasons.
#[must_use]
pub fn catalog() -> String {
    let mut text =
        String::from("# Message catalog of nixl-noded, made by `nixl-noded explain --catalog`.\n");
    let mut entry = |id: &str, subject: &str, body: &str| {
        // Writing to a String cannot fail.
        let _ = write!(text, "\n-- {id}\nSubject: {subject}\nDefined-By: nixl\n\n{body}\n");
    };
    for kind in KINDS {
        entry(kind.id, kind.subject, kind.text);
    }
    for row in reason::all() {
        let body = format!("{}\n{}", row.meaning, row.advice);
        entry(&reason_id(row.code), &format!("Reason {}", row.code), &body);
    }
    text
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "info",
        Severity::Warning => "warning",
        Severity::Error => "error",
    }
}

fn action(action: Action) -> &'static str {
    match action {
        Action::Watch => "watch it",
        Action::FixSetting => "fix a setting",
        Action::ResetGpu => "reset the GPU",
        Action::Reboot => "restart the daemon or the node",
        Action::Replace => "replace the instance",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_reason_is_explained_and_in_the_installed_catalog() {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../systemd/usr/lib/systemd/catalog/nixl.catalog"
        );
        let installed = std::fs::read_to_string(path).unwrap();
        assert_eq!(installed, catalog(), "write it anew: nixl-noded explain --catalog > {path}");
        for row in reason::all() {
            let told = code(row.code).unwrap();
            assert!(told.contains(row.meaning) && told.contains(row.advice), "{told}");
            assert!(installed.contains(&format!("-- {}\n", reason_id(row.code))), "{}", row.code);
        }
    }

    #[test]
    fn message_ids_are_unique_and_well_formed() {
        let reasons = reason::all().map(|row| reason_id(row.code));
        let ids: Vec<String> = KINDS.iter().map(|kind| kind.id.to_owned()).chain(reasons).collect();
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
        for id in ids {
            assert!(id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit()), "{id}");
        }
        // FNV-1a 128 of "a", from the reference test vectors.
        assert_eq!(reason_id("a"), "d228cb696f1a8caf78912b704e4a8964");
    }

    #[test]
    fn an_unknown_code_is_answered_with_the_near_ones() {
        let error = code("pair.peer_gone").unwrap_err().to_string();
        assert!(error.contains("pair.peer_lost") && !error.contains("mlflow"), "{error}");
    }
}
