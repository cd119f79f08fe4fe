//! MLflow on SageMaker: ARNs of both kinds, the store that keeps one unspent
//! presigned URL at hand, and the endpoint that signs. See ARCHITECTURE.md.

// A test may stop at the first thing that is not as it says.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod arn;
mod clock;
pub mod endpoint;
mod keeper;
mod mint;
mod schedule;

pub use arn::{ArnError, NoEndpoint, TrackingResource};
pub use clock::Clock;
pub use keeper::{KeeperStatus, UrlKeeper};
pub use mint::{MintError, Minter, PresignedUrl};
