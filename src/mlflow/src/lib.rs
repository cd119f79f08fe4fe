//! MLflow on SageMaker: ARNs of both kinds, and the store that keeps one
//! unspent presigned URL at hand. See ARCHITECTURE.md.

mod arn;
mod clock;
mod keeper;
mod mint;
mod schedule;

pub use arn::{ArnError, TrackingResource};
pub use clock::Clock;
pub use keeper::{KeeperStatus, UrlKeeper};
pub use mint::{MintError, Minter, PresignedUrl};
