//! The node around the daemon: clock, disks, memory, and in later files what
//! AWS and its agents say.
//!
//! Each subject has a file with a thin reader (files below a root, the kernel,
//! the metadata service) and a pure judge, which makes readings of what was
//! read. [`System`] calls them, each at its own pace, and keeps what was read
//! as [`Facts`] for whoever shows it.

mod ask;
mod clock;
mod disk;
mod facts;
mod host;
mod memory;
pub mod name;
mod watch;

pub use facts::*;
pub use watch::System;
