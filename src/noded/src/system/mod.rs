//! The node around the daemon: clock, disks, memory, cloud-init, and what AWS
//! and its agents say.
//!
//! Each subject has a file with a thin reader (files below a root, the kernel,
//! a program, the metadata service) and a pure judge, which makes readings of
//! what was read. [`System`] calls them, each at its own pace, and keeps what
//! was read as [`Facts`] for whoever shows it.

mod ask;
mod clock;
mod cloud_init;
mod credentials;
mod disk;
mod facts;
mod filler;
mod host;
mod imds;
mod late;
mod lifetime;
mod memory;
pub mod name;
mod notices;
mod power_off;
mod ssm_agent;
mod time;
mod watch;

pub use ask::ask;
pub use facts::*;
pub use power_off::Ending;
pub use time::left;
pub use watch::{Folders, Pace, System};
