//! Takes what has a message id out of the log.

use super::{Entry, History};
use jiff::Timestamp;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Filter};
use tracing_subscriber::registry::LookupSpan;

const MESSAGE_ID: &str = "message_id";
/// Longer text is cut: the journal has it whole.
const MOST_CHARS: usize = 2000;

/// Puts entries into a history.
#[derive(Debug, Clone)]
pub struct Layer(History);

/// Only what has a message id, whatever else is logged.
#[derive(Debug, Clone, Copy)]
pub struct WithMessageId;

impl Layer {
    pub(super) fn new(history: History) -> Self {
        Self(history)
    }
}

impl<S> Filter<S> for WithMessageId {
    fn enabled(&self, metadata: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        metadata.is_event() && metadata.fields().field(MESSAGE_ID).is_some()
    }

    fn max_level_hint(&self) -> Option<tracing_subscriber::filter::LevelFilter> {
        Some(tracing_subscriber::filter::LevelFilter::INFO)
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> tracing_subscriber::Layer<S> for Layer {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut seen = Seen::default();
        event.record(&mut seen);
        let Some(Value::String(message_id)) = seen.fields.remove(MESSAGE_ID) else { return };
        let (priority, level) = match *event.metadata().level() {
            Level::ERROR => (3, "error"),
            Level::WARN => (4, "warning"),
            Level::INFO => (6, "info"),
            Level::DEBUG | Level::TRACE => (7, "debug"),
        };
        self.0.add(Entry {
            seq: 0,
            time: format!("{:.3}", Timestamp::now()),
            priority,
            level,
            message_id,
            message: seen.message,
            fields: seen.fields,
        });
    }
}

/// What an event holds.
#[derive(Default)]
struct Seen {
    message: String,
    fields: BTreeMap<&'static str, Value>,
}

impl Seen {
    fn put(&mut self, field: &Field, value: impl Into<Value>) {
        self.fields.insert(field.name(), value.into());
    }
}

fn short(mut text: String) -> String {
    if let Some((cut, _)) = text.char_indices().nth(MOST_CHARS) {
        text.truncate(cut);
        text.push('…');
    }
    text
}

impl Visit for Seen {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let text = short(format!("{value:?}"));
        if field.name() == "message" {
            self.message = text;
        } else {
            self.put(field, text);
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            self.message = short(value.to_owned());
        } else {
            self.put(field, short(value.to_owned()));
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value);
    }
}
