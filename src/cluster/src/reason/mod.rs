//! The one table of reasons: health texts, `nixl-noded explain`, the journal
//! catalog and docs/reasons.md are made from it. One file a component.

mod check;
mod efa;
mod fabric;
mod gpu;
mod mlflow;
mod node;
mod pair;
mod system;

pub use check::*;
pub use efa::*;
pub use fabric::*;
pub use gpu::*;
pub use mlflow::*;
pub use node::*;
pub use pair::*;
pub use system::*;

use serde::{Deserialize, Serialize};

/// How bad a reason is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Passing state, not yet a fault.
    Info,
    /// Works, look at it.
    Warning,
    /// Does not work.
    Error,
}

/// What a person should do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Wait and look again.
    Watch,
    /// Change a setting.
    FixSetting,
    /// Reset the GPU: nvidia-smi --gpu-reset, with nothing running on it.
    ResetGpu,
    /// Restart the daemon or the node.
    Reboot,
    /// Get another instance.
    Replace,
}

/// One row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reason {
    /// Stable code; appears in tags, health, journal and metrics.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What it means, one sentence.
    pub meaning: &'static str,
    /// What to do.
    pub action: Action,
    /// How to do it, one sentence.
    pub advice: &'static str,
    /// Names of what a reading tells beside its words, for programs; a reading
    /// may leave some out.
    pub fields: &'static [&'static str],
    /// What makes it leave.
    pub until: &'static str,
}

/// Every part looks again and again, so most reasons leave so.
const UNTIL: &str = "By itself, as soon as it does not hold any more.";

/// `NAME "code" Severity Action [field ...] "meaning" "advice" => "until"`, the fields if there are
/// any, the last where it is not the usual.
macro_rules! reasons {
    ($($name:ident $code:literal $severity:ident $action:ident $([$($field:literal)*])? $meaning:literal $advice:literal $(=> $until:literal)?)*) => {
        $(#[doc = $meaning] pub const $name: $crate::reason::Reason = $crate::reason::Reason {
            code: $code,
            severity: $crate::reason::Severity::$severity,
            meaning: $meaning,
            action: $crate::reason::Action::$action,
            advice: $advice,
            fields: &[$($($field),*)?],
            until: [$($until,)? $crate::reason::UNTIL][0],
        };)*
        pub(super) const ROWS: &[$crate::reason::Reason] = &[$($name),*];
    };
}
use reasons;

const TABLE: &[&[Reason]] = &[
    node::ROWS,
    fabric::ROWS,
    pair::ROWS,
    gpu::ROWS,
    efa::ROWS,
    system::ROWS,
    mlflow::ROWS,
    check::ROWS,
];

/// Every reason, in the order of the table.
pub fn all() -> impl Iterator<Item = &'static Reason> {
    TABLE.iter().copied().flatten()
}

/// The reason with this code.
#[must_use]
pub fn find(code: &str) -> Option<&'static Reason> {
    all().find(|reason| reason.code == code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn codes_are_unique_and_fit_a_tag() {
        let mut seen = BTreeSet::new();
        for reason in all() {
            assert!(seen.insert(reason.code), "{} is there twice", reason.code);
            assert!(reason.code.len() <= 64 && !reason.code.contains(':'), "{}", reason.code);
        }
    }

    #[test]
    fn texts_are_sentences() {
        for reason in all() {
            for text in [reason.meaning, reason.advice, reason.until] {
                assert!(text.ends_with('.'), "{}: {text}", reason.code);
            }
        }
    }
}
