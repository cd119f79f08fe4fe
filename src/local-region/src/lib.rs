//! The local region, see ARCHITECTURE.md.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod api;
pub mod backend;
mod control;
mod debian;
mod directory;
mod lifecycle;
mod s3;
pub mod server;
pub mod sigv4;
pub mod state;

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub use server::{Region, RegionConfig};
