//! The states of one peer and the only ways between them; docs/pairing.md
//! draws them.

use crate::PeerState::{self, Handshaking, Lost, Paired, Refused, Unknown};
use nixl_cluster::reason;
use std::time::Duration;

/// A way from one state to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transition {
    /// State before.
    pub from: PeerState,
    /// State after.
    pub to: PeerState,
    /// What brings it about.
    pub cause: &'static str,
}

const fn way(from: PeerState, to: PeerState, cause: &'static str) -> Transition {
    Transition { from, to, cause }
}

/// Every allowed transition; there is no other.
pub const TRANSITIONS: [Transition; 7] = [
    way(Unknown, Handshaking, "its tags are read"),
    way(Handshaking, Paired, "it proved its identity over the fabric"),
    way(
        Handshaking,
        Refused,
        "its proof does not fit its tags, three times in 2 s or more, it speaks another version, \
         or its tags do not go with this node's settings",
    ),
    way(Paired, Lost, "no heartbeat for 1 s, or it said goodbye"),
    way(Paired, Handshaking, "new tags of it are read, or the own fabric was started anew"),
    way(Lost, Handshaking, "its tags are read again, or 2 s later, unless it said goodbye"),
    way(Refused, Handshaking, "it proved its identity after all, or new tags of it are read"),
];

fn allowed(from: PeerState, to: PeerState) -> bool {
    TRANSITIONS.iter().any(|way| (way.from, way.to) == (from, to))
}

/// A transition that is not in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a peer that is {from:?} cannot become {to:?}")]
pub(crate) struct Forbidden {
    pub(crate) from: PeerState,
    pub(crate) to: PeerState,
}

/// A transition that was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) from: PeerState,
    pub(crate) to: PeerState,
    pub(crate) reason: Option<&'static str>,
}

/// Where one peer is, why and since when.
#[derive(Debug, Clone)]
pub(crate) struct Lifecycle {
    state: PeerState,
    reason: Option<&'static str>,
    since: Duration,
    pairings: u64,
}

impl Lifecycle {
    pub(crate) fn new(now: Duration) -> Self {
        Self { state: Unknown, reason: Some(reason::PEER_UNKNOWN.code), since: now, pairings: 0 }
    }

    pub(crate) fn state(&self) -> PeerState {
        self.state
    }

    pub(crate) fn reason(&self) -> Option<&'static str> {
        self.reason
    }

    pub(crate) fn since(&self) -> Duration {
        self.since
    }

    pub(crate) fn pairings(&self) -> u64 {
        self.pairings
    }

    /// Tags are known: shake hands (first, again or anew).
    pub(crate) fn handshake(&mut self, now: Duration) -> Result<Change, Forbidden> {
        let reason = (self.pairings > 0).then_some(reason::PEER_LOST.code);
        self.go(Handshaking, reason, now)
    }

    /// The peer proved who it is.
    pub(crate) fn pair(&mut self, now: Duration) -> Result<Change, Forbidden> {
        let change = self.go(Paired, None, now)?;
        self.pairings += 1;
        Ok(change)
    }

    /// A paired peer proved itself again with new session keys.
    pub(crate) fn pair_again(&mut self) -> Result<(), Forbidden> {
        if self.state != Paired {
            return Err(Forbidden { from: self.state, to: Paired });
        }
        self.pairings += 1;
        Ok(())
    }

    /// A paired peer fell silent or said goodbye.
    pub(crate) fn lose(&mut self, now: Duration) -> Result<Change, Forbidden> {
        self.go(Lost, Some(reason::PEER_LOST.code), now)
    }

    /// The peer does not prove itself.
    pub(crate) fn refuse(
        &mut self,
        reason: &'static str,
        now: Duration,
    ) -> Result<Change, Forbidden> {
        self.go(Refused, Some(reason), now)
    }

    /// The handshake gets no answer; says so unless something worse is known.
    pub(crate) fn unreachable(&mut self) -> Result<(), Forbidden> {
        if self.state != Handshaking {
            return Err(Forbidden { from: self.state, to: Handshaking });
        }
        self.reason = self.reason.or(Some(reason::PEER_UNREACHABLE.code));
        Ok(())
    }

    fn go(
        &mut self,
        to: PeerState,
        reason: Option<&'static str>,
        now: Duration,
    ) -> Result<Change, Forbidden> {
        let from = self.state;
        if !allowed(from, to) {
            return Err(Forbidden { from, to });
        }
        (self.state, self.reason, self.since) = (to, reason, now);
        Ok(Change { from, to, reason })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [PeerState; 5] = [Unknown, Handshaking, Paired, Lost, Refused];
    const AT: Duration = Duration::from_secs(9);

    fn in_state(state: PeerState) -> Lifecycle {
        Lifecycle { state, reason: None, since: Duration::ZERO, pairings: 0 }
    }

    /// Takes the method that leads to `to`.
    fn attempt(life: &mut Lifecycle, to: PeerState) -> Result<Change, Forbidden> {
        match to {
            Unknown => life.go(Unknown, None, AT),
            Handshaking => life.handshake(AT),
            Paired => life.pair(AT),
            Lost => life.lose(AT),
            Refused => life.refuse("pair.peer_refused", AT),
        }
    }

    #[test]
    fn every_pair_of_states_does_what_the_table_says() {
        for from in ALL {
            for to in ALL {
                let mut life = in_state(from);
                let result = attempt(&mut life, to);
                if allowed(from, to) {
                    let change = result.unwrap();
                    assert_eq!((change.from, change.to), (from, to));
                    assert_eq!((life.state(), life.since()), (to, AT));
                } else {
                    assert_eq!(result, Err(Forbidden { from, to }));
                    assert_eq!((life.state(), life.since()), (from, Duration::ZERO));
                }
            }
        }
    }

    #[test]
    fn reasons_follow_the_history() {
        let mut life = Lifecycle::new(AT);
        assert_eq!(life.reason(), Some("pair.peer_unknown"));
        assert_eq!(life.handshake(AT).unwrap().reason, None);
        life.unreachable().unwrap();
        assert_eq!(life.reason(), Some("pair.peer_unreachable"));
        assert_eq!(life.pair(AT).unwrap().reason, None);
        assert_eq!(life.pairings(), 1);
        assert_eq!(life.lose(AT).unwrap().reason, Some("pair.peer_lost"));
        assert_eq!(life.handshake(AT).unwrap().reason, Some("pair.peer_lost"));
        life.unreachable().unwrap();
        assert_eq!(life.reason(), Some("pair.peer_lost"), "a loss says more than silence");
        life.pair(AT).unwrap();
        assert_eq!((life.reason(), life.pairings()), (None, 2));
    }

    #[test]
    fn only_a_paired_peer_pairs_again_and_only_a_handshake_is_unreachable() {
        for state in ALL {
            assert_eq!(in_state(state).pair_again().is_ok(), state == Paired, "{state:?}");
            assert_eq!(in_state(state).unreachable().is_ok(), state == Handshaking, "{state:?}");
        }
    }
}
