//! What is looked at here, beside the daemon: it is sandboxed, and what a person's
//! shell can do is not what it can do.

mod bounded;
mod network;
mod python;

use super::item::{of_reading, skipped};
use nixl_cluster::Reading;
use nixl_cluster::check::{Item, Section};
use nixl_cluster::health::{HealthDocument, Status};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What to look at, and where.
pub(super) struct Plan<'a> {
    /// Below it are the files of the node.
    pub root: &'a Path,
    /// The interpreter of the settings.
    pub python: Option<PathBuf>,
    /// How long it may take.
    pub python_timeout: Duration,
    /// Sections asked for.
    pub wanted: &'a [Section],
}

/// What came of one look.
pub(super) enum Looked {
    /// It was looked at.
    Told(Reading),
    /// There was nothing to look at.
    Skipped(String),
}

impl Looked {
    fn item(self, name: &str) -> (Section, Item) {
        match self {
            Self::Told(reading) => of_reading(name, reading),
            Self::Skipped(why) => skipped(name, why),
        }
    }
}

/// Looks at everything at once, since each of them may make us wait.
pub(super) fn look(plan: &Plan<'_>, health: Option<&HealthDocument>) -> Vec<(Section, Item)> {
    let network = || {
        if !plan.wanted.contains(&Section::Network) {
            return Vec::new();
        }
        let ec2_answers = health.is_some_and(|health| passes(health, crate::board::name::LOOK_UP));
        network::look(plan.root, ec2_answers)
    };
    let python = || {
        let packages: Vec<&str> = [Section::Nixl, Section::Vllm]
            .iter()
            .filter(|section| plan.wanted.contains(section))
            .map(|section| section.as_str())
            .collect();
        if packages.is_empty() {
            return Vec::new();
        }
        let interpreter = python::Interpreter::find(plan.python.as_deref(), plan.root);
        python::readings(&interpreter, &packages, plan.python_timeout)
    };
    let looked = std::thread::scope(|scope| {
        let network = scope.spawn(network);
        let python = python();
        // A look that panics is a fault of ours; the others are still told.
        network.join().unwrap_or_default().into_iter().chain(python).collect::<Vec<_>>()
    });
    looked.into_iter().map(|(name, looked)| looked.item(name)).collect()
}

fn passes(health: &HealthDocument, name: &str) -> bool {
    let checks = health.checks.get(name);
    checks.is_some_and(|checks| checks.iter().all(|check| check.status == Status::Pass))
}
