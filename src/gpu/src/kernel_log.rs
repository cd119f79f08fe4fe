//! Entries of the kernel log as journald has them, journalctl(1) `-o json`.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Where it is in the journal, for `--after-cursor`.
    pub cursor: String,
    /// When journald took it.
    pub at: Timestamp,
    /// What the kernel wrote; empty where it is too long for JSON.
    pub message: String,
}

#[derive(Deserialize)]
struct Raw {
    #[serde(rename = "__CURSOR")]
    cursor: String,
    /// Microseconds since 1970, as text.
    #[serde(rename = "__REALTIME_TIMESTAMP")]
    realtime: String,
    /// Text; numbers of bytes where it is not UTF-8; null where it is long.
    #[serde(rename = "MESSAGE", default)]
    message: Value,
}

/// The entry of a line.
#[must_use]
pub fn parse(line: &str) -> Option<Entry> {
    let Raw { cursor, realtime, message } = serde_json::from_str(line).ok()?;
    let at = Timestamp::from_microsecond(realtime.parse().ok()?).ok()?;
    Some(Entry { cursor, at, message: text(message) })
}

fn text(message: Value) -> String {
    match message {
        Value::String(text) => text,
        Value::Array(bytes) => {
            let byte = |value: &Value| value.as_u64().and_then(|byte| u8::try_from(byte).ok());
            String::from_utf8_lossy(&bytes.iter().filter_map(byte).collect::<Vec<u8>>())
                .into_owned()
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_entry_has_cursor_time_and_message() {
        let line = r#"{"__CURSOR":"s=1;i=2","__REALTIME_TIMESTAMP":"1700000000000001","_TRANSPORT":"kernel","MESSAGE":"NVRM: x"}"#;
        let entry = parse(line).unwrap();
        assert_eq!((entry.cursor.as_str(), entry.message.as_str()), ("s=1;i=2", "NVRM: x"));
        assert_eq!(entry.at.as_microsecond(), 1_700_000_000_000_001);
        let with = |message: &str| {
            parse(&format!(r#"{{"__CURSOR":"c","__REALTIME_TIMESTAMP":"1","MESSAGE":{message}}}"#))
                .unwrap()
                .message
        };
        assert_eq!(with("[78,86,82,77,58,255]"), "NVRM:\u{fffd}");
        assert_eq!((with("null"), with("[[1],2]")), (String::new(), "\u{2}".to_owned()));
        assert_eq!(parse("{}"), None);
        assert_eq!(parse(""), None);
    }

    proptest! {
        #[test]
        fn no_line_panics(line in "\\PC{0,60}", time in "\\PC{0,24}") {
            let _ = parse(&line);
            let quoted = serde_json::to_string(&time).unwrap();
            let _ = parse(&format!(r#"{{"__CURSOR":"c","__REALTIME_TIMESTAMP":{quoted},"MESSAGE":1}}"#));
        }
    }
}
