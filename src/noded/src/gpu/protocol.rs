//! What the daemon and the process that asks NVML say to each other.

use nixl_gpu::Look;
use serde::{Deserialize, Serialize};

/// Daemon to worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// Looks at everything. Always answered by [`Event::Looked`], unless the
    /// driver does not return.
    Look,
}

/// Worker to daemon.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// It has given up its rights, but for what cannot be enforced here.
    Confined {
        /// In words; nothing when the sandbox is complete.
        missing: Vec<String>,
    },
    /// What there is to see.
    Looked(Look),
}
