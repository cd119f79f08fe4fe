//! Severities and actions as a person says them.

use nixl_cluster::reason::{Action, Severity};

/// How bad it is.
#[must_use]
pub fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "info",
        Severity::Warning => "warning",
        Severity::Error => "error",
    }
}

/// What to do.
#[must_use]
pub fn action(action: Action) -> &'static str {
    match action {
        Action::Watch => "watch it",
        Action::FixSetting => "fix a setting",
        Action::ResetGpu => "reset the GPU",
        Action::Reboot => "restart the daemon or the node",
        Action::Replace => "replace the instance",
    }
}
