//! What goes into the machine, what comes out of it and what can be seen of it.

use crate::{Mismatch, Question, Skew, Unanswered};
use nixl_cluster::{ClusterName, EndpointRecord, IdentityRecord, Layout};
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
    /// Release of the daemon, printable ASCII; peers are told it.
    pub release: String,
    /// `fi_getname` of the rails beside rail 0, which is the endpoint, in
    /// order; peers are told the first 48, each of at most 64 bytes.
    pub rails: Vec<Vec<u8>>,
}

impl LocalNode {
    /// Who is paired with whom.
    #[must_use]
    pub fn layout(&self) -> Layout {
        Layout { size: self.size, prefill: self.identity.prefill }
    }
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
    /// Ask this rank; `Answered` comes once, for every question.
    Ask {
        /// Rank.
        rank: u32,
        /// What.
        what: Question,
    },
    /// The answer to `Asked`; one that is longer than
    /// [`MAX_ANSWER_BYTES`](crate::MAX_ANSWER_BYTES) is not sent.
    Answer {
        /// Rank that asked.
        rank: u32,
        /// Number of its question.
        id: u64,
        /// What to say.
        bytes: Vec<u8>,
    },
    /// The deadline passed.
    Tick,
}

/// Something to do.
#[derive(Clone, PartialEq, Eq)]
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
        /// Token; a secret of the pair, `Debug` does not show it.
        token: [u8; 16],
    },
    /// Insert the addresses of the peer's rails 1 and up, if it has any; at most
    /// once after each `AddPeer`.
    AddRails {
        /// Rank.
        rank: u32,
        /// Addresses, in order.
        addresses: Vec<Vec<u8>>,
    },
    /// A paired peer asks; answer with `Answer`.
    Asked {
        /// Rank that asks.
        rank: u32,
        /// Number of the question.
        id: u64,
        /// What it asks.
        what: Question,
    },
    /// The end of an `Ask`.
    Answered {
        /// Rank that was asked.
        rank: u32,
        /// What it was asked.
        what: Question,
        /// What it said, at most [`MAX_ANSWER_BYTES`](crate::MAX_ANSWER_BYTES);
        /// authentic, and yet no more trustworthy than the peer.
        answer: Result<Vec<u8>, Unanswered>,
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

impl std::fmt::Debug for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::AddPeer { rank, address } => {
                f.debug_struct("AddPeer").field("rank", rank).field("address", address).finish()
            }
            Self::RemovePeer { rank } => f.debug_struct("RemovePeer").field("rank", rank).finish(),
            Self::Send { rank, bytes } => {
                f.debug_struct("Send").field("rank", rank).field("len", &bytes.len()).finish()
            }
            Self::LookUp => f.write_str("LookUp"),
            Self::ArmProbe { rank, .. } => {
                f.debug_struct("ArmProbe").field("rank", rank).finish_non_exhaustive()
            }
            Self::AddRails { rank, addresses } => f
                .debug_struct("AddRails")
                .field("rank", rank)
                .field("addresses", addresses)
                .finish(),
            Self::Asked { rank, id, what } => f
                .debug_struct("Asked")
                .field("rank", rank)
                .field("id", id)
                .field("what", what)
                .finish(),
            Self::Answered { rank, what, answer } => f
                .debug_struct("Answered")
                .field("rank", rank)
                .field("what", what)
                .field("answer", &answer.as_ref().map(Vec::len))
                .finish(),
            Self::Changed { rank, from, to, reason } => f
                .debug_struct("Changed")
                .field("rank", rank)
                .field("from", from)
                .field("to", to)
                .field("reason", reason)
                .finish(),
        }
    }
}

/// State of one peer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum PeerState {
    /// No tags seen.
    #[default]
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
#[derive(Debug, Clone, Default, PartialEq, Eq)]
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
    /// Version of the protocol in its messages, where that is not
    /// [`PROTOCOL_VERSION`](crate::PROTOCOL_VERSION).
    pub other_version: Option<u8>,
    /// What in its tags keeps it from being paired.
    pub mismatch: Option<Mismatch>,
    /// What it has otherwise than this node, while it is paired.
    pub skews: Vec<Skew>,
}
