//! What the engine knows, told to the board, the journal and the state tag.

use super::inquiry;
use super::send_error::SendError;
use super::skews::Skews;
use crate::board::{Board, Reading, Settle, name};
use crate::events::{self, Stage};
use crate::link::Monitor;
use crate::publisher::Publisher;
use crate::worker::{Death, Deaths};
use jiff::Timestamp;
use nixl_cluster::reason::{self, Reason};
use nixl_cluster::{Phase, StateRecord, tag};
use nixl_pairing::{PROTOCOL_VERSION, PeerState, PeerView};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// An error that does not come again for this long is over.
const FORGET: Duration = Duration::from_secs(60);
/// Readings whose errors a person must clear before pairing can succeed.
const BLOCKING: &[&str] = &[name::ENDPOINT, name::PEER];

pub(super) struct Reporter {
    board: Board,
    publisher: Publisher,
    link: Monitor,
    open: bool,
    was_paired: bool,
    all_paired: bool,
    skews: Skews,
    deaths: Deaths,
    not_opened: u64,
    last_death: Option<Instant>,
    last_fault: Option<Instant>,
    phase: Phase,
    since_secs: u64,
}

impl Reporter {
    pub fn new(board: Board, publisher: Publisher, link: Monitor) -> Self {
        board.set(name::WORKER, Reading::good(0));
        board.set(
            name::ENDPOINT,
            Reading::bad(&reason::INITIALIZING, "the endpoint is being opened"),
        );
        Self {
            board,
            publisher,
            link,
            open: false,
            was_paired: false,
            all_paired: false,
            skews: Skews::default(),
            deaths: Deaths::default(),
            not_opened: 0,
            last_death: None,
            last_fault: None,
            phase: Phase::Booting,
            since_secs: unix_secs(),
        }
    }

    /// The worker has given up its rights, but for what cannot be enforced here.
    pub fn confined(&self, missing: &[String]) {
        let told = if missing.is_empty() {
            "complete".to_owned()
        } else {
            format!("without {}", missing.join(", "))
        };
        events::confined(&told);
        self.board.set(name::SANDBOX, Reading::good(told));
    }

    /// The node has no rank and opens no endpoint.
    pub fn waits(&mut self, reason: &'static Reason, evidence: &str) {
        let reading = Reading::bad(reason, evidence);
        self.board.set_settled(name::RANK, vec![reading], Settle::AT_ONCE);
        self.board
            .describe(|node| (node.rank, node.role, node.peers_expected) = (None, None, None));
        self.board
            .set(name::ENDPOINT, Reading::bad(reason, "no endpoint is opened without a rank"));
        self.settle();
        self.publisher.want([(tag::STATE, self.state_record())]);
    }

    /// The node has this rank, which its launch does not say.
    pub fn ranked(&self, rank: u32) {
        self.board.set_settled(name::RANK, vec![Reading::good(rank)], Settle::AT_ONCE);
        self.board.set(
            name::ENDPOINT,
            Reading::bad(&reason::INITIALIZING, "the endpoint is being opened"),
        );
    }

    /// Another node holds the rank this one had.
    pub fn rank_lost(&mut self, rank: u32) {
        let evidence = format!("rank {rank} is held by another node");
        self.closed(Reading::bad(&reason::SURPLUS, evidence));
    }

    /// The endpoint is open; what it is published as goes out with the state,
    /// in one write.
    pub fn opened(
        &mut self,
        provider_name: &str,
        unused_efa: Option<String>,
        published: [(&'static str, String); 2],
    ) {
        self.publisher.hold(published);
        self.open = true;
        self.board.set(name::ENDPOINT, Reading::good(provider_name));
        let unused = unused_efa.map(|evidence| {
            events::reason(Stage::Open, &reason::FABRIC_EFA_UNUSED, &evidence);
            Reading::bad(&reason::FABRIC_EFA_UNUSED, evidence)
        });
        self.board.set_all(name::EFA, unused.into_iter().collect());
        self.board.describe(|node| node.provider = Some(provider_name.to_owned()));
        self.settle();
    }

    pub fn not_opened(&mut self, code: &str, message: &str) {
        let reason = reason::find(code).unwrap_or(&reason::FABRIC_ERROR);
        events::reason(Stage::Open, reason, message);
        self.not_opened += 1;
        let count = self.not_opened;
        let times = if count == 1 { "once".to_owned() } else { format!("{count} times") };
        let evidence = format!("{message}; opening has failed {times} since the daemon started");
        self.closed(Reading::bad(reason, evidence));
    }

    pub fn worker_died(&mut self, death: &Death) {
        self.deaths.add(death.kind);
        self.last_death = Some(Instant::now());
        let (reason, total) = (death.kind.reason(), self.deaths.total());
        let evidence =
            format!("{} since the daemon started, last: {}", self.deaths.told(), death.how);
        events::worker_died(Stage::of(self.phase), total, reason, &death.how);
        self.board.set(name::WORKER, Reading::bad(reason, evidence.as_str()).value(total));
        self.closed(Reading::bad(reason, evidence));
    }

    fn closed(&mut self, endpoint: Reading) {
        self.open = false;
        self.all_paired = false;
        self.board.set(name::ENDPOINT, endpoint);
        self.board.set_all(name::PEER, Vec::new());
        self.board.set_all(name::PEER_SKEW, Vec::new());
        for name in inquiry::name::ALL {
            self.board.set_all(name, Vec::new());
        }
        self.board
            .set(name::PEERS, Reading::bad(&reason::INITIALIZING, "no endpoint is open").value(0));
        self.link.closed();
        self.link.tell(&self.board);
        self.board.describe(|node| {
            node.provider = None;
            node.peers.clear();
        });
        self.settle();
    }

    pub fn fault(&mut self, code: &str, message: &str) {
        let reason = reason::find(code).unwrap_or(&reason::FABRIC_ERROR);
        self.last_fault = Some(Instant::now());
        events::reason(Stage::of(self.phase), reason, message);
        self.board.set(name::FAULTS, Reading::bad(reason, message).happened(Timestamp::now()));
        self.settle();
    }

    /// Every peer, told anew: called at each change and each second.
    pub fn peers(
        &mut self,
        peers: &[PeerView],
        all_paired: bool,
        now: Duration,
        send_errors: &BTreeMap<u32, SendError>,
    ) {
        self.all_paired = all_paired;
        self.was_paired |= all_paired;
        let readings: Vec<Reading> =
            peers.iter().map(|peer| reading(peer, now, send_errors.get(&peer.rank))).collect();
        let paired: Vec<&PeerView> =
            peers.iter().filter(|peer| peer.state == PeerState::Paired).collect();
        let count = format!("{} of {} peers are paired", paired.len(), peers.len());
        let worst = readings
            .iter()
            .filter_map(|reading| reading.reason.as_ref().map(|(reason, _)| *reason))
            .max_by_key(|reason| reason.severity);
        let total = if all_paired {
            Reading::good(paired.len())
        } else {
            Reading::bad(worst.unwrap_or(&reason::INITIALIZING), count).value(paired.len())
        };
        self.board.set(name::PEERS, total);
        self.board.set_all(name::PEER, readings);
        self.board.set_all(name::PEER_SKEW, self.skews.readings(peers, &self.board));
        self.link.tell(&self.board);
        self.board.describe(|node| node.peers = paired.iter().map(|peer| id(peer)).collect());
        self.forget();
        self.settle();
    }

    /// Takes back what has not come again.
    fn forget(&mut self) {
        let over = |at: &mut Option<Instant>| at.take_if(|at| at.elapsed() > FORGET).is_some();
        if over(&mut self.last_death) {
            self.board.set(name::WORKER, Reading::good(self.deaths.total()));
        }
        if over(&mut self.last_fault) {
            self.board.set_all(name::FAULTS, Vec::new());
        }
    }

    /// The phase of this moment, to the board and the tag.
    fn settle(&mut self) {
        let phase = self.phase_now();
        if phase != self.phase {
            events::phase(self.phase, phase);
            self.phase = phase;
            self.since_secs = unix_secs();
        }
        self.board.set_all_paired(self.all_paired);
        self.board.describe(|node| node.phase = phase.to_string());
        // Before the endpoint is open a tag would only repeat what its absence
        // says; a failure to open it is worth a write.
        if phase != Phase::Booting {
            self.publisher.want([(tag::STATE, self.state_record())]);
        }
    }

    fn phase_now(&self) -> Phase {
        if self.all_paired {
            Phase::Paired
        } else if self.was_paired {
            Phase::Degraded
        } else if self.board.has_error(BLOCKING) {
            Phase::Failed
        } else if self.open {
            Phase::Registered
        } else {
            Phase::Booting
        }
    }

    pub fn state_record(&self) -> String {
        let reason = self.board.worst_for_tag().map(|reason| reason.code.to_owned());
        StateRecord { phase: self.phase, reason, since_secs: self.since_secs }.to_string()
    }

    /// The daemon ends: nobody listens on the published endpoint any more.
    pub fn stopped(&mut self) {
        let reason = Some(reason::INITIALIZING.code.to_owned());
        let record = StateRecord { phase: Phase::Booting, reason, since_secs: unix_secs() };
        self.publisher.want([(tag::STATE, record.to_string())]);
    }
}

pub(super) fn id(peer: &PeerView) -> String {
    peer.instance_id.clone().unwrap_or_else(|| format!("rank {}", peer.rank))
}

fn reading(peer: &PeerView, now: Duration, send_error: Option<&SendError>) -> Reading {
    let (value, usual): (_, Option<&'static Reason>) = match peer.state {
        PeerState::Paired => ("paired", None),
        PeerState::Unknown => ("unknown", Some(&reason::PEER_UNKNOWN)),
        PeerState::Handshaking => ("handshaking", Some(&reason::INITIALIZING)),
        PeerState::Lost => ("lost", Some(&reason::PEER_LOST)),
        PeerState::Refused => ("refused", Some(&reason::PEER_REFUSED)),
    };
    let silent = matches!(peer.state, PeerState::Handshaking | PeerState::Lost);
    let cause = send_error.filter(|_| silent).and_then(SendError::cause);
    let told = cause.or(peer.reason.and_then(reason::find)).or(usual).filter(|_| usual.is_some());
    let reason = told.map(|reason| {
        let secs = now.saturating_sub(peer.since).as_secs();
        let mut evidence = format!("{} (rank {}) is {value} for {secs} s", id(peer), peer.rank);
        if let Some(heard) = peer.last_heard {
            let ago = now.saturating_sub(heard).as_secs_f64();
            evidence = format!("{evidence}, last heard {ago:.1} s ago");
        }
        if let Some(version) = peer.other_version {
            evidence = format!(
                "{evidence}; it speaks version {version} of the pairing protocol, this node {PROTOCOL_VERSION}"
            );
        }
        if let Some(mismatch) = peer.mismatch {
            evidence = format!("{evidence}; {mismatch}");
        }
        if let Some(error) = send_error {
            evidence = format!("{evidence}; last send error: {}", error.text);
        }
        (reason, evidence)
    });
    Reading { reason, ..Reading::good(value).about(id(peer)) }
}

fn unix_secs() -> u64 {
    u64::try_from(jiff::Timestamp::now().as_second()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use nixl_pairing::Mismatch;

    #[test]
    fn skewed_versions_are_both_told() {
        let peer = PeerView {
            rank: 1,
            instance_id: Some("i-2".to_owned()),
            state: PeerState::Refused,
            reason: Some(reason::VERSION_SKEW.code),
            since: Duration::from_secs(2),
            other_version: Some(PROTOCOL_VERSION + 8),
            ..PeerView::default()
        };
        // A peer that is refused does answer, whatever an earlier send met with.
        let error = SendError::new("fabric.security_group", "4126".to_owned());
        let (told, _) = reading(&peer, Duration::from_secs(5), Some(&error)).reason.unwrap();
        assert_eq!(told.code, "pair.version_skew");
        let (told, evidence) = reading(&peer, Duration::from_secs(5), None).reason.unwrap();
        assert_eq!(told.code, "pair.version_skew");
        let expected = format!(
            "i-2 (rank 1) is refused for 3 s; it speaks version {} of the pairing protocol, this node {PROTOCOL_VERSION}",
            PROTOCOL_VERSION + 8
        );
        assert_eq!(evidence, expected);
    }

    #[test]
    fn layouts_that_differ_are_both_told() {
        let peer = PeerView {
            rank: 1,
            instance_id: Some("i-2".to_owned()),
            state: PeerState::Refused,
            reason: Some(reason::ROLE_DIFFERS.code),
            mismatch: Some(Mismatch::Roles { own: Some(2), peer: None }),
            ..PeerView::default()
        };
        let (told, evidence) = reading(&peer, Duration::from_secs(5), None).reason.unwrap();
        assert_eq!(told.code, "pair.role_differs");
        let expected =
            "i-2 (rank 1) is refused for 5 s; its settings say no prefill, this node's prefill = 2";
        assert_eq!(evidence, expected);
    }
}
