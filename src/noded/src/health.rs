//! `nixl-noded health`: asks the daemon and prints what it says, readable.

use crate::client::get;
use crate::terminal::plain;
use anyhow::Context as _;
use jiff::Timestamp;
use nixl_cluster::health::{Check, CheckReason, HealthDocument, Status};
use std::fmt::Write as _;
use std::io::Write as _;
use std::net::SocketAddr;

/// Asks and prints; whether the node is usable.
///
/// # Errors
/// If there is no health document to be had.
pub fn run(address: SocketAddr) -> anyhow::Result<bool> {
    let (status, body) = get(address, "/health")?;
    let document: HealthDocument = serde_json::from_str(&body).with_context(|| {
        format!("what answers on {address} (HTTP {status}) is no nixl-noded of this release")
    })?;
    std::io::stdout().write_all(table(&document, Timestamp::now()).as_bytes())?;
    Ok(document.status != Status::Fail)
}

fn word(status: Status) -> &'static str {
    match status {
        Status::Pass => "pass",
        Status::Warn => "warn",
        Status::Fail => "FAIL",
    }
}

/// How long it holds, and who has seen it.
fn held(reason: &CheckReason, now: Timestamp) -> String {
    let ago = |time: &str| match time.parse::<Timestamp>() {
        Ok(time) => span(now.duration_since(time).as_secs().max(0).unsigned_abs()),
        Err(_) => format!("since {time}"),
    };
    let mut text = format!("for {}", ago(&reason.since));
    if let Some(ack) = &reason.acknowledged {
        let note = ack.note.as_ref().map(|note| format!(": {note}")).unwrap_or_default();
        // Writing to a String cannot fail.
        let _ = write!(text, "; acknowledged {} ago{note}", ago(&ack.at));
    }
    text
}

/// In the largest unit that it fills twice.
fn span(secs: u64) -> String {
    match secs {
        0..120 => format!("{secs} s"),
        120..7200 => format!("{} min", secs / 60),
        7200..172_800 => format!("{} h", secs / 3600),
        _ => format!("{} days", secs / 86_400),
    }
}

fn table(document: &HealthDocument, now: Timestamp) -> String {
    let role = document.node.role.as_ref().map(|role| format!(" ({role})")).unwrap_or_default();
    let (status, id) = (word(document.status), &document.service_id);
    let title = plain(&format!("{status}  {id}{role}: {}", document.output));
    let mut text = format!("{title}\n\n");
    let rows: Vec<(String, String, &Check)> = document
        .checks
        .iter()
        .flat_map(|(name, checks)| checks.iter().map(move |check| (name.as_str(), check)))
        .map(|(name, check)| {
            (plain(name), plain(check.component_id.as_deref().unwrap_or("-")), check)
        })
        .collect();
    let width =
        |column: fn(&(String, String, &Check)) -> usize| rows.iter().map(column).max().unwrap_or(0);
    let (names, ids) = (width(|row| row.0.len()), width(|row| row.1.len()));
    for (name, id, check) in &rows {
        let value = match &check.observed_value {
            None => "-".to_owned(),
            Some(serde_json::Value::String(value)) => value.clone(),
            Some(value) => value.to_string(),
        };
        let unit = check.observed_unit.as_deref().unwrap_or_default();
        let line = format!("{}  {name:names$}  {id:ids$}  {value} {unit}", word(check.status));
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{}", plain(line.trim_end()));
        if let Some(reason) = &check.reason {
            let _ = writeln!(
                text,
                "      {}: {}\n      {}\n      {}",
                plain(&reason.code),
                plain(&reason.evidence),
                plain(&reason.advice),
                plain(&held(reason, now))
            );
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::board::{Board, Reading, name};
    use nixl_cluster::reason;

    #[test]
    fn the_table_shows_values_and_reasons() {
        let board = Board::default();
        board.set(name::LINK_P50, Reading::good(12.5).unit("us").about("i-2"));
        board.set(
            name::MLFLOW,
            Reading::bad(&reason::MLFLOW_DENIED, "Access\u{202e}Denied\u{1b}\n").value("no\rURL"),
        );
        board.identify("i-1");
        board.describe(|node| node.role = Some("decode".to_owned()));
        board.acknowledge("mlflow.denied", None, Some("asked for it")).unwrap();
        let text = table(&board.document(), Timestamp::now() + jiff::SignedDuration::from_mins(3));
        assert!(text.starts_with("warn  i-1 (decode): booting; "), "{text}");
        assert!(text.contains("pass  link:roundTripP50  i-2  12.5 us\n"), "{text}");
        assert!(text.contains("      mlflow.denied: Access Denied  \n"), "{text}");
        assert!(text.contains(reason::MLFLOW_DENIED.advice), "{text}");
        assert!(text.contains("no URL\n"), "{text}");
        let held = "      for 3 min; acknowledged 3 min ago: asked for it\n";
        assert!(text.contains(held), "{text}");
    }

    #[test]
    fn spans_have_a_unit_a_person_counts_in() {
        let told = [0, 119, 120, 7199, 7200, 200_000].map(span);
        assert_eq!(told, ["0 s", "119 s", "2 min", "119 min", "2 h", "2 days"]);
    }

    #[test]
    fn nobody_there_is_said_with_what_to_do() {
        let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let error = format!("{:#}", run(closed).unwrap_err());
        assert!(error.contains("systemctl status nixl-noded"), "{error}");
    }
}
