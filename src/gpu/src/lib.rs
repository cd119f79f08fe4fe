//! GPUs of a node: what NVML says of them, what the kernel log says of them,
//! and what both mean. No clock of its own, no process, no network.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod snapshot;
pub mod xid;

pub use snapshot::{Gpu, Snapshot};
