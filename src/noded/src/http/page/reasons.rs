//! What is not as it should be, with what to do about it.

use super::view::all;
use super::words;
use jiff::Timestamp;
use nixl_cluster::health::{Check, CheckReason, HealthDocument};
use nixl_cluster::reason::{Action, Severity};
use serde::Serialize;

/// What is not as it should be, what to do first.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Reason {
    pub code: String,
    /// Name of the check and what it is about.
    pub about: String,
    pub mood: &'static str,
    pub severity: &'static str,
    pub action: &'static str,
    pub advice: Vec<Piece>,
    pub meaning: String,
    pub evidence: String,
    pub since: String,
    pub age: String,
    pub acknowledged: Option<String>,
}

/// A part of a text: words, or what was between backticks.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Piece {
    pub text: String,
    pub code: bool,
}

/// The worst first, the oldest of equals first, those seen by somebody last.
pub(super) fn reasons(document: &HealthDocument, now: Timestamp) -> Vec<Reason> {
    let mut held: Vec<(&str, &Check, &CheckReason)> = all(document)
        .filter_map(|(name, check)| Some((name, check, check.reason.as_ref()?)))
        .collect();
    held.sort_by_key(|(_, _, reason)| {
        let seen = reason.acknowledged.is_some();
        (seen, std::cmp::Reverse(reason.severity), reason.since.clone())
    });
    held.into_iter().map(|(name, check, told)| reason(name, check, told, now)).collect()
}

fn reason(name: &str, check: &Check, told: &CheckReason, now: Timestamp) -> Reason {
    let (mood, severity) = match told.severity {
        Severity::Info => ("info", "starting"),
        Severity::Warning => ("warn", "warning"),
        Severity::Error => ("fail", "error"),
    };
    let action = match told.action {
        Action::Watch => "Watch",
        Action::FixSetting => "Change a setting",
        Action::ResetGpu => "Reset the GPU",
        Action::Reboot => "Restart",
        Action::Replace => "Replace the instance",
    };
    let acknowledged = told.acknowledged.as_ref().map(|seen| match &seen.note {
        Some(note) => format!("Seen {} ago: {note}", words::ago(&seen.at, now)),
        None => format!("Seen {} ago.", words::ago(&seen.at, now)),
    });
    let about = check.component_id.as_ref().map(|id| format!("{name} {id}"));
    Reason {
        code: told.code.clone(),
        about: about.unwrap_or_else(|| name.to_owned()),
        mood,
        severity,
        action,
        advice: pieces(&told.advice),
        meaning: told.meaning.clone(),
        evidence: told.evidence.clone(),
        since: told.since.clone(),
        age: words::ago(&told.since, now),
        acknowledged,
    }
}

/// Backticks come in pairs, or the last one is a character like any other.
fn pieces(text: &str) -> Vec<Piece> {
    let even = text.matches('`').count().is_multiple_of(2);
    let parts: Vec<&str> = if even { text.split('`').collect() } else { vec![text] };
    let piece =
        |(index, text): (usize, &&str)| Piece { text: (*text).to_owned(), code: index % 2 == 1 };
    parts.iter().enumerate().map(piece).filter(|piece| !piece.text.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_between_backticks_is_code() {
        let told = |text| pieces(text).iter().map(|p| (p.text.clone(), p.code)).collect::<Vec<_>>();
        let piece = |text: &str, code| (text.to_owned(), code);
        assert_eq!(
            told("Run `a b`."),
            [piece("Run ", false), piece("a b", true), piece(".", false)]
        );
        assert_eq!(told("`a`"), [piece("a", true)]);
        assert_eq!(told("it`s"), [piece("it`s", false)]);
    }
}
