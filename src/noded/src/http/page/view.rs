//! What the page shows, as its template wants it.

use super::link::{self, Link};
use super::table::{Cell, Fact, Table};
use super::{facts, gpus, rails, words};
use crate::board::name;
use crate::history::Entry;
use crate::http::Shared;
use jiff::Timestamp;
use nixl_cluster::PeerHealth;
use nixl_cluster::health::{Check, CheckReason, HealthDocument, Status};
use nixl_cluster::link::LinkDocument;
use nixl_cluster::reason::{Action, Severity};
use serde::Serialize;
use serde_json::Value;

/// So many of the last events.
const EVENTS: usize = 20;

/// The page.
#[derive(Debug, Serialize)]
pub(super) struct View {
    pub title: String,
    pub status: &'static str,
    /// One line.
    pub output: String,
    pub release: String,
    /// When it was made: UTC.
    pub made: String,
    pub nodes: Vec<Node>,
    pub reasons: Vec<Reason>,
    pub links: Vec<Link>,
    pub gpus: Option<Table>,
    pub rails: Option<Table>,
    pub facts: Vec<Fact>,
    pub checks: Vec<Row>,
    pub events: Vec<Event>,
}

/// This node or a peer.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Node {
    pub id: String,
    pub own: bool,
    pub state: String,
    pub mood: &'static str,
    pub facts: Vec<Fact>,
}

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

/// One check.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Row {
    pub name: String,
    pub about: String,
    pub mood: &'static str,
    pub value: String,
    pub code: String,
    pub time: String,
}

/// One event.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Event {
    pub time: String,
    pub age: String,
    pub mood: &'static str,
    pub level: &'static str,
    pub message: String,
}

impl View {
    pub fn of(shared: &Shared, peers: &[PeerHealth]) -> Self {
        let (document, links) = (shared.board.document(), shared.link.document());
        let now = Timestamp::now();
        let events = shared.history.after(None, EVENTS).events;
        let id = &document.service_id;
        Self {
            title: format!("{} {id}: {}", word(document.status), document.node.phase),
            status: word(document.status),
            output: document.output.clone(),
            release: document.release_id.clone(),
            made: now.strftime("%Y-%m-%d %H:%M:%S").to_string(),
            nodes: nodes(&document, &links, peers, shared.board.ready()),
            reasons: reasons(&document, now),
            links: link::links(&links),
            gpus: gpus::table(&shared.gpu, &document, now),
            rails: rails::table(shared.efa.snapshot().as_deref(), &document),
            facts: facts::list(&shared.system.facts(), now),
            checks: all(&document).map(|(name, check)| row(name, check)).collect(),
            events: events.iter().rev().map(|entry| event(entry, now)).collect(),
        }
    }
}

fn word(status: Status) -> &'static str {
    match status {
        Status::Pass => "pass",
        Status::Warn => "warn",
        Status::Fail => "fail",
    }
}

fn all(document: &HealthDocument) -> impl Iterator<Item = (&str, &Check)> {
    let checks = document.checks.iter();
    checks.flat_map(|(name, checks)| checks.iter().map(move |check| (name.as_str(), check)))
}

/// What a component says of one of its devices, the worst first.
pub(super) fn worst(document: &HealthDocument, component: &str, id: &str) -> Cell {
    let about = all(document).filter(|(name, check)| {
        name.starts_with(component) && check.component_id.as_deref() == Some(id)
    });
    match about.map(|(_, check)| check).max_by_key(|check| check.status) {
        Some(Check { status, reason: Some(reason), .. }) => {
            Cell::plain(reason.code.as_str()).with(word(*status))
        }
        _ => Cell::plain("pass").with("pass"),
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}

fn value(check: &Check) -> String {
    let value = check.observed_value.as_ref().map(text).unwrap_or_default();
    let unit = check.observed_unit.as_deref().unwrap_or_default();
    format!("{value} {unit}").trim_end().to_owned()
}

fn nodes(
    document: &HealthDocument,
    links: &LinkDocument,
    peers: &[PeerHealth],
    ready: bool,
) -> Vec<Node> {
    let node = &document.node;
    let fact = |name, text: Option<String>| Some(Fact { name, text: text? });
    let own = Node {
        id: document.service_id.clone(),
        own: true,
        state: node.phase.clone(),
        mood: word(document.status),
        facts: [
            fact("Can be used", Some(if ready { "yes" } else { "no" }.to_owned())),
            fact("Cluster", node.cluster.clone()),
            fact("Rank", node.rank.map(|rank| rank.to_string())),
            fact("Role", node.role.clone()),
            fact("Provider", node.provider.clone()),
            fact("Paired with", paired_with(document)),
        ]
        .into_iter()
        .flatten()
        .collect(),
    };
    let told = document.checks.get(name::PEER).map(Vec::as_slice).unwrap_or_default();
    let peer = |check: &Check| {
        let is = |id: &str| check.component_id.as_deref() == Some(id);
        let says =
            peers.iter().find(|peer| is(&peer.instance_id)).map(|peer| &peer.answer.document);
        let mood = says.map_or(check.status, |says| check.status.max(says.status));
        let mut facts: Vec<Fact> = says.into_iter().flat_map(said).collect();
        facts.extend(peer_facts(document, links, check));
        Node {
            id: check.component_id.clone().unwrap_or_default(),
            own: false,
            state: value(check),
            mood: word(mood),
            facts,
        }
    };
    std::iter::once(own).chain(told.iter().map(peer)).collect()
}

fn paired_with(document: &HealthDocument) -> Option<String> {
    let paired = document.node.peers.len();
    Some(match document.node.peers_expected? {
        1 if paired == 1 => "its peer".to_owned(),
        expected => format!("{paired} of {expected}"),
    })
}

/// What a peer says of itself.
fn said(document: &HealthDocument) -> Vec<Fact> {
    let fact = |name, text: &str| Fact { name, text: text.to_owned() };
    let mut facts = vec![fact("It says", &document.output)];
    let first = all(document)
        .filter_map(|(_, check)| check.reason.as_ref().map(|reason| (check.counts(), reason)))
        .filter(|(counts, _)| *counts != Status::Pass)
        .max_by_key(|(counts, _)| *counts);
    facts.extend(first.map(|(_, reason)| fact("To do there", &reason.advice)));
    facts.extend(document.node.role.as_ref().map(|role| fact("Role", role)));
    facts
}

/// What is known of a peer beside its state.
fn peer_facts(document: &HealthDocument, links: &LinkDocument, peer: &Check) -> Vec<Fact> {
    let link =
        links.peers.iter().find(|link| Some(&link.instance_id) == peer.component_id.as_ref());
    let rank = link.map(|link| Fact { name: "Rank", text: link.rank.to_string() });
    let why = peer
        .reason
        .as_ref()
        .map(|reason| Fact { name: "Why", text: format!("{}: {}", reason.code, reason.evidence) });
    let skews = document.checks.get(name::PEER_SKEW).map(Vec::as_slice).unwrap_or_default();
    let same = skews.iter().filter(|skew| skew.component_id == peer.component_id);
    let told = same.filter_map(|skew| {
        Some(Fact { name: "Differs", text: skew.reason.as_ref()?.evidence.clone() })
    });
    rank.into_iter().chain(why).chain(told).collect()
}

/// The worst first, the oldest of equals first, those seen by somebody last.
fn reasons(document: &HealthDocument, now: Timestamp) -> Vec<Reason> {
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

fn row(name: &str, check: &Check) -> Row {
    Row {
        name: name.to_owned(),
        about: check.component_id.clone().unwrap_or_default(),
        mood: word(check.status),
        value: value(check),
        code: check.reason.as_ref().map(|reason| reason.code.clone()).unwrap_or_default(),
        time: words::clock(&check.time).to_owned(),
    }
}

fn event(entry: &Entry, now: Timestamp) -> Event {
    Event {
        time: entry.time.clone(),
        age: words::ago(&entry.time, now),
        mood: match entry.level {
            "error" => "fail",
            "warning" => "warn",
            _ => "info",
        },
        level: entry.level,
        message: entry.message.clone(),
    }
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
