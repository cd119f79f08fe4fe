//! What the journal was told lately, kept in memory for `/events`: only what
//! has a message id, because that is what an operator should know.

mod layer;

pub use layer::{Layer, WithMessageId};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// Entries kept; at a peer lost and paired each minute that is half a day.
pub const KEPT: usize = 1024;
/// Reasons counted; the table has fewer, and nothing else may grow.
const REASONS: usize = 1024;

/// One entry.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Entry {
    /// Grows by one with each entry, also over restarts, where it jumps.
    pub seq: u64,
    /// RFC 3339.
    pub time: String,
    /// As in syslog(3): 3 error, 4 warning, 6 information.
    pub priority: u8,
    /// The same as a word.
    pub level: &'static str,
    /// `MESSAGE_ID`; `journalctl -x` explains it.
    pub message_id: String,
    /// What the journal says.
    pub message: String,
    /// Fields of the journal's entry: reason, peer_id, …
    pub fields: BTreeMap<&'static str, Value>,
}

/// What was told after some entry.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Page {
    /// Oldest first.
    pub events: Vec<Entry>,
    /// To be asked for as `since` next time.
    pub next: u64,
    /// Whether there were entries after the one asked for that are not kept
    /// any more, or were told before the daemon started.
    pub lost: bool,
}

/// How often a reason was told.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Told {
    /// `MESSAGE_ID`.
    pub message_id: String,
    /// Code, or empty.
    pub reason: String,
}

/// The last entries; clones share them.
#[derive(Debug, Clone)]
pub struct History(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    kept: Mutex<Kept>,
    last: watch::Sender<u64>,
}

#[derive(Debug)]
struct Kept {
    entries: VecDeque<Entry>,
    /// Before the first of this run.
    begin: u64,
    last: u64,
    counts: BTreeMap<Told, u64>,
}

impl Default for History {
    fn default() -> Self {
        // The time in microseconds: above every number of an earlier run, and
        // exact in a double, which is what JSON's readers make of it.
        let begin = u64::try_from(Timestamp::now().as_microsecond()).unwrap_or(0);
        Self::beginning_at(begin)
    }
}

impl History {
    fn beginning_at(begin: u64) -> Self {
        let kept = Kept { entries: VecDeque::new(), begin, last: begin, counts: BTreeMap::new() };
        Self(Arc::new(Shared { kept: Mutex::new(kept), last: watch::channel(begin).0 }))
    }

    /// What takes the entries out of the log.
    #[must_use]
    pub fn layer(&self) -> Layer {
        Layer::new(self.clone())
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an entry, which gets its number here.
    fn add(&self, mut entry: Entry) {
        let mut kept = self.kept();
        kept.last += 1;
        entry.seq = kept.last;
        let reason = entry.fields.get("reason").and_then(Value::as_str).unwrap_or_default();
        let told = Told { message_id: entry.message_id.clone(), reason: reason.to_owned() };
        if kept.counts.len() < REASONS || kept.counts.contains_key(&told) {
            *kept.counts.entry(told).or_default() += 1;
        }
        kept.entries.push_back(entry);
        let surplus = kept.entries.len().saturating_sub(KEPT);
        kept.entries.drain(..surplus);
        // Under the lock, so that it only grows.
        self.0.last.send_replace(kept.last);
    }

    /// Entries after `since`, at most `limit` of them; without `since` the last
    /// ones.
    #[must_use]
    pub fn after(&self, since: Option<u64>, limit: usize) -> Page {
        let kept = self.kept();
        let oldest = kept.entries.front().map_or(kept.last + 1, |entry| entry.seq);
        let Some(since) = since else {
            let from = kept.entries.len().saturating_sub(limit);
            let events = kept.entries.range(from..).cloned().collect();
            return Page { events, next: kept.last, lost: false };
        };
        // A number that was never given out is that of a run before the clock
        // was set back.
        let lost = since.saturating_add(1) < oldest || since > kept.last;
        let from = if since > kept.last { kept.begin } else { since };
        let after = kept.entries.iter().filter(|entry| entry.seq > from);
        let events: Vec<Entry> = after.take(limit).cloned().collect();
        let next = events.last().map_or(kept.last, |entry| entry.seq);
        Page { events, next, lost }
    }

    /// Waits until there is an entry after `since`.
    pub async fn changed(&self, since: u64) {
        // The sender lives as long as `self`.
        let _ = self.0.last.subscribe().wait_for(|last| *last != since).await;
    }

    /// How often each reason was told since the daemon started.
    #[must_use]
    pub fn counts(&self) -> Vec<(Told, u64)> {
        self.kept().counts.iter().map(|(told, count)| (told.clone(), *count)).collect()
    }
}

#[cfg(test)]
mod tests;
