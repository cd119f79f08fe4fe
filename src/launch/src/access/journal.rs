//! Journals of nodes: what journalctl(1) is asked there, and its entries.

use crate::engine::remote::RemoteNode;
use serde_json::{Map, Value, json};
use std::ffi::OsString;

/// What the daemon calls itself in the journal.
const IDENTIFIER: &str = "nixl-noded";
/// The session's user may not read the journal but may become root (SSM's
/// `ssm-user`, by its sudoers file).
const AS_ROOT: &str = r#"if [ "$(id -u)" != 0 ] && command -v sudo >/dev/null; then exec sudo -n journalctl "$@"; fi; exec journalctl "$@""#;
/// Levels of syslog(3).
const LEVELS: [&str; 8] = ["emerg", "alert", "crit", "error", "warning", "notice", "info", "debug"];
const INFORMATIONAL: u8 = 6;

/// Which entries.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    /// Go on with new ones.
    pub follow: bool,
    /// Only newer ones (systemd.time(7)); without it, of this boot.
    pub since: Option<String>,
    /// Only those with one of these reasons.
    pub reasons: Vec<String>,
    /// Only those of one of these stages.
    pub stages: Vec<String>,
    /// Of these units; without them, the daemon's.
    pub units: Vec<String>,
}

impl Query {
    /// The command on the node. After a lost session it goes on behind the last
    /// entry that was seen.
    #[must_use]
    pub fn command(&self, after_cursor: Option<&str>) -> Vec<OsString> {
        let mut command: Vec<String> = ["sh", "-c", AS_ROOT, "sh"].map(str::to_owned).into();
        command.extend(["--output=json", "--all", "--no-pager"].map(str::to_owned));
        if self.follow {
            // Else it begins with the last ten lines.
            command.extend(["--follow", "--no-tail"].map(str::to_owned));
        }
        match (after_cursor, &self.since) {
            (Some(cursor), _) => command.push(format!("--after-cursor={cursor}")),
            (None, Some(since)) => command.push(format!("--since={since}")),
            (None, None) => command.push("--boot=0".to_owned()),
        }
        if self.units.is_empty() {
            command.push(format!("--identifier={IDENTIFIER}"));
        }
        command.extend(self.units.iter().map(|unit| format!("--unit={unit}")));
        // Matches of one field are alternatives, of several all hold.
        command.extend(self.reasons.iter().map(|code| format!("REASON={code}")));
        command.extend(self.stages.iter().map(|stage| format!("STAGE={stage}")));
        command.into_iter().map(OsString::from).collect()
    }
}

/// An entry of a node's journal.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Its node.
    pub node: RemoteNode,
    /// When the node's journal got it, microseconds since 1970.
    pub at_epoch_micros: i64,
    /// Where it is in the node's journal.
    pub cursor: String,
    /// Every field.
    fields: Map<String, Value>,
}

impl Entry {
    /// From a line of `journalctl --output=json`; `None` if it is none.
    #[must_use]
    pub fn parse(node: &RemoteNode, line: &[u8]) -> Option<Self> {
        let fields: Map<String, Value> = serde_json::from_slice(line).ok()?;
        let at = text(fields.get("__REALTIME_TIMESTAMP")?)?.parse().ok()?;
        let cursor = text(fields.get("__CURSOR")?)?;
        Some(Self { node: node.clone(), at_epoch_micros: at, cursor, fields })
    }

    fn get(&self, field: &str) -> Option<String> {
        text(self.fields.get(field)?)
    }

    fn level(&self) -> &'static str {
        let told = self.get("PRIORITY").and_then(|told| told.parse::<u8>().ok());
        LEVELS[usize::from(told.filter(|told| *told < 8).unwrap_or(INFORMATIONAL))]
    }

    fn time(&self) -> String {
        jiff::Timestamp::from_microsecond(self.at_epoch_micros)
            .map(|at| format!("{at:.3}"))
            .unwrap_or_default()
    }

    /// One line for people: what a journal holds cannot steer their terminal.
    #[must_use]
    pub fn line(&self) -> String {
        let message = self.get("MESSAGE").unwrap_or_else(|| "(no text)".to_owned());
        let from = match self.get("SYSLOG_IDENTIFIER") {
            Some(name) if name != IDENTIFIER => format!("{name}: "),
            _ => String::new(),
        };
        let facts: Vec<String> = [("STAGE", "stage"), ("REASON", "reason")]
            .into_iter()
            .filter_map(|(field, name)| Some(format!("{name}={}", self.get(field)?)))
            .collect();
        let facts =
            if facts.is_empty() { String::new() } else { format!("  [{}]", facts.join(" ")) };
        plain(&format!(
            "{}  {}  {:<7}  {from}{message}{facts}",
            self.time(),
            self.node.name,
            self.level(),
        ))
    }

    /// One line of JSON: the journal's own fields (but those with `_` in front)
    /// below `fields`.
    #[must_use]
    pub fn json(&self) -> String {
        let fields: Map<String, Value> = self
            .fields
            .iter()
            .filter(|(name, _)| !name.starts_with('_'))
            .map(|(name, value)| (name.clone(), text(value).map_or(value.clone(), Value::String)))
            .collect();
        json!({
            "at": self.time(),
            "rank": self.node.rank,
            "node": self.node.name,
            "instance_id": self.node.instance_id,
            "level": self.level(),
            "message": self.get("MESSAGE"),
            "cursor": self.cursor,
            "fields": fields,
        })
        .to_string()
    }
}

/// systemd's "Journal JSON Format": a string, the bytes of what is none, or
/// several of these, of which the first is taken.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Array(items) => {
            let bytes: Option<Vec<u8>> = items
                .iter()
                .map(|item| item.as_u64().and_then(|byte| u8::try_from(byte).ok()))
                .collect();
            match bytes {
                Some(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
                None => items.first().and_then(text),
            }
        }
        _ => None,
    }
}

/// Without what a terminal would obey.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\t' { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node() -> RemoteNode {
        RemoteNode { rank: 1, name: "nixl-node2".to_owned(), instance_id: "i-2".to_owned() }
    }

    fn words(query: &Query, cursor: Option<&str>) -> Vec<String> {
        let words = query.command(cursor).split_off(7);
        words.into_iter().map(|word| word.into_string().unwrap()).collect()
    }

    #[test]
    fn filters_become_matches() {
        let query = Query {
            follow: true,
            reasons: vec!["pair.peer_lost".to_owned()],
            stages: vec!["paired".to_owned()],
            ..Query::default()
        };
        let tail = ["--identifier=nixl-noded", "REASON=pair.peer_lost", "STAGE=paired"];
        let begin = ["--follow", "--no-tail", "--boot=0"];
        assert_eq!(words(&query, None), [&begin[..], &tail].concat());
        let begin = ["--follow", "--no-tail", "--after-cursor=s=1"];
        assert_eq!(words(&query, Some("s=1")), [&begin[..], &tail].concat());
        let units = Query {
            since: Some("-1h".to_owned()),
            units: vec!["cloud-init.service".to_owned()],
            ..Query::default()
        };
        assert_eq!(words(&units, None), ["--since=-1h", "--unit=cloud-init.service"]);
    }

    #[test]
    fn an_entry_is_a_line_that_says_where_and_why() {
        let line = br#"{"__REALTIME_TIMESTAMP":"1796000000123456","__CURSOR":"s=1;i=2","MESSAGE":"lost \u001b[31m","PRIORITY":"4","STAGE":"paired","REASON":"pair.peer_lost","SYSLOG_IDENTIFIER":"nixl-noded","_UID":"0"}"#;
        let entry = Entry::parse(&node(), line).unwrap();
        let told = entry.line();
        assert!(
            told.ends_with("lost \u{fffd}[31m  [stage=paired reason=pair.peer_lost]"),
            "{told}"
        );
        assert!(told.contains(".123Z  nixl-node2  warning  "), "{told}");
        let json: Value = serde_json::from_str(&entry.json()).unwrap();
        assert_eq!(json["fields"]["REASON"], "pair.peer_lost");
        assert_eq!(json["fields"].get("_UID"), None);
        assert_eq!((&json["rank"], &json["cursor"]), (&json!(1), &json!("s=1;i=2")));
    }

    #[test]
    fn bytes_and_several_values_are_text() {
        let line = br#"{"__REALTIME_TIMESTAMP":"1","__CURSOR":"c","MESSAGE":[104,105,255],"REASON":["a","b"]}"#;
        let entry = Entry::parse(&node(), line).unwrap();
        assert_eq!(entry.get("MESSAGE").unwrap(), "hi\u{fffd}");
        assert_eq!(entry.get("REASON").unwrap(), "a");
        assert_eq!(Entry::parse(&node(), b"-- No entries --"), None);
    }
}
