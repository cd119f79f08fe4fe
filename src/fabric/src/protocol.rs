//! What the daemon and its fabric worker say to each other: postcard frames
//! behind a little-endian `u32` length, over a socketpair.

use nixl_cluster::link::{Bandwidth, Latency, Mode, Rail};
use nixl_cluster::{Provider, ProviderChoice};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::path::PathBuf;

/// Longest frame; a longer one is a fault and ends the worker.
pub const MAX_FRAME_BYTES: usize = 1 << 20;
/// Longest message the daemon may send over the fabric.
pub const MAX_MESSAGE_BYTES: usize = 4096;
/// Largest round trip that can be measured, each way.
pub const MAX_LATENCY_BYTES: u32 = 64 << 10;
/// Largest operation of a transfer that can be measured.
pub const MAX_TRANSFER_BYTES: u32 = 64 << 20;

/// Daemon to worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// Opens the endpoint; the first command, once.
    Open {
        /// Own rank, the sender of what workers say to each other.
        rank: u16,
        /// Provider asked for. No other is used, unless it is open which.
        provider: ProviderChoice,
        /// Addresses to listen on for `tcp`, a rail each.
        sources: Vec<IpAddr>,
        /// `libfabric.so.1` to use instead of the search order.
        library: Option<PathBuf>,
    },
    /// Inserts a peer's address; replaces the one it had.
    AddPeer {
        /// Peer's rank.
        peer: u32,
        /// `fi_getname` of its endpoint.
        address: Vec<u8>,
    },
    /// Removes a peer's address; sends under way to it are dropped.
    RemovePeer {
        /// Peer's rank.
        peer: u32,
    },
    /// Sends one message, at most [`MAX_MESSAGE_BYTES`].
    Send {
        /// Peer's rank.
        peer: u32,
        /// The message.
        bytes: Vec<u8>,
    },
    /// Answers (and may send) probes of this peer that carry this token.
    ArmProbe {
        /// Peer's rank.
        peer: u32,
        /// Token agreed with the peer under seal.
        token: [u8; 16],
    },
    /// Inserts the addresses of a peer's further rails, 1 and up; the peer has
    /// been added with that of rail 0.
    AddRails {
        /// Peer's rank.
        peer: u32,
        /// `fi_getname` of each, in order.
        addresses: Vec<Vec<u8>>,
    },
    /// Measures together with a peer that is armed. Always answered by
    /// [`Event::Measured`] with this id.
    Measure {
        /// Chosen by the daemon, to know the answer by.
        id: u32,
        /// Peer's rank.
        peer: u32,
        /// What to measure.
        what: Measurement,
    },
    /// Ends the measurement of this id, if it is still under way.
    Cancel {
        /// Its id.
        id: u32,
    },
    /// Closes the endpoint and exits.
    Shutdown,
}

/// What two workers measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Measurement {
    /// Round trips, one after the other. The first is a warm-up and does not
    /// count; three losses in a row end it early.
    Latency {
        /// Rail of this node; it speaks to the same one of the peer.
        rail: u16,
        /// How the bytes go.
        mode: Mode,
        /// Bytes each way, 8 to [`MAX_LATENCY_BYTES`].
        size_bytes: u32,
        /// Round trips.
        count: u32,
    },
    /// A transfer to the peer with several operations under way.
    Bandwidth {
        /// Rail of this node; `None` is all at once.
        rail: Option<u16>,
        /// How the bytes go.
        mode: Mode,
        /// Bytes of one operation, at most [`MAX_TRANSFER_BYTES`].
        size_bytes: u32,
        /// No operation starts after so many bytes; the first always does.
        max_bytes: u64,
        /// No operation starts after so many milliseconds.
        max_millis: u32,
    },
}

/// What came of a measurement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// Round trips were measured; every one that came back, in nanoseconds,
    /// sorted, at most 10,000 of them.
    Latency {
        /// The summary.
        summary: Latency,
        /// The samples.
        samples_nanos: Vec<u64>,
    },
    /// A transfer was measured.
    Bandwidth(Bandwidth),
    /// One of both workers measures something else; ask again later.
    Busy,
    /// It could not be measured.
    Failed {
        /// Reason code of `nixl_cluster::reason`.
        code: String,
        /// What failed.
        message: String,
    },
}

/// Worker to daemon.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// The endpoint is open.
    Opened {
        /// Provider in use.
        provider: Provider,
        /// Every rail with its `fi_getname`; the first carries the pairing.
        rails: Vec<(Rail, Vec<u8>)>,
        /// Path of the library opened.
        library: String,
        /// Its version, e.g. `1.17`.
        library_version: String,
    },
    /// The endpoint could not be opened; the worker exits.
    OpenFailed {
        /// Reason code of `nixl_cluster::reason`.
        code: String,
        /// What failed, with libfabric's error.
        message: String,
    },
    /// A message came in.
    Received {
        /// The message.
        bytes: Vec<u8>,
    },
    /// A send could not be completed.
    SendFailed {
        /// Peer's rank.
        peer: u32,
        /// Reason code of `nixl_cluster::reason`.
        code: String,
        /// libfabric error, positive.
        errno: i32,
        /// Provider's own error, 0 if none.
        prov_errno: i32,
        /// Text.
        message: String,
    },
    /// Result of a [`Command::Measure`].
    Measured {
        /// Id of the command.
        id: u32,
        /// Peer's rank.
        peer: u32,
        /// What came of it.
        outcome: Outcome,
    },
    /// An error not tied to an operation, e.g. from the event queue.
    Fault {
        /// Reason code of `nixl_cluster::reason`.
        code: String,
        /// libfabric error, positive.
        errno: i32,
        /// Provider's own error, 0 if none.
        prov_errno: i32,
        /// Text.
        message: String,
    },
    /// The worker's loop runs; sent every second so a hang is seen.
    Alive,
    /// The worker has given up its rights; the first event.
    Confined {
        /// What could not be enforced here, in words; empty when all is.
        missing: Vec<String>,
    },
}
