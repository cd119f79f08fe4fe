//! What is looked at here, beside the daemon: it is sandboxed, and what a person's
//! shell can do is not what it can do.

mod bounded;
mod network;
mod python;

use super::item::{of_reading, skipped};
use crate::settings::SettingsError;
use nixl_cluster::check::{Item, Section};
use nixl_cluster::health::{HealthDocument, Status};
use nixl_cluster::settings::NodeSettings;
use nixl_cluster::{Provider, ProviderChoice, Reading, reason};
use std::path::Path;
use std::thread;
use std::time::Duration;

/// What to look at, and where.
pub(super) struct Plan<'a> {
    /// Below it are the files of the node.
    pub root: &'a Path,
    /// They may name the interpreter.
    pub settings: &'a Result<NodeSettings, SettingsError>,
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
        let named = plan.settings.as_ref().ok().and_then(|settings| settings.python.as_deref());
        let interpreter = python::Interpreter::find(named, plan.root);
        let mut looked = unread(plan.settings, &packages);
        let over_efa = is_over_efa(health, plan.settings);
        looked.extend(python::readings(&interpreter, &packages, over_efa, plan.python_timeout));
        looked
    };
    let looked = thread::scope(|scope| {
        let network = scope.spawn(network);
        let python = python();
        told(network.join()).into_iter().chain(python).collect::<Vec<_>>()
    });
    looked.into_iter().map(|(name, looked)| looked.item(name)).collect()
}

type Told = Vec<(&'static str, Looked)>;

/// A look that panics is a fault of ours, and told beside the others.
fn told(ended: thread::Result<Told>) -> Told {
    ended.unwrap_or_else(|_| {
        let evidence = "it panicked; the words above are of use to whoever mends it";
        vec![("network:look", Looked::Told(Reading::bad(&reason::CHECK_LOOK_FAILED, evidence)))]
    })
}

/// Without the settings another Python may be looked into than the one that is
/// meant, and what it lacks is no fault then.
fn unread(settings: &Result<NodeSettings, SettingsError>, packages: &[&str]) -> Told {
    let Err(error) = settings else { return Vec::new() };
    let reading = || Looked::Told(Reading::bad(&reason::CHECK_SETTINGS_UNREAD, error.to_string()));
    let name = |package: &&str| if *package == "nixl" { "nixl:settings" } else { "vllm:settings" };
    packages.iter().map(|package| (name(package), reading())).collect()
}

/// As the daemon has it open, else as the settings want it.
fn is_over_efa(
    health: Option<&HealthDocument>,
    settings: &Result<NodeSettings, SettingsError>,
) -> bool {
    match health.and_then(|health| health.node.provider.as_deref()) {
        Some(provider) => provider == Provider::Efa.as_str(),
        None => settings
            .as_ref()
            .is_ok_and(|settings| settings.provider == ProviderChoice::Only(Provider::Efa)),
    }
}

fn passes(health: &HealthDocument, name: &str) -> bool {
    let checks = health.checks.get(name);
    checks.is_some_and(|checks| checks.iter().all(|check| check.status == Status::Pass))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::board::Board;

    #[test]
    fn settings_that_do_not_load_are_told_with_each_package() {
        let folder = tempfile::tempdir().unwrap();
        let settings = crate::settings::load(&folder.path().join("node.toml"));
        let unread = unread(&settings, &["nixl", "vllm"]);
        let names: Vec<_> = unread.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["nixl:settings", "vllm:settings"]);
        let Looked::Told(reading) = &unread[0].1 else { panic!() };
        let (reason, evidence) = reading.reason.clone().unwrap();
        assert_eq!(reason.code, "check.settings_unread");
        assert!(evidence.ends_with("node.toml does not exist"), "{evidence}");
    }

    #[test]
    fn the_provider_is_the_daemons_or_else_the_settings() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("node.toml");
        let settings = |provider: &str| {
            let text = format!("cluster = \"nixl\"\nsize = 2\nprovider = \"{provider}\"\n");
            std::fs::write(&path, text).unwrap();
            crate::settings::load(&path)
        };
        assert!(is_over_efa(None, &settings("efa")) && !is_over_efa(None, &settings("auto")));
        let board = Board::default();
        board.describe(|node| node.provider = Some("efa".to_owned()));
        assert!(is_over_efa(Some(&board.document()), &settings("auto")));
        board.describe(|node| node.provider = Some("tcp".to_owned()));
        assert!(!is_over_efa(Some(&board.document()), &settings("efa")));
    }

    #[test]
    fn a_look_that_panics_is_told() {
        let ended = thread::spawn(|| -> Told { panic!("a fault made for this test") }).join();
        let told = told(ended);
        let [("network:look", Looked::Told(reading))] = &told[..] else { panic!() };
        assert_eq!(reading.code(), Some("check.look_failed"));
    }
}
