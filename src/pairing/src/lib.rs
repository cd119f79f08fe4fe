//! Pairing as a state machine without I/O, see ARCHITECTURE.md.
//!
//! Tags give every node its peers' keys and fabric addresses; a Noise
//! handshake over the fabric proves that who answers there is who was allowed
//! to write those tags; heartbeats under its keys show that the peer lives. Where roles differ, peers
//! are the nodes of the other role.
//! The driver feeds [`Input`]s and does what the [`Output`]s say.
//!
//! Time is a [`Duration`](std::time::Duration) since any fixed point that only grows.

// A test may stop at the first thing that is not as it says.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod introduction;
mod lifecycle;
mod look_up;
mod machine;
mod message;
mod mismatch;
mod noise;
mod peer;
mod question;
mod replay;
pub mod timing;
mod types;

pub use introduction::Skew;
pub use lifecycle::{TRANSITIONS, Transition};
pub use machine::Pairing;
pub use message::{MAX_MESSAGE_BYTES, PROTOCOL_VERSION};
pub use mismatch::Mismatch;
pub use question::{MAX_ANSWER_BYTES, Question, Unanswered};
pub use types::{Input, LocalNode, Member, Output, PeerState, PeerView};
