//! Records that wait on disk until the server has them: in order, bounded, each
//! counted once.
//!
//! A record is a file of its own, named by its number and written whole before
//! [`Spool::append`] returns; `state.json` holds the number up to which records
//! are done. A record is done first there and then removed, so after a kill in
//! between it is only removed. A kill before that has it delivered again, which
//! [`upload`](crate::upload()) makes no second run of.

mod disk;
mod entry;
mod handle;
mod state;
#[cfg(test)]
mod tests;

pub use disk::{Disk, Folder};
pub use handle::{Handle, Summary};
pub use state::Counts;

use crate::record::Record;
use state::{Attempt, FILE, State};
use std::collections::VecDeque;
use std::io;

/// What became of a record that was delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Done {
    /// The server has it.
    Delivered,
    /// The server will never take it, for this reason.
    Rejected(String),
}

/// Why a record is not in the spool.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// It alone is larger than all may be.
    #[error("a run of {bytes} bytes does not fit into a spool of {limit_bytes}")]
    TooLarge {
        /// Its size.
        bytes: u64,
        /// That of the spool.
        limit_bytes: u64,
    },
    /// It could not be written.
    #[error(transparent)]
    Disk(#[from] io::Error),
}

/// A record that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Waiting {
    number: u64,
    bytes: u64,
    /// Known once it was written or read by this process.
    key: Option<String>,
}

/// The spool.
#[derive(Debug)]
pub struct Spool<D = Folder> {
    disk: D,
    limit_bytes: u64,
    state: State,
    waiting: VecDeque<Waiting>,
    /// What was wrong with the state file, to be told once.
    state_lost: Option<String>,
}

impl<D: Disk> Spool<D> {
    /// Opens what was left behind, at most so many bytes of it.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub fn open(mut disk: D, limit_bytes: u64, now_millis: i64) -> io::Result<Self> {
        let names = disk.list()?;
        let (state, state_lost) = match disk.read(FILE) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => (State::default(), None),
            Err(error) => return Err(error),
            Ok(bytes) => match State::read(&bytes) {
                Ok(state) => (state, None),
                Err(why) => (State::default(), Some(why)),
            },
        };
        let mut numbers: Vec<u64> = names.iter().filter_map(|name| entry::number(name)).collect();
        numbers.sort_unstable();
        let mut waiting = VecDeque::new();
        for number in numbers {
            let name = entry::name(number);
            if number <= state.done_to {
                disk.remove(&name)?;
                continue;
            }
            let key = disk.read(&name).ok().and_then(|bytes| entry::decode(&bytes));
            let key = key.map(|record| record.key);
            waiting.push_back(Waiting { number, bytes: disk.size(&name)?, key });
        }
        let mut spool = Self { disk, limit_bytes, state, waiting, state_lost };
        // The limit may have been lowered.
        spool.make_room(0, now_millis)?;
        Ok(spool)
    }

    /// Why the state file of before could not be used, once.
    pub fn take_state_lost(&mut self) -> Option<String> {
        self.state_lost.take()
    }

    /// What became of records so far.
    #[must_use]
    pub fn counts(&self) -> &Counts {
        &self.state.counts
    }

    /// Records that wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Their bytes on disk.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.waiting.iter().map(|waiting| waiting.bytes).sum()
    }

    /// Whether a record with this key waits or is done.
    #[must_use]
    pub fn knows(&self, key: &str) -> bool {
        let waits = |waiting: &Waiting| waiting.key.as_deref() == Some(key);
        self.state.is_done(key) || self.waiting.iter().any(waits)
    }

    /// Adds a record, for which the oldest give way; how many did. One whose key
    /// is known is not added again.
    ///
    /// # Errors
    /// If it is too large or cannot be written; it is not in the spool then.
    pub fn append(&mut self, record: &Record, now_millis: i64) -> Result<usize, AppendError> {
        if self.knows(&record.key) {
            return Ok(0);
        }
        let bytes = entry::encode(record)?;
        let (size, limit_bytes) = (bytes.len() as u64, self.limit_bytes);
        if size > limit_bytes {
            return Err(AppendError::TooLarge { bytes: size, limit_bytes });
        }
        let dropped = self.make_room(size, now_millis)?;
        let number = self.waiting.back().map_or(self.state.done_to, |last| last.number) + 1;
        self.disk.put(&entry::name(number), &bytes)?;
        let key = Some(record.key.clone());
        self.waiting.push_back(Waiting { number, bytes: size, key });
        Ok(dropped)
    }

    fn make_room(&mut self, size: u64, now_millis: i64) -> io::Result<usize> {
        let mut dropped = 0;
        while self.bytes() + size > self.limit_bytes {
            let Some(oldest) = self.waiting.front().cloned() else { break };
            let mut state = self.state.clone();
            state.counts.dropped += 1;
            state.counts.lost_at_millis = Some(now_millis);
            state.done(oldest.number, oldest.key);
            self.settle(state)?;
            dropped += 1;
        }
        Ok(dropped)
    }

    /// The oldest record with its number. Those that cannot be read are counted
    /// and passed over.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn head(&mut self, now_millis: i64) -> io::Result<Option<(u64, Record)>> {
        while let Some(oldest) = self.waiting.front().cloned() {
            let read = match self.disk.read(&entry::name(oldest.number)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                read => read.ok(),
            };
            if let Some(record) = read.and_then(|bytes| entry::decode(&bytes)) {
                return Ok(Some((oldest.number, record)));
            }
            let mut state = self.state.clone();
            state.counts.damaged += 1;
            state.counts.lost_at_millis = Some(now_millis);
            state.done(oldest.number, oldest.key);
            self.settle(state)?;
        }
        Ok(None)
    }

    /// The record that was the head is done.
    ///
    /// # Errors
    /// If that could not be written down, which only counts after a restart: the
    /// record is gone all the same.
    pub fn finish(
        &mut self,
        number: u64,
        key: &str,
        done: Done,
        now_millis: i64,
    ) -> io::Result<()> {
        let mut state = self.state.clone();
        if number <= state.done_to {
            // It gave way to a newer one while it was on its way.
            state.counts.dropped = state.counts.dropped.saturating_sub(1);
        }
        match done {
            Done::Delivered => state.counts.delivered += 1,
            Done::Rejected(why) => {
                state.counts.rejected += 1;
                state.counts.lost_at_millis = Some(now_millis);
                state.counts.rejected_why = Some(why);
            }
        }
        let key = Some(key.to_owned()).filter(|key| !state.is_done(key));
        state.done(number, key);
        self.settle(state)
    }

    /// Writes the state and removes what is done by it, also where the disk is
    /// full: a file can be removed then, and memory knows the rest.
    fn settle(&mut self, state: State) -> io::Result<()> {
        self.state = state;
        let written = self.write_state();
        let mut removed = Ok(());
        while let Some(oldest) = self.waiting.front().filter(|w| w.number <= self.state.done_to) {
            removed = removed.and(self.disk.remove(&entry::name(oldest.number)));
            self.waiting.pop_front();
        }
        written.and(removed)
    }

    fn write_state(&mut self) -> io::Result<()> {
        let bytes = serde_json::to_vec(&self.state)?;
        self.disk.put(FILE, &bytes)
    }

    /// How long ago a creation was begun for this record whose end is not known.
    pub fn attempt_age_millis(&mut self, number: u64, now_millis: i64) -> Option<u64> {
        let attempt = self.state.attempt.as_mut().filter(|attempt| attempt.number == number)?;
        // A clock that was set back must not make anybody wait until it has caught up.
        attempt.at_millis = attempt.at_millis.min(now_millis);
        u64::try_from(now_millis - attempt.at_millis).ok()
    }

    /// A creation begins.
    ///
    /// # Errors
    /// If that cannot be written down, in which case it must not begin.
    pub fn begin_attempt(&mut self, number: u64, now_millis: i64) -> io::Result<()> {
        self.state.attempt = Some(Attempt { number, at_millis: now_millis });
        self.write_state()
    }

    /// It came to nothing; written with the next state.
    pub fn attempt_refused(&mut self) {
        self.state.attempt = None;
    }
}
