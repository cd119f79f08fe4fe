//! One entry, as `journalctl --output=json` writes it.
//!
//! systemd's "Journal JSON Format": an object of fields. A value is a string;
//! an array of numbers, the bytes of what is no UTF-8 or not printable; null,
//! for one that is too large; or an array of these, for a field that is there
//! several times.

use jiff::Timestamp;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// What the daemon told.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// When the journal got it.
    pub at: Timestamp,
    /// 0 (emergency) to 7 (debug), as syslog's.
    pub priority: u8,
    /// Every field but those with `_` in front, in the order told; bytes that
    /// are no UTF-8 are replaced.
    pub fields: BTreeMap<String, Vec<String>>,
    /// Unit of the process that wrote it, which the journal itself saw.
    unit: Option<String>,
    /// User of that process, likewise.
    uid: Option<u32>,
}

/// The daemon.
const UNIT: &str = "nixl-noded.service";

/// Why a line is no entry.
#[derive(Debug, thiserror::Error)]
pub enum NotAnEntry {
    /// It is no JSON object.
    #[error("journalctl wrote what is no JSON object: {0}")]
    Json(#[from] serde_json::Error),
    /// The journal always adds the time.
    #[error("journalctl wrote an entry without a time")]
    NoTime,
}

/// Of an entry that names none; sd_journal_print(3) calls it usual.
const INFORMATIONAL: u8 = 6;

impl Entry {
    /// From one line.
    ///
    /// # Errors
    /// If it is none.
    pub fn parse(line: &[u8]) -> Result<Self, NotAnEntry> {
        let object: Map<String, Value> = serde_json::from_slice(line)?;
        let time = object.get("__REALTIME_TIMESTAMP").map(values).unwrap_or_default();
        let micros = time.first().and_then(|time| time.parse().ok()).ok_or(NotAnEntry::NoTime)?;
        let at = Timestamp::from_microsecond(micros).map_err(|_| NotAnEntry::NoTime)?;
        let fields: BTreeMap<String, Vec<String>> = object
            .iter()
            .filter(|(name, _)| !name.starts_with('_'))
            .map(|(name, value)| (name.clone(), values(value)))
            .collect();
        let seen = |field| values(object.get(field)?).into_iter().next();
        let (unit, uid) = (seen("_SYSTEMD_UNIT"), seen("_UID").and_then(|uid| uid.parse().ok()));
        let entry = Self { at, priority: INFORMATIONAL, fields, unit, uid };
        let told = entry.get("PRIORITY").and_then(|told| told.parse().ok());
        Ok(Self { priority: told.filter(|told| *told <= 7).unwrap_or(INFORMATIONAL), ..entry })
    }

    /// The first value of a field; none if it was too large.
    #[must_use]
    pub fn get(&self, field: &str) -> Option<&str> {
        self.fields.get(field)?.first().map(String::as_str)
    }

    /// Whether the daemon told it, or a service of ours that runs as root: anybody
    /// may write entries with our identifier.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        self.uid == Some(0) || self.unit.as_deref() == Some(UNIT)
    }

    /// Which kind of entry it is.
    #[must_use]
    pub fn message_id(&self) -> Option<&str> {
        self.get("MESSAGE_ID")
    }
}

fn values(value: &Value) -> Vec<String> {
    match (text(value), value) {
        (Some(text), _) => vec![text],
        (None, Value::Array(several)) => several.iter().filter_map(text).collect(),
        (None, _) => Vec::new(),
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Array(bytes) => {
            let bytes: Option<Vec<u8>> =
                bytes.iter().map(|byte| byte.as_u64()?.try_into().ok()).collect();
            Some(String::from_utf8_lossy(&bytes?).into_owned())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn an_entry_as_journalctl_writes_it() {
        let line = r#"{"_BOOT_ID":"2eee","__REALTIME_TIMESTAMP":"1795886106951108","PRIORITY":"4",
            "MESSAGE":[114,195,164,9],"REASON":["a","b"],"LIBRARY":null,"PAIR_ID":"nixl/i-1+i-2"}"#;
        let entry = Entry::parse(line.as_bytes()).unwrap();
        assert_eq!(entry.at.to_string(), "2026-11-28T17:15:06.951108Z");
        assert_eq!((entry.priority, entry.get("MESSAGE")), (4, Some("rä\t")));
        assert_eq!(entry.fields["REASON"], ["a", "b"]);
        assert_eq!((entry.get("LIBRARY"), entry.get("_BOOT_ID")), (None, None));
        assert!(matches!(Entry::parse(b"{}"), Err(NotAnEntry::NoTime)));
        assert!(matches!(Entry::parse(b"-- No entries --"), Err(NotAnEntry::Json(_))));
    }

    #[test]
    fn entries_of_other_users_are_not_ours() {
        let of = |seen: &str| {
            let line =
                format!(r#"{{"__REALTIME_TIMESTAMP":"1","SYSLOG_IDENTIFIER":"nixl-noded"{seen}}}"#);
            Entry::parse(line.as_bytes()).unwrap().is_ours()
        };
        assert!(of(r#","_UID":"997","_SYSTEMD_UNIT":"nixl-noded.service""#));
        assert!(of(r#","_UID":"0","_SYSTEMD_UNIT":"nixl-environment.service""#));
        assert!(
            of(r#","_UID":"0""#),
            "a short-lived process may be gone when its unit is looked for"
        );
        for forged in [
            "",
            r#","_UID":"1000""#,
            r#","_UID":"1000","_SYSTEMD_UNIT":"user@1000.service","_SYSTEMD_USER_UNIT":"nixl-noded.service""#,
            r#","_UID":"1000","SYSTEMD_UNIT":"nixl-noded.service""#,
        ] {
            assert!(!of(forged), "{forged}");
        }
    }

    /// A value as journalctl would write it.
    fn written(value: &[u8]) -> Value {
        match std::str::from_utf8(value) {
            Ok(text) if !text.chars().any(char::is_control) => json!(text),
            _ => json!(value),
        }
    }

    proptest! {
        #[test]
        fn every_value_comes_back(
            fields in prop::collection::btree_map(
                "[A-Z][A-Z0-9_]{0,8}",
                prop::collection::vec(prop::collection::vec(any::<u8>(), 1..20), 1..4),
                0..6,
            ),
            micros in 0_i64..4_000_000_000_000_000,
        ) {
            let mut object = Map::new();
            for (name, values) in &fields {
                let written: Vec<Value> = values.iter().map(|value| written(value)).collect();
                let one = written.len() == 1;
                object.insert(name.clone(), if one { written[0].clone() } else { written.into() });
            }
            object.insert("__REALTIME_TIMESTAMP".to_owned(), json!(micros.to_string()));
            let entry = Entry::parse(&serde_json::to_vec(&object).unwrap()).unwrap();
            prop_assert_eq!(entry.at.as_microsecond(), micros);
            for (name, values) in &fields {
                let expected: Vec<String> =
                    values.iter().map(|value| String::from_utf8_lossy(value).into_owned()).collect();
                prop_assert_eq!(&entry.fields[name], &expected);
            }
        }

        #[test]
        fn nothing_makes_it_panic(line in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Entry::parse(&line);
        }

        #[test]
        fn nor_does_any_object(text in r#"\{"__REALTIME_TIMESTAMP":("[0-9-]{1,20}"|null|[0-9]{1,20}),"MESSAGE":(null|"[a-z]*"|\[[0-9,nul"\[\]-]{0,12}\])\}"#) {
            let _ = Entry::parse(text.as_bytes());
        }
    }
}
