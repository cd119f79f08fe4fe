//! The GPUs of this node: a process of its own asks NVML, the kernel log tells
//! of Xids, and the monitor puts both on the board.

mod asker;
pub mod child;
mod expected;
mod faults;
mod kernel_log;
mod ledger;
mod monitor;
pub mod name;
pub mod protocol;
mod state;
mod workers;

pub use asker::Workers;
pub use expected::expected;
pub use kernel_log::{Following, Journalctl, KernelLog};
pub use monitor::{Monitor, Timings};
pub use state::{Seen, State};
pub use workers::workers;
