//! An entry for people and for programs.

use super::Entry;
use crate::events::{KINDS, reason_id};
use crate::terminal::plain;
use nixl_cluster::reason;
use serde_json::json;
use std::fmt::Write as _;

/// One line; with what it means under it if that is wanted.
pub(super) fn entry(entry: &Entry, explain: bool) -> String {
    let message = entry.get("MESSAGE").unwrap_or("(its words are not in the journal)");
    let level = level(entry.priority);
    let mut text = format!("{:.3}  {level:<7}  {}\n", entry.at, plain(message));
    if explain {
        for line in explanation(entry) {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "    {line}");
        }
    }
    text
}

/// One line of JSON.
pub(super) fn json(entry: &Entry, explain: bool) -> serde_json::Result<String> {
    let fields: serde_json::Map<String, serde_json::Value> = entry
        .fields
        .iter()
        .filter(|(name, _)| !matches!(name.as_str(), "MESSAGE" | "PRIORITY"))
        .map(|(name, values)| match &values[..] {
            [one] => (name.clone(), json!(one)),
            several => (name.clone(), json!(several)),
        })
        .collect();
    let mut object = json!({
        "at": format!("{:.3}", entry.at),
        "level": level(entry.priority),
        "message": entry.get("MESSAGE"),
        "fields": fields,
    });
    if explain {
        object["explanation"] = explanation(entry).into();
    }
    Ok(serde_json::to_string(&object)? + "\n")
}

/// From our own table, which is the one of the daemon that is installed here.
fn explanation(entry: &Entry) -> Vec<String> {
    let id = entry.message_id().unwrap_or_default();
    let mut lines = Vec::new();
    if let Some(kind) = KINDS.iter().find(|kind| kind.id == id) {
        lines.push(filled(kind.subject, entry));
        lines.push(kind.text.to_owned());
    }
    let named = entry.get("REASON").and_then(reason::find);
    let row = named.or_else(|| reason::all().find(|row| reason_id(row.code) == id));
    if let Some(row) = row {
        lines.push(row.meaning.to_owned());
        lines.push(row.advice.to_owned());
        lines.push(format!("Leaves: {}", row.until));
    }
    // Matches that find more of the same.
    let fields = ["REASON", "STAGE", "PEER_ID", "PAIR_ID", "RAIL"];
    let matches = fields.iter().filter_map(|field| Some(format!("{field}={}", entry.get(field)?)));
    lines.push(plain(&matches.collect::<Vec<_>>().join(" ")));
    lines.retain(|line| !line.is_empty());
    lines
}

/// `@FIELD@` replaced, as journalctl -x does.
fn filled(subject: &str, entry: &Entry) -> String {
    let parts = subject.split('@').enumerate();
    let text = parts.map(|(index, part)| match index % 2 {
        0 => part,
        _ => entry.get(part).unwrap_or("?"),
    });
    plain(&text.collect::<String>())
}

/// syslog's levels as ours: the daemon's info is syslog's notice.
fn level(priority: u8) -> &'static str {
    match priority {
        0..=3 => "error",
        4 => "warning",
        5 => "info",
        _ => "debug",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::kind::{PAIRED, PEER_LOST};

    fn lost() -> Entry {
        let fields = [
            ("MESSAGE", "peer i-2: paired -> lost\u{1b}[2J"),
            ("MESSAGE_ID", PEER_LOST.id),
            ("REASON", "pair.peer_lost"),
            ("PEER_ID", "i-2"),
        ];
        let field = |(name, value): (&str, &str)| (name.to_owned(), vec![value.to_owned()]);
        let mut entry =
            Entry::parse(br#"{"__REALTIME_TIMESTAMP":"60000000","PRIORITY":"4"}"#).unwrap();
        entry.fields = fields.into_iter().map(field).collect();
        entry
    }

    #[test]
    fn a_line_and_what_it_means() {
        let line = "1970-01-01T00:01:00.000Z  warning  peer i-2: paired -> lost [2J\n";
        assert_eq!(entry(&lost(), false), line);
        let told = entry(&lost(), true);
        for wanted in ["    Lost i-2\n", PEER_LOST.text, reason::PEER_LOST.advice, "PEER_ID=i-2\n"]
        {
            assert!(told.contains(wanted), "{wanted} is not in {told}");
        }
    }

    #[test]
    fn programs_get_every_field() {
        let told: serde_json::Value = serde_json::from_str(&json(&lost(), true).unwrap()).unwrap();
        assert_eq!(told["level"], "warning");
        assert_eq!(told["fields"]["PEER_ID"], "i-2");
        assert_eq!(told["explanation"][0], "Lost i-2");
    }

    #[test]
    fn a_field_that_is_not_there_is_no_fault() {
        let mut entry = lost();
        entry.fields.clear();
        assert_eq!(filled(PAIRED.subject, &entry), "Paired with ?");
        assert!(super::entry(&entry, true).contains("not in the journal"));
    }
}
