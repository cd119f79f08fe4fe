//! The local region, see ARCHITECTURE.md.

pub mod backend;
