//! CloudWatch Logs: groups, streams, events.

use std::collections::BTreeMap;

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
    /// What.
    pub message: String,
}

/// A stream.
#[derive(Debug, Default)]
pub struct Stream {
    /// When it was made, in milliseconds since 1970.
    pub created_ms: i64,
    /// What is in it, oldest first.
    pub events: Vec<Event>,
}

/// A group.
#[derive(Debug, Default)]
pub struct Group {
    /// When it was made, in milliseconds since 1970.
    pub created_ms: i64,
    /// Streams by name.
    pub streams: BTreeMap<String, Stream>,
}

/// All groups by name.
#[derive(Debug, Default)]
pub struct Logs {
    /// Groups.
    pub groups: BTreeMap<String, Group>,
}

impl Logs {
    /// Writes an event; group and stream are made with the first.
    pub fn write(&mut self, group: &str, stream: &str, message: String) {
        let at_ms = jiff::Timestamp::now().as_millisecond();
        let new_group = || Group { created_ms: at_ms, ..Group::default() };
        let group = self.groups.entry(group.to_owned()).or_insert_with(new_group);
        let new_stream = || Stream { created_ms: at_ms, ..Stream::default() };
        let stream = group.streams.entry(stream.to_owned()).or_insert_with(new_stream);
        stream.events.push(Event { at_ms, message });
    }
}
