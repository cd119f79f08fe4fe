//! Sessions that StartSession has granted and their tokens.

use super::channel::Purpose;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// A session from StartSession to its end.
#[derive(Debug, Clone)]
pub struct Grant {
    /// `<user>-<17 hex digits>`.
    pub session_id: String,
    /// `i-…`
    pub instance_id: String,
    /// What for.
    pub purpose: Purpose,
    /// True once TerminateSession was called.
    pub ended: watch::Receiver<bool>,
}

struct Held {
    grant: Grant,
    token: String,
    end: watch::Sender<bool>,
}

/// Granted sessions by id; clones share them.
#[derive(Clone, Default)]
pub struct Grants(Arc<Mutex<HashMap<String, Held>>>);

impl Grants {
    fn held(&self) -> MutexGuard<'_, HashMap<String, Held>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Grants a session to who has the token.
    pub fn add(&self, session_id: &str, instance_id: &str, purpose: Purpose, token: &str) {
        let (end, ended) = watch::channel(false);
        let grant = Grant {
            session_id: session_id.to_owned(),
            instance_id: instance_id.to_owned(),
            purpose,
            ended,
        };
        self.held().insert(session_id.to_owned(), Held { grant, token: token.to_owned(), end });
    }

    /// The session, if this is its token.
    #[must_use]
    pub fn open(&self, session_id: &str, token: &str) -> Option<Grant> {
        let held = self.held();
        let found = held.get(session_id)?;
        // Every byte is compared, however early the first difference is.
        let same = found.token.len() == token.len()
            && found.token.bytes().zip(token.bytes()).fold(0, |seen, (a, b)| seen | (a ^ b)) == 0;
        same.then(|| found.grant.clone())
    }

    /// Ends a session; false if there is none.
    pub fn end(&self, session_id: &str) -> bool {
        self.held().remove(session_id).is_some_and(|held| held.end.send(true).is_ok())
    }

    /// Ends all sessions of a machine.
    pub fn end_of(&self, instance_id: &str) {
        self.held().retain(|_, held| {
            let stays = held.grant.instance_id != instance_id;
            if !stays {
                let _ = held.end.send(true);
            }
            stays
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_its_token_opens_a_session_and_ended_ones_are_gone() {
        let grants = Grants::default();
        grants.add("s-1", "i-1", Purpose::Shell { command: None }, "secret");
        assert!(grants.open("s-1", "secreT").is_none());
        let grant = grants.open("s-1", "secret").unwrap();
        assert!(!*grant.ended.borrow());
        grants.end_of("i-2");
        assert!(grants.end("s-1"));
        assert!(*grant.ended.borrow());
        assert!(grants.open("s-1", "secret").is_none());
    }
}
