//! The link of a pair: measured in full when it is new, then continuously
//! within a budget, remembered, and held against what is expected of it.
//!
//! ```text
//! plan ─▶ schedule ─▶ worker ─▶ known ─▶ judge ─▶ /health
//!            ▲                    │
//!         traffic               store (history, histograms, own baseline)
//! ```

mod asked;
mod baseline;
#[cfg(test)]
pub(crate) mod fake;
mod figures;
mod histogram;
mod history;
mod judge;
mod known;
mod monitor;
mod plan;
mod schedule;
pub mod show;
mod store;
#[cfg(test)]
mod tests;
mod traffic;
mod words;

pub use asked::RunRefused;
pub use figures::{Counts, LinkFigures, PeerFigures};
pub use monitor::{Local, Measured, Monitor};
pub use store::Written;
