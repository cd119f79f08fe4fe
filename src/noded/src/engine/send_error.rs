//! Why sends to a peer fail.

use nixl_cluster::reason::{self, Action, Reason};

/// Why the last send to a peer failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SendError {
    reason: &'static Reason,
    pub text: String,
}

impl SendError {
    /// With the worker's reason code.
    pub fn new(code: &str, text: String) -> Self {
        Self { reason: reason::find(code).unwrap_or(&reason::FABRIC_ERROR), text }
    }

    /// A cause that a setting can mend; it says more than the peer's silence.
    pub fn cause(&self) -> Option<&'static Reason> {
        (self.reason.action == Action::FixSetting).then_some(self.reason)
    }
}
