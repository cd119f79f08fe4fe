//! The local region, see ARCHITECTURE.md.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod backend;
pub mod base_image;
pub mod build;
pub mod cli;
pub mod imds;
pub mod layout;
pub mod machine;
pub mod mlflow;
pub mod net;
pub mod process;
