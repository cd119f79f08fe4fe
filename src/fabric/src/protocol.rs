//! What the daemon and its fabric worker say to each other: postcard frames
//! behind a little-endian `u32` length, over a socketpair.

use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::path::PathBuf;

/// Longest frame; a longer one is a fault and ends the worker.
pub const MAX_FRAME_BYTES: usize = 1 << 20;
/// Longest message the daemon may send over the fabric.
pub const MAX_MESSAGE_BYTES: usize = 4096;

/// Daemon to worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// Opens the endpoint; the first command, once.
    Open {
        /// Own rank, the sender in the header of pings and pongs.
        rank: u16,
        /// Provider asked for: `efa`, `tcp` or `shm`. No other is used.
        provider: String,
        /// Source address for providers that listen on IP.
        source: Option<IpAddr>,
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
    /// Measures round trips, one after the other, and reports once. The first
    /// is a warm-up and does not count; three losses in a row end it early.
    Probe {
        /// Peer's rank.
        peer: u32,
        /// Message size in bytes, 32 to [`MAX_MESSAGE_BYTES`].
        size_bytes: u32,
        /// Round trips to measure.
        count: u32,
    },
    /// Closes the endpoint and exits.
    Shutdown,
}

/// Worker to daemon.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// The endpoint is open.
    Opened {
        /// Provider libfabric really uses, e.g. `tcp;ofi_rxm`.
        provider_name: String,
        /// Domain, e.g. `rdmap0s6-rdm` or `eth0`.
        domain: String,
        /// Path of the library opened.
        library: String,
        /// Its version, e.g. `1.17`.
        library_version: String,
        /// `fi_getname`.
        address: Vec<u8>,
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
    /// Result of a [`Command::Probe`].
    ProbeDone {
        /// Peer's rank.
        peer: u32,
        /// Message size in bytes.
        size_bytes: u32,
        /// Round trips that came back.
        answered: u32,
        /// Round trips that did not, within a second each.
        lost: u32,
        /// Shortest round trip in nanoseconds.
        min_nanos: u64,
        /// Median.
        p50_nanos: u64,
        /// 99th percentile.
        p99_nanos: u64,
        /// Longest.
        max_nanos: u64,
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
}
