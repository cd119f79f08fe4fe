//! Questions to and from the peers, in the loop of an incarnation.

use super::super::inquiry::{health, time, told_time};
use super::super::report::id;
use super::Life;
use crate::peers::{NoHealth, Request};
use nixl_cluster::{Versions, reason};
use nixl_pairing::{Input, PeerState, PeerView, Question, Unanswered};
use std::collections::BTreeMap;

impl Life<'_> {
    /// Called each second: a round of questions, if one is due.
    pub(super) fn inquire(&mut self) {
        let timings = &self.engine.timings;
        if !self.inquiry.is_due(timings.clock_interval, timings.clock_least) {
            return;
        }
        let peers = self.machine.peers();
        let paired = peers.iter().filter(|peer| peer.state == PeerState::Paired);
        let ranks: Vec<u32> = paired.map(|peer| peer.rank).collect();
        if ranks.is_empty() {
            return;
        }
        self.inquiry.begin_round(&ranks);
        for rank in ranks {
            self.ask(rank);
        }
    }

    fn ask(&mut self, rank: u32) {
        if let Some(what) = self.inquiry.next(rank) {
            self.drive(Input::Ask { rank, what });
        }
    }

    /// A peer asks.
    pub(super) fn asked(&mut self, rank: u32, id: u64, what: Question) {
        let bytes = match what {
            Question::Time => time(),
            Question::Health => health(&self.engine.board),
            Question::Versions => serde_json::to_vec(&(self.engine.versions)()).unwrap_or_default(),
        };
        self.drive(Input::Answer { rank, id, bytes });
    }

    /// A question to a peer has ended.
    pub(super) fn answered(
        &mut self,
        rank: u32,
        what: Question,
        answer: Result<Vec<u8>, Unanswered>,
    ) {
        let took = self.inquiry.ended(rank);
        let (names, board) = (self.names(), &self.engine.board);
        match what {
            Question::Time => {
                let told = answer.ok().and_then(|bytes| told_time(&bytes));
                self.inquiry.time(rank, told, took, &names, board);
            }
            Question::Versions => {
                let told = answer.ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
                if let Some(told) = told.map(Versions::sound) {
                    self.inquiry.versions(rank, told, &(self.engine.versions)(), &names, board);
                }
            }
            Question::Health => {
                let peer = names.get(&rank).cloned().unwrap_or_else(|| format!("rank {rank}"));
                let silent = |why: String| NoHealth::Silent { peer: peer.clone(), why };
                let told = answer.map_err(|why| silent(why.to_string())).and_then(|bytes| {
                    serde_json::from_slice(&bytes)
                        .map_err(|_| silent("it said what is no health document".to_owned()))
                });
                self.inquiry.health(rank, &peer, told);
            }
        }
        self.ask(rank);
    }

    /// Somebody on this node wants to know how peers are.
    pub(super) fn requests(&mut self) {
        let peers = self.machine.peers();
        for Request { peer, answer } in self.engine.peers.take() {
            match wanted(&peers, peer.as_deref()) {
                Ok(peer) => {
                    self.inquiry.wait(peer.rank, &id(peer), answer);
                    self.ask(peer.rank);
                }
                // Who does not wait any more needs no answer.
                Err(why) => _ = answer.send(Err(why)),
            }
        }
    }

    pub(super) fn pair_lost(&mut self, rank: u32, id: &str) {
        let (names, ours) = (self.names(), (self.engine.versions)());
        self.inquiry.unpaired(rank, id, &ours, &names, &self.engine.board);
    }

    fn names(&self) -> BTreeMap<u32, String> {
        self.machine.peers().iter().map(|peer| (peer.rank, id(peer))).collect()
    }
}

/// The peer that is meant, if it can be asked.
fn wanted<'a>(peers: &'a [PeerView], name: Option<&str>) -> Result<&'a PeerView, NoHealth> {
    let peer = match (name, peers) {
        (None, [only]) => only,
        (None, _) => return Err(NoHealth::Which { count: peers.len() }),
        (Some(name), _) => {
            let meant = |peer: &&PeerView| id(peer) == name || peer.rank.to_string() == name;
            peers.iter().find(meant).ok_or_else(|| NoHealth::Unknown {
                peer: name.to_owned(),
                known: peers.iter().map(id).collect::<Vec<_>>().join(", "),
            })?
        }
    };
    let reason = peer.reason.and_then(reason::find);
    let state = match peer.state {
        PeerState::Paired => return Ok(peer),
        PeerState::Unknown => "it has not registered itself",
        PeerState::Handshaking => "the handshake is under way",
        PeerState::Lost => "it is lost",
        PeerState::Refused => "it is refused",
    };
    let why = match reason {
        Some(reason) => {
            format!("{state} ({}: {})", reason.code, reason.meaning.trim_end_matches('.'))
        }
        None => state.to_owned(),
    };
    Err(NoHealth::NotPaired { peer: id(peer), why })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(rank: u32, state: PeerState) -> PeerView {
        let reason = (state == PeerState::Lost).then_some(reason::PEER_LOST.code);
        let instance_id = (state != PeerState::Unknown).then(|| format!("i-{rank}"));
        PeerView { rank, instance_id, state, reason, ..PeerView::default() }
    }

    #[test]
    fn a_peer_is_named_by_id_or_rank_or_is_the_only_one() {
        let one = [peer(1, PeerState::Paired)];
        for name in [None, Some("1"), Some("i-1")] {
            assert_eq!(wanted(&one, name).unwrap().rank, 1);
        }
        let told = wanted(&one, Some("i-9")).unwrap_err();
        assert_eq!(told.to_string(), "i-9 is no peer of this node; its peers are i-1");
        let two = [peer(1, PeerState::Paired), peer(2, PeerState::Paired)];
        assert_eq!(wanted(&two, None).unwrap_err().code(), "peer.ambiguous");
        assert_eq!(wanted(&two, Some("2")).unwrap().rank, 2);
    }

    #[test]
    fn one_that_is_not_paired_is_told_with_why() {
        let told = wanted(&[peer(1, PeerState::Lost)], None).unwrap_err().to_string();
        assert_eq!(
            told,
            "this node is not paired with i-1: it is lost (pair.peer_lost: The peer was paired and stopped answering)"
        );
        let told = wanted(&[peer(1, PeerState::Unknown)], None).unwrap_err().to_string();
        assert_eq!(told, "this node is not paired with rank 1: it has not registered itself");
    }
}
