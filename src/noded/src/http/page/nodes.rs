//! This node and its peers, as they say themselves where they answer.

use super::table::Fact;
use super::view::{all, value, word};
use crate::board::name;
use nixl_cluster::PeerHealth;
use nixl_cluster::health::{Check, HealthDocument, Status};
use nixl_cluster::link::LinkDocument;
use serde::Serialize;

/// This node or a peer.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Node {
    pub id: String,
    pub own: bool,
    pub state: String,
    pub mood: &'static str,
    pub facts: Vec<Fact>,
}

pub(super) fn nodes(
    document: &HealthDocument,
    links: &LinkDocument,
    peers: &[PeerHealth],
    ready: bool,
) -> Vec<Node> {
    let node = &document.node;
    let fact = |name, text: Option<String>| Some(Fact { name, text: text? });
    let own = Node {
        id: document.service_id.clone(),
        own: true,
        state: node.phase.clone(),
        mood: word(document.status),
        facts: [
            fact("Can be used", Some(if ready { "yes" } else { "no" }.to_owned())),
            fact("Cluster", node.cluster.clone()),
            fact("Rank", node.rank.map(|rank| rank.to_string())),
            fact("Role", node.role.clone()),
            fact("Provider", node.provider.clone()),
            fact("Paired with", paired_with(document)),
        ]
        .into_iter()
        .flatten()
        .collect(),
    };
    let told = document.checks.get(name::PEER).map(Vec::as_slice).unwrap_or_default();
    let peer = |check: &Check| {
        let is = |id: &str| check.component_id.as_deref() == Some(id);
        let says =
            peers.iter().find(|peer| is(&peer.instance_id)).map(|peer| &peer.answer.document);
        let mood = says.map_or(check.status, |says| check.status.max(says.status));
        let mut facts: Vec<Fact> = says.into_iter().flat_map(said).collect();
        facts.extend(peer_facts(document, links, check));
        Node {
            id: check.component_id.clone().unwrap_or_default(),
            own: false,
            state: value(check),
            mood: word(mood),
            facts,
        }
    };
    std::iter::once(own).chain(told.iter().map(peer)).collect()
}

fn paired_with(document: &HealthDocument) -> Option<String> {
    let paired = document.node.peers.len();
    Some(match document.node.peers_expected? {
        1 if paired == 1 => "its peer".to_owned(),
        expected => format!("{paired} of {expected}"),
    })
}

/// What a peer says of itself.
fn said(document: &HealthDocument) -> Vec<Fact> {
    let fact = |name, text: &str| Fact { name, text: text.to_owned() };
    let mut facts = vec![fact("It says", &document.output)];
    let first = all(document)
        .filter_map(|(_, check)| check.reason.as_ref().map(|reason| (check.counts(), reason)))
        .filter(|(counts, _)| *counts != Status::Pass)
        .max_by_key(|(counts, _)| *counts);
    facts.extend(first.map(|(_, reason)| fact("To do there", &reason.advice)));
    facts.extend(document.node.role.as_ref().map(|role| fact("Role", role)));
    facts
}

/// What is known of a peer beside its state.
fn peer_facts(document: &HealthDocument, links: &LinkDocument, peer: &Check) -> Vec<Fact> {
    let link =
        links.peers.iter().find(|link| Some(&link.instance_id) == peer.component_id.as_ref());
    let rank = link.map(|link| Fact { name: "Rank", text: link.rank.to_string() });
    let why = peer
        .reason
        .as_ref()
        .map(|reason| Fact { name: "Why", text: format!("{}: {}", reason.code, reason.evidence) });
    let skews = document.checks.get(name::PEER_SKEW).map(Vec::as_slice).unwrap_or_default();
    let same = skews.iter().filter(|skew| skew.component_id == peer.component_id);
    let told = same.filter_map(|skew| {
        Some(Fact { name: "Differs", text: skew.reason.as_ref()?.evidence.clone() })
    });
    rank.into_iter().chain(why).chain(told).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::board::{Board, Reading};
    use nixl_cluster::{PeerAnswer, reason};

    #[test]
    fn a_peer_that_answers_says_itself_how_it_is() {
        let (own, other) = (Board::default(), Board::default());
        own.set(name::PEER, Reading::good("paired").about("i-2"));
        other.set(name::ENDPOINT, Reading::bad(&reason::FABRIC_LIBRARY_MISSING, "no such file"));
        other.describe(|node| node.role = Some("decode".to_owned()));
        let document = other.document();
        let answer = PeerAnswer { left_out: 0, document };
        let says = PeerHealth { instance_id: "i-2".to_owned(), rank: 1, age_secs: 0.1, answer };
        let of = |peers: &[PeerHealth]| {
            nodes(&own.document(), &LinkDocument::default(), peers, true).remove(1)
        };
        let silent = of(&[]);
        assert_eq!((silent.state.as_str(), silent.mood), ("paired", "pass"));
        let told = of(&[says]);
        assert_eq!((told.state.as_str(), told.mood), ("paired", "fail"));
        let facts: Vec<(&str, &str)> =
            told.facts.iter().map(|fact| (fact.name, fact.text.as_str())).collect();
        assert!(facts[0].1.contains("fabric.library_missing: no such file"), "{facts:?}");
        assert_eq!(facts[1], ("To do there", reason::FABRIC_LIBRARY_MISSING.advice));
        assert_eq!(facts[2], ("Role", "decode"));
    }
}
