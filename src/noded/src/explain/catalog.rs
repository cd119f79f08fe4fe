//! The journal's message catalog: operator events, then reasons.

use crate::events::{KINDS, reason_id};
use nixl_cluster::reason;
use std::fmt::Write as _;

/// What `journalctl -x` and `nixl-noded events -x` explain entries with.
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
        let body = format!("{}\n{}\nLeaves: {}", row.meaning, row.advice, row.until);
        entry(&reason_id(row.code), &format!("Reason {}", row.code), &body);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_installed_catalog_is_what_the_code_says() {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../systemd/usr/lib/systemd/catalog/nixl.catalog"
        );
        let installed = std::fs::read_to_string(path).unwrap();
        assert!(installed == catalog(), "write it anew: nixl-noded explain --catalog > {path}");
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
}
