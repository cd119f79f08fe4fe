//! GPUs as the daemon sees them, by a scripted `libnvidia-ml.so.1` in the real
//! child process and a scripted `journalctl`.

#![allow(clippy::unwrap_used)]

mod daemon;
#[path = "../lone/mod.rs"]
mod lone;
mod monitor;
#[path = "../node/mod.rs"]
mod node;
#[path = "../../../gpu/tests/fake/mod.rs"]
mod nvml;
mod sandbox;
