//! What a node tells MLflow: a client of its REST API, and the test of a tracking
//! server in eight steps. It speaks plain HTTP, to this node's loopback endpoint,
//! which signs, or to any server. See ARCHITECTURE.md.

// A test may stop at the first thing that is not as it says.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod call;
mod client;
mod endpoint;
mod error;
mod experiment;
pub mod selftest;
mod token;
mod wire;

pub use call::Call;
pub use client::Client;
pub use endpoint::{Endpoint, EndpointError};
pub use error::{CallError, Failure};
pub use token::Token;
