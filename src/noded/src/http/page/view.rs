//! What the page shows, as its template wants it.

use super::link::{self, Link};
use super::nodes::{Node, nodes};
use super::reasons::{Reason, reasons};
use super::table::{Cell, Fact, Table};
use super::{facts, gpus, rails, words};
use crate::history::Entry;
use crate::http::Shared;
use jiff::Timestamp;
use nixl_cluster::PeerHealth;
use nixl_cluster::health::{Check, HealthDocument, Status};
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

pub(super) fn word(status: Status) -> &'static str {
    match status {
        Status::Pass => "pass",
        Status::Warn => "warn",
        Status::Fail => "fail",
    }
}

pub(super) fn all(document: &HealthDocument) -> impl Iterator<Item = (&str, &Check)> {
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

pub(super) fn value(check: &Check) -> String {
    let value = check.observed_value.as_ref().map(text).unwrap_or_default();
    let unit = check.observed_unit.as_deref().unwrap_or_default();
    format!("{value} {unit}").trim_end().to_owned()
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
