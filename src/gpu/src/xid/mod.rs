//! Faults that the driver writes to the kernel log: Xids of GPUs, `SXids` of
//! `NVSwitches`.
//!
//! They happen and do not last, so they are counted, each with the time of its
//! last one. A gauge of "the last Xid" would hide all but one of a burst.

pub mod catalogue;
mod counters;
mod judge;
mod line;

pub use counters::{Count, Counters};
pub use judge::{meaning, readings};
pub use line::{Told, parse};

use serde::{Deserialize, Serialize};
use std::fmt;

/// What kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// An Xid of a GPU.
    Xid(u32),
    /// An `SXid` of an `NVSwitch`.
    SXid(u32),
    /// The driver says that a GPU has fallen off the bus, without an Xid.
    OffBus,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Xid(number) => write!(f, "Xid {number}"),
            Self::SXid(number) => write!(f, "SXid {number}"),
            Self::OffBus => f.write_str("off the bus"),
        }
    }
}
