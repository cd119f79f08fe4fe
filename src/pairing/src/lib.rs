//! Pairing as a state machine without I/O, see ARCHITECTURE.md.
//!
//! Time is a [`Duration`] since any fixed point that only grows.

use nixl_cluster::{ClusterName, EndpointRecord, IdentityRecord};
use std::time::Duration;

/// This node.
#[derive(Clone)]
pub struct LocalNode {
    /// Cluster.
    pub cluster: ClusterName,
    /// Own instance id.
    pub instance_id: String,
    /// Own rank.
    pub rank: u32,
    /// Nodes in the cluster.
    pub size: u32,
    /// Own identity as published.
    pub identity: IdentityRecord,
    /// Secret half of the identity's key.
    pub secret_key: [u8; 32],
    /// Own endpoint as published.
    pub endpoint: EndpointRecord,
}

/// Another node, as its tags describe it now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Instance id.
    pub instance_id: String,
    /// Rank.
    pub rank: u32,
    /// Identity, once registered.
    pub identity: Option<IdentityRecord>,
    /// Endpoint, once registered.
    pub endpoint: Option<EndpointRecord>,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// Result of a look-up: every other member of the cluster.
    Members(Vec<Member>),
    /// A look-up failed.
    LookUpFailed,
    /// A message came in over the fabric.
    Received(Vec<u8>),
    /// A send to this rank failed.
    SendFailed(u32),
    /// The fabric worker was started anew: no address is inserted any more.
    FabricRestarted,
    /// The deadline passed.
    Tick,
}

/// Something to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Insert the peer's address.
    AddPeer {
        /// Rank.
        rank: u32,
        /// Address.
        address: Vec<u8>,
    },
    /// Remove the peer's address.
    RemovePeer {
        /// Rank.
        rank: u32,
    },
    /// Send a message.
    Send {
        /// Rank.
        rank: u32,
        /// Message, at most 4096 bytes.
        bytes: Vec<u8>,
    },
    /// Read the members' tags and answer with `Members` or `LookUpFailed`.
    LookUp,
    /// Let the worker answer and send probes with this token.
    ArmProbe {
        /// Rank.
        rank: u32,
        /// Token.
        token: [u8; 16],
    },
    /// A peer's state changed; log it.
    Changed {
        /// Rank.
        rank: u32,
        /// State before.
        from: PeerState,
        /// State now.
        to: PeerState,
        /// Reason code, when the new state is not good.
        reason: Option<&'static str>,
    },
}

/// State of one peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PeerState {
    /// No tags seen.
    Unknown,
    /// Tags seen, handshake not finished.
    Handshaking,
    /// Paired, heartbeats arrive.
    Paired,
    /// Was paired, heartbeats stopped.
    Lost,
    /// Handshake refused.
    Refused,
}

/// What is known of one peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerView {
    /// Rank.
    pub rank: u32,
    /// Instance id, once known.
    pub instance_id: Option<String>,
    /// State.
    pub state: PeerState,
    /// Reason code, when the state is not good.
    pub reason: Option<&'static str>,
    /// Since when the state holds.
    pub since: Duration,
    /// When it was last heard under seal.
    pub last_heard: Option<Duration>,
    /// Times it has been paired.
    pub pairings: u64,
}

/// The machine.
pub struct Pairing {
    _local: LocalNode,
}

impl Pairing {
    /// Starts with every peer unknown; the first `handle(Tick)` asks for a look-up.
    #[must_use]
    pub fn new(local: LocalNode, _now: Duration) -> Self {
        Self { _local: local }
    }

    /// Takes one input in; what to do about it comes out, in order.
    pub fn handle(&mut self, _now: Duration, _input: Input) -> Vec<Output> {
        Vec::new()
    }

    /// When `Tick` is due.
    #[must_use]
    pub fn deadline(&self) -> Duration {
        Duration::ZERO
    }

    /// Every peer, by rank.
    #[must_use]
    pub fn peers(&self) -> Vec<PeerView> {
        Vec::new()
    }

    /// Whether every peer is paired.
    #[must_use]
    pub fn all_paired(&self) -> bool {
        false
    }
}
