//! What paired peers have otherwise than this node: told on the board as long
//! as it holds, and once in the journal.

use super::report::id;
use crate::board::{Board, Reading};
use crate::events::{self, Peer};
use nixl_pairing::PeerView;
use std::collections::{BTreeMap, BTreeSet};

/// What was told.
#[derive(Default)]
pub(super) struct Skews {
    /// By rank.
    journaled: BTreeMap<u32, BTreeSet<String>>,
}

/// A peer that differs in more ways than this makes them up.
const MOST: usize = 16;

impl Skews {
    /// A reading for each of this moment.
    pub fn readings(&mut self, peers: &[PeerView], board: &Board) -> Vec<Reading> {
        let of = |peer: &PeerView| {
            let about = id(peer);
            let readings = peer.skews.iter().map(move |skew| {
                let evidence = format!("{about}: {skew}");
                Reading::bad(skew.reason(), evidence).about(about.as_str())
            });
            readings.collect::<Vec<_>>()
        };
        let mut all = Vec::new();
        for view in peers {
            let readings = of(view);
            let id = view.instance_id.as_deref();
            let pair_id = id.and_then(|id| board.pair_id(id));
            let peer = Peer { id, rank: view.rank, pair_id: pair_id.as_deref() };
            for (reason, evidence) in readings.iter().filter_map(|told| told.reason.as_ref()) {
                let told = self.journaled.entry(view.rank).or_default();
                if told.len() < MOST && told.insert(evidence.clone()) {
                    events::peer_reason(peer, reason, evidence);
                }
            }
            all.extend(readings);
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nixl_pairing::Skew;

    #[test]
    fn a_peer_that_makes_up_releases_fills_neither_memory_nor_journal() {
        let mut skews = Skews::default();
        let peer = |rank: u32, release: u32| {
            let peer = release.to_string();
            let release = Skew::Release { own: "1.0.0".to_owned(), peer };
            PeerView { rank, skews: vec![release], ..PeerView::default() }
        };
        let board = Board::default();
        for release in 0..100 {
            assert_eq!(skews.readings(&[peer(1, release)], &board).len(), 1, "on the board");
        }
        assert_eq!(skews.readings(&[peer(2, 0)], &board).len(), 1);
        let told: Vec<usize> = skews.journaled.values().map(BTreeSet::len).collect();
        assert_eq!(told, [MOST, 1]);
    }

    #[test]
    fn each_is_told_with_both_values() {
        let skews = vec![
            Skew::Release { own: "1.0.0".to_owned(), peer: "1.1.0".to_owned() },
            Skew::Rails { own: 4, peer: 3 },
        ];
        let instance_id = Some("i-2".to_owned());
        let skewed = PeerView { rank: 1, instance_id, skews, ..PeerView::default() };
        let readings = Skews::default().readings(&[PeerView::default(), skewed], &Board::default());
        let told: Vec<(&str, &str)> = readings
            .iter()
            .filter_map(|reading| reading.reason.as_ref())
            .map(|(reason, evidence)| (reason.code, evidence.as_str()))
            .collect();
        let expected = [
            ("pair.release_skew", "i-2: its daemon is release 1.1.0, this node's 1.0.0"),
            ("link.rails_differ", "i-2: it has 3 rails, this node 4"),
        ];
        assert_eq!(told, expected);
        assert!(readings.iter().all(|reading| reading.id.as_deref() == Some("i-2")));
    }
}
