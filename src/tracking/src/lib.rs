//! What a node tells MLflow: a client of its REST API, a spool on disk for runs that
//! wait until the server takes them, and the test of a server in eight steps. It speaks plain HTTP, to this node's loopback endpoint,
//! which signs, or to any server. See ARCHITECTURE.md.

// A test may stop at the first thing that is not as it says.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod batch;
mod call;
mod client;
mod delivery;
mod endpoint;
mod error;
mod experiment;
mod record;
pub mod selftest;
pub mod spool;
mod token;
mod upload;
mod wire;

pub use call::Call;
pub use client::Client;
pub use delivery::{Delivery, Failing, Pace, Status};
pub use endpoint::{Endpoint, EndpointError};
pub use error::{CallError, Failure};
pub use experiment::KEY_TAG;
pub use record::Record;
pub use token::Token;
pub use upload::UploadError;
