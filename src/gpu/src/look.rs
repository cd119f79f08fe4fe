//! What comes of asking NVML.

use crate::Snapshot;
use serde::{Deserialize, Serialize};

/// One answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Look {
    /// The driver answers.
    Seen(Snapshot),
    /// It does not.
    Absent(Absent),
}

/// Why there is nothing to see.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{error}")]
pub struct Absent {
    /// What is not there.
    pub what: Missing,
    /// In the words of the loader or of NVML.
    pub error: String,
}

/// What is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Missing {
    /// The library cannot be opened: no driver is installed.
    Library,
    /// The driver is not loaded into the kernel.
    Driver,
    /// The library and the loaded driver are of different versions.
    Match,
    /// The devices may not be opened.
    Permission,
    /// An answer, for another reason.
    Answer,
}
