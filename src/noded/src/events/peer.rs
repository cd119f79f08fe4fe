//! Entries about one peer.

use super::kind::{LINK_GOOD, PAIRED, PEER_LOST, PEER_STATE, TAG_UNUSABLE};
use super::{Stage, at, reason_id};
use nixl_cluster::reason::{Reason, Severity};
use nixl_pairing::PeerState;

/// The rail that is judged, and that carries the pairing.
const RAIL: u16 = 0;

/// As entries name it.
#[derive(Debug, Clone, Copy)]
pub struct Peer<'a> {
    /// Instance id, once its tags are known.
    pub id: Option<&'a str>,
    /// Launch index.
    pub rank: u32,
    /// See [`nixl_cluster::pair_id`].
    pub pair_id: Option<&'a str>,
}

impl Peer<'_> {
    fn name(&self) -> String {
        self.id.map_or_else(|| format!("rank {}", self.rank), str::to_owned)
    }
}

/// Its state changed.
pub fn peer_changed(peer: Peer<'_>, from: PeerState, to: PeerState, reason: Option<&'static str>) {
    let (name, before, now) = (peer.name(), state(from), state(to));
    let id = match (to, reason) {
        (PeerState::Paired, _) => PAIRED.id.to_owned(),
        (PeerState::Lost, _) => PEER_LOST.id.to_owned(),
        (_, Some(code)) => reason_id(code),
        (_, None) => PEER_STATE.id.to_owned(),
    };
    let severity = match to {
        PeerState::Lost | PeerState::Refused => Severity::Warning,
        _ => Severity::Info,
    };
    let stage = match to {
        PeerState::Unknown => Stage::Discover,
        PeerState::Handshaking | PeerState::Refused => Stage::Handshake,
        PeerState::Paired | PeerState::Lost => Stage::Paired,
    };
    let why = reason.map(|code| format!(" ({code})")).unwrap_or_default();
    at!(
        severity,
        message_id = id,
        stage = stage.as_str(),
        reason,
        peer_id = peer.id,
        peer_rank = peer.rank,
        pair_id = peer.pair_id,
        pair_state = now,
        "peer {name}: {before} -> {now}{why}"
    );
}

/// A reason holds that is about this peer.
pub fn peer_reason(peer: Peer<'_>, reason: &Reason, evidence: &str) {
    told(peer, Stage::Paired, None, reason, evidence);
}

/// Its link is not as expected.
pub fn link_bad(peer: Peer<'_>, reason: &Reason, evidence: &str) {
    told(peer, Stage::Measure, Some(RAIL), reason, &format!("{}: {evidence}", peer.name()));
}

fn told(peer: Peer<'_>, stage: Stage, rail: Option<u16>, reason: &Reason, evidence: &str) {
    let (id, code) = (reason_id(reason.code), reason.code);
    at!(
        reason.severity,
        message_id = id,
        stage = stage.as_str(),
        reason = code,
        peer_id = peer.id,
        peer_rank = peer.rank,
        pair_id = peer.pair_id,
        rail,
        "{code}: {evidence}"
    );
}

/// See [`LINK_GOOD`].
pub fn link_good(peer: Peer<'_>, was: &Reason) {
    tracing::info!(
        message_id = LINK_GOOD.id,
        stage = Stage::Measure.as_str(),
        reason = was.code,
        peer_id = peer.id,
        peer_rank = peer.rank,
        pair_id = peer.pair_id,
        rail = RAIL,
        "{}: {} is over",
        peer.name(),
        was.code
    );
}

/// See [`TAG_UNUSABLE`].
pub fn tag_unusable(peer: Peer<'_>, tag: &str, why: &dyn std::fmt::Display) {
    tracing::warn!(
        message_id = TAG_UNUSABLE.id,
        stage = Stage::Discover.as_str(),
        peer_id = peer.id,
        peer_rank = peer.rank,
        pair_id = peer.pair_id,
        tag,
        "the tag {tag} of {} cannot be used: {why}",
        peer.name()
    );
}

fn state(state: PeerState) -> &'static str {
    match state {
        PeerState::Unknown => "unknown",
        PeerState::Handshaking => "handshaking",
        PeerState::Paired => "paired",
        PeerState::Lost => "lost",
        PeerState::Refused => "refused",
    }
}
