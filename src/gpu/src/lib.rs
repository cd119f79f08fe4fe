//! GPUs of a node: what NVML says of them, what the kernel log says of them,
//! and what both mean. No clock of its own, no process, no network.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod judge;
pub mod kernel_log;
pub mod look;
pub mod name;
pub mod nvml;
pub mod pci;
pub mod snapshot;
pub mod xid;

pub use look::Look;
pub use nvml::Driver;
pub use snapshot::{Gpu, Snapshot};
