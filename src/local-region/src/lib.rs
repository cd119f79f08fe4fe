//! The local region, see ARCHITECTURE.md.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod agents;
pub mod api;
pub mod backend;
pub mod base_image;
pub mod build;
pub mod cli;
pub mod clock;
mod control;
mod debian;
mod directory;
mod elsewhere;
mod exchange;
mod export;
pub mod faults;
pub mod firewall;
mod forward;
pub mod imds;
pub mod layout;
mod lifecycle;
pub mod machine;
pub mod mlflow;
pub mod net;
pub mod notices;
pub mod pretend;
pub mod process;
mod recorder;
pub mod rules;
mod run_command;
mod s3;
mod schedules;
mod served;
pub mod server;
pub mod session;
pub mod settings;
pub mod sigv4;
pub mod state;
pub mod throttle;
mod typo;
pub mod windows;

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub use server::{Region, RegionConfig};
