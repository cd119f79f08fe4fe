//! Sessions that StartSession has granted, their tokens, and what became of them.

use super::channel::Purpose;
use crate::clock::Clock;
use crate::rules::{Rules, sessions::TOKEN_ONCE};
use jiff::Timestamp;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// Sessions kept; the oldest ended ones are forgotten.
const KEPT: usize = 1000;

/// A session as DescribeSessions tells it.
#[derive(Debug, Clone)]
pub struct Record {
    /// `<user>-<17 hex digits>`.
    pub session_id: String,
    /// `i-…`
    pub instance_id: String,
    /// ARN of who started it.
    pub owner: String,
    /// Document name.
    pub document: String,
    /// Reason given.
    pub reason: Option<String>,
    /// Start.
    pub started: Timestamp,
    /// End.
    pub ended: Option<Timestamp>,
}

/// A session that its client has opened.
#[derive(Debug, Clone)]
pub struct Grant {
    /// Its id.
    pub session_id: String,
    /// `i-…`
    pub instance_id: String,
    /// What for.
    pub purpose: Purpose,
    /// True once the session was ended from elsewhere.
    pub ended: watch::Receiver<bool>,
}

struct Held {
    record: Record,
    purpose: Purpose,
    token: String,
    end: watch::Sender<bool>,
    /// When something last passed through it.
    active: Timestamp,
}

/// All sessions; clones share them.
#[derive(Clone, Default)]
pub struct Grants {
    held: Arc<Mutex<Vec<Held>>>,
    rules: Rules,
    clock: Clock,
}

impl Grants {
    /// None yet; they are timed by this clock.
    #[must_use]
    pub fn new(rules: Rules, clock: Clock) -> Self {
        Self { held: Arc::default(), rules, clock }
    }

    fn held(&self) -> MutexGuard<'_, Vec<Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Grants a session to who has the token.
    pub fn add(&self, record: Record, purpose: Purpose, token: &str) {
        let mut held = self.held();
        if held.len() >= KEPT
            && let Some(oldest) = held.iter().position(|held| held.record.ended.is_some())
        {
            held.remove(oldest);
        }
        let end = watch::Sender::new(false);
        let active = record.started;
        held.push(Held { record, purpose, token: token.to_owned(), end, active });
    }

    /// The session, if it has not ended and this is its unspent token.
    #[must_use]
    pub fn open(&self, session_id: &str, token: &str) -> Option<Grant> {
        let mut held = self.held();
        let found = held.iter_mut().find(|held| held.is(session_id))?;
        // Every byte is compared, however early the first difference is.
        let same = found.token.len() == token.len()
            && found.token.bytes().zip(token.bytes()).fold(0, |seen, (a, b)| seen | (a ^ b)) == 0;
        if !same || token.is_empty() {
            return None;
        }
        if self.rules.on(&TOKEN_ONCE) {
            found.token.clear();
        }
        Some(Grant {
            session_id: found.record.session_id.clone(),
            instance_id: found.record.instance_id.clone(),
            purpose: found.purpose.clone(),
            ended: found.end.subscribe(),
        })
    }

    /// Gives a session another token; false if there is none that has not ended.
    pub fn renew(&self, session_id: &str, token: &str) -> bool {
        let mut held = self.held();
        let Some(found) = held.iter_mut().find(|held| held.is(session_id)) else { return false };
        token.clone_into(&mut found.token);
        true
    }

    /// Something passes through a session.
    pub fn touch(&self, session_id: &str) {
        let now = self.clock.now();
        self.held()
            .iter_mut()
            .filter(|held| held.is(session_id))
            .for_each(|held| held.active = now);
    }

    /// When something last passed through a session that has not ended.
    #[must_use]
    pub fn active(&self, session_id: &str) -> Option<Timestamp> {
        self.held().iter().find(|held| held.is(session_id)).map(|held| held.active)
    }

    /// Ends a session now.
    pub fn close(&self, session_id: &str) {
        self.end(session_id, self.clock.now());
    }

    /// Ends a session, if it has not ended.
    pub fn end(&self, session_id: &str, now: Timestamp) {
        self.held().iter_mut().filter(|held| held.is(session_id)).for_each(|held| held.end(now));
    }

    /// Ends all sessions of a machine.
    pub fn end_of(&self, instance_id: &str, now: Timestamp) {
        let mut held = self.held();
        let of_it = held
            .iter_mut()
            .filter(|held| held.record.instance_id == instance_id && held.record.ended.is_none());
        of_it.for_each(|held| held.end(now));
    }

    /// All sessions, oldest first.
    #[must_use]
    pub fn records(&self) -> Vec<Record> {
        self.held().iter().map(|held| held.record.clone()).collect()
    }
}

impl Held {
    /// Whether it is this session and has not ended.
    fn is(&self, session_id: &str) -> bool {
        self.record.session_id == session_id && self.record.ended.is_none()
    }

    fn end(&mut self, now: Timestamp) {
        self.record.ended = Some(now);
        self.end.send_replace(true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_its_token_opens_a_session_and_ended_ones_open_never() {
        let grants = Grants::default();
        let now = Timestamp::now();
        let record = Record {
            session_id: "s-1".to_owned(),
            instance_id: "i-1".to_owned(),
            owner: String::new(),
            document: String::new(),
            reason: None,
            started: now,
            ended: None,
        };
        grants.add(record, Purpose::Shell { command: None }, "secret");
        assert!(grants.open("s-1", "secreT").is_none());
        let grant = grants.open("s-1", "secret").unwrap();
        assert!(grants.renew("s-1", "other") && grants.open("s-1", "secret").is_none());
        grants.end_of("i-2", now);
        assert!(!*grant.ended.borrow());
        grants.end("s-1", now);
        assert!(*grant.ended.borrow() && grants.open("s-1", "other").is_none());
        assert_eq!(grants.records()[0].ended, Some(now));
    }
}
