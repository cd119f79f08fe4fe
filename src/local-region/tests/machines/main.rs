//! Real machines and builds; as root with systemd-nspawn and mmdebstrap. Each
//! test says so when it is skipped for lack of them.

#![allow(clippy::unwrap_used)] // a test ends at the first surprise

mod agent;
mod build;
mod ground;
mod hardware;
mod life;
mod power;
mod region;
mod rules;
mod several;
mod toe;
mod traces;

use nixl_local_region::layout::Layout;
