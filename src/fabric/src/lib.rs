//! A safe libfabric endpoint for reliable datagrams, and the worker process
//! that owns it.
//!
//! libfabric may abort or hang, so it lives in a child of the daemon
//! ([`worker::run`]) that speaks frames ([`codec`], [`protocol`]) over a
//! socketpair. In the child one thread owns endpoint, address vector and
//! queues; nothing else touches libfabric.

pub mod codec;
pub mod endpoint;
mod errno;
mod error;
pub mod protocol;
mod provider;
mod provider_error;
mod wire;
pub mod worker;

pub use error::FabricError;
pub use provider::accepts;
pub use wire::PROTOCOL_VERSION;
