//! Measurements over the open endpoints: who asks whom, and who is told.

use super::events::Events;
use super::measure::{Asker, Finished, Flow, Net, Session, Target};
use super::state::Fabric;
use crate::protocol::{Event, Measurement, Outcome};
use crate::wire::{Refusal, Signed, Talk};
use nixl_cluster::reason;
use std::time::Instant;

impl Fabric {
    /// The daemon wants this measured.
    pub(super) fn ask(&mut self, id: u32, peer: u32, what: Measurement, events: &mut Events) {
        if self.session.is_some() {
            events.send(Event::Measured { id, peer, outcome: Outcome::Busy });
            return;
        }
        let Some((addresses, token)) =
            self.peers.get(peer).and_then(|peer| Some((&peer.addresses, peer.token?)))
        else {
            let outcome = not_measured("no measurement is agreed with this peer");
            events.send(Event::Measured { id, peer, outcome });
            return;
        };
        self.serial += 1;
        let (mut says, now) = (Vec::new(), Instant::now());
        let mut net = Net { rails: &mut self.rails, addresses, says: &mut says };
        match Asker::ask(&mut net, id, peer, &token, self.serial, what, now) {
            Ok(asker) => self.session = Some(Session::Asker(asker)),
            Err(outcome) => events.send(Event::Measured { id, peer, outcome }),
        }
        self.say(peer, says, events);
    }

    /// The daemon does not want it any more.
    pub(super) fn cancel(&mut self, id: u32, events: &mut Events) {
        let Some(session) = self.session.take_if(|session| session.own_id() == Some(id)) else {
            return;
        };
        let peer = session.peer();
        self.over(session, Some(not_measured("it was cancelled")), events);
        self.say(peer, vec![Talk::Cancel { id }], events);
    }

    /// A peer's address goes: what is measured with it goes first.
    pub(super) fn peer_gone(&mut self, peer: u32, events: &mut Events) {
        if let Some(session) = self.session.take_if(|session| session.peer() == peer) {
            self.over(session, Some(not_measured("the peer is gone")), events);
        }
    }

    /// A word of a peer that is armed.
    pub(super) fn heard(&mut self, peer: u32, talk: &Talk, now: Instant, events: &mut Events) {
        self.drains.end(peer, &mut self.rails);
        if let Talk::Prepare { id, .. } = *talk {
            // Registering takes time that others' heartbeats need.
            let first = !std::mem::replace(&mut self.prepared, true);
            if first && self.makes_room(peer, events) {
                self.agree(peer, talk, now, events);
            } else {
                let refused = Talk::Refused { id, why: Refusal::Busy };
                self.say(peer, vec![refused], events);
            }
        } else if self.session.as_ref().is_some_and(|session| session.peer() == peer) {
            self.session_step(events, |session, net| session.hear(net, talk, now));
        }
    }

    /// Whether this peer may ask now. Of two that ask each other at once the
    /// lower rank does; one that asks again has given up what it asked before.
    fn makes_room(&mut self, peer: u32, events: &mut Events) -> bool {
        let own = u32::from(self.rank);
        let gives_way = |session: &mut Session| {
            session.peer() == peer
                && match session {
                    Session::Asker(asker) => asker.is_asking() && peer < own,
                    Session::Target(_) => true,
                }
        };
        if let Some(session) = self.session.take_if(gives_way) {
            self.over(session, Some(Outcome::Busy), events);
        }
        self.session.is_none()
    }

    fn agree(&mut self, peer: u32, prepare: &Talk, now: Instant, events: &mut Events) {
        let Talk::Prepare { id, terms, regions } = prepare else { return };
        let Some((addresses, token)) =
            self.peers.get(peer).and_then(|peer| Some((&peer.addresses, peer.token?)))
        else {
            return;
        };
        self.serial += 1;
        let mut says = Vec::new();
        let mut net = Net { rails: &mut self.rails, addresses, says: &mut says };
        match Target::agree(&mut net, *id, peer, &token, self.serial, terms, regions, now) {
            Ok(target) => {
                self.session = Some(Session::Target(target));
                // Its receives are posted before the asker hears of it.
                self.session_turn(now, events);
            }
            Err(why) => says.push(Talk::Refused { id: *id, why }),
        }
        self.say(peer, says, events);
    }

    pub(super) fn session_turn(&mut self, now: Instant, events: &mut Events) {
        self.session_step(events, |session, net| session.turn(net, now));
    }

    pub(super) fn session_finished(&mut self, rail: usize, what: &Finished, events: &mut Events) {
        self.drains.finished(&mut self.rails, rail, what);
        self.session_step(events, |session, net| session.finished(net, rail, what));
    }

    fn session_step(
        &mut self,
        events: &mut Events,
        step: impl FnOnce(&mut Session, &mut Net<'_>) -> Flow,
    ) {
        let Some(session) = &mut self.session else { return };
        let peer = session.peer();
        let addresses = self.peers.get(peer).map(|peer| &peer.addresses[..]).unwrap_or_default();
        let mut says = Vec::new();
        let mut net = Net { rails: &mut self.rails, addresses, says: &mut says };
        let flow = step(session, &mut net);
        if let Flow::Over(outcome) = flow
            && let Some(session) = self.session.take()
        {
            // The peer need not wait for what will not come.
            if let (Some(id), Some(Outcome::Failed { .. })) = (session.own_id(), &outcome) {
                says.push(Talk::Cancel { id });
            }
            self.over(session, outcome, events);
        }
        self.say(peer, says, events);
    }

    fn over(&mut self, session: Session, outcome: Option<Outcome>, events: &mut Events) {
        let (id, peer) = (session.own_id(), session.peer());
        session.leave(&mut self.rails, &mut self.drains);
        if let (Some(id), Some(outcome)) = (id, outcome) {
            events.send(Event::Measured { id, peer, outcome });
        }
    }

    fn say(&mut self, rank: u32, says: Vec<Talk>, events: &mut Events) {
        if says.is_empty() {
            return;
        }
        let Some(peer) = self.peers.get_mut(rank) else { return };
        let Some(token) = peer.token else { return };
        for talk in says {
            peer.outbox.push(Signed { rank: self.rank, token, talk }.encode());
        }
        self.flush(rank, Instant::now(), events);
    }
}

fn not_measured(message: &str) -> Outcome {
    let code = reason::LINK_NOT_MEASURED.code.to_owned();
    Outcome::Failed { code, message: message.to_owned() }
}
