//! What the spool remembers beside the records that wait.

use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Name of its file.
pub(super) const FILE: &str = "state.json";
/// Of another form than this, it is not read.
const VERSION: u32 = 1;
/// Keys of records that are done. Should an older one come again, the run is
/// found by its tag; this only saves the calls.
const MOST_DONE: usize = 256;

/// What became of records since the spool was first used.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// On the server.
    pub delivered: u64,
    /// Refused by the server for good.
    pub rejected: u64,
    /// Left out for newer ones, as the spool is bounded.
    pub dropped: u64,
    /// Could not be read back from disk.
    pub damaged: u64,
    /// When one was last lost in any of the last three ways, Unix milliseconds.
    pub lost_at_millis: Option<i64>,
    /// Why the server refused one last.
    pub rejected_why: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct State {
    version: u32,
    /// Every record up to this number is done. Records are done in order, so this
    /// one number says it of all, and each is counted once, whenever a kill comes.
    pub done_to: u64,
    pub counts: Counts,
    /// The creation of a run that was begun last, and for which record.
    pub attempt: Option<Attempt>,
    done_keys: VecDeque<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Attempt {
    pub number: u64,
    pub at_millis: i64,
}

impl Default for State {
    fn default() -> Self {
        Self {
            version: VERSION,
            done_to: 0,
            counts: Counts::default(),
            attempt: None,
            done_keys: VecDeque::new(),
        }
    }
}

impl State {
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        match serde_json::from_slice::<Self>(bytes) {
            Ok(state) if state.version == VERSION => Ok(state),
            Ok(state) => Err(format!("it has version {}, not {VERSION}", state.version)),
            Err(error) => Err(error.to_string()),
        }
    }

    pub fn is_done(&self, key: &str) -> bool {
        self.done_keys.iter().any(|done| done == key)
    }

    pub fn done(&mut self, number: u64, key: Option<String>) {
        self.done_to = self.done_to.max(number);
        self.attempt = self.attempt.filter(|attempt| attempt.number > number);
        if let Some(key) = key {
            self.done_keys.push_back(key);
            while self.done_keys.len() > MOST_DONE {
                self.done_keys.pop_front();
            }
        }
    }
}
