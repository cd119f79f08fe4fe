//! A safe RDM endpoint and the worker process that owns it, see ARCHITECTURE.md.

pub mod protocol;
