//! vLLM and NIXL in the Python that should run them.
//!
//! One interpreter imports both, for torch takes seconds to import. What they
//! print themselves is left alone; ours are the lines that begin as in
//! `imports.py`.

use super::Looked;
use super::bounded::{self, Run};
use nixl_cluster::Reading;
use nixl_cluster::reason::{self, Reason};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const IMPORTS: &str = include_str!("imports.py");
const PREFIX: &str = "nixl-check ";
/// Where an image has them.
const IMAGE_PYTHON: &str = "opt/nixl/venv/bin/python3";
/// The plugins that move data between nodes (NIXL, src/plugins).
const PLUGINS: [&str; 2] = [FOR_EFA, "UCX"];
const FOR_EFA: &str = "LIBFABRIC";

/// A Python, and whether it is there for vLLM and NIXL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Interpreter {
    pub path: PathBuf,
    /// Named in the settings, or the image's own: what it lacks is a fault.
    pub meant: bool,
}

impl Interpreter {
    pub fn find(named: Option<&Path>, root: &Path) -> Self {
        let image = root.join(IMAGE_PYTHON);
        match named {
            Some(path) => Self { path: path.to_owned(), meant: true },
            None if image.exists() => Self { path: image, meant: true },
            None => Self { path: PathBuf::from("python3"), meant: false },
        }
    }
}

/// A line of ours.
#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Step {
    what: String,
    state: State,
    #[serde(default)]
    version: Option<String>,
    #[serde(default)]
    why: Option<String>,
    #[serde(default)]
    plugins: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Found,
    Missing,
    Imported,
    Failed,
}

/// Imports these packages, `nixl` or `vllm`, and tells how that went; NIXL is to
/// move data `over_efa`, or over another provider.
pub(super) fn readings(
    interpreter: &Interpreter,
    packages: &[&str],
    over_efa: bool,
    within: Duration,
) -> Vec<(&'static str, Looked)> {
    let mut command = Command::new(&interpreter.path);
    // Isolated: neither the folder we are in nor a person's own packages.
    command.args(["-I", "-c", IMPORTS]).args(packages);
    // It asks nobody outside, and its own log is not wanted.
    command.env("VLLM_NO_USAGE_STATS", "1").env("VLLM_LOGGING_LEVEL", "ERROR");
    let run = bounded::run(command, within);
    let mut readings = Vec::new();
    for package in packages {
        let (name, words) = match *package {
            "nixl" => ("nixl:import", &NIXL),
            _ => ("vllm:import", &VLLM),
        };
        let looked = match &run {
            Ok(run) => imported(interpreter, package, words, run, within),
            Err(error) => not_started(interpreter, words, error),
        };
        let good = matches!(&looked, Looked::Told(reading) if reading.reason.is_none());
        readings.push((name, looked));
        if let (Ok(run), true, "nixl") = (&run, good, *package) {
            readings.push(("nixl:plugins", plugins(run, over_efa, within)));
        }
    }
    readings
}

/// How a package is told.
struct Words {
    name: &'static str,
    missing: &'static Reason,
    broken: &'static Reason,
}

const NIXL: Words = Words {
    name: "NIXL",
    missing: &reason::CHECK_NIXL_MISSING,
    broken: &reason::CHECK_NIXL_BROKEN,
};
const VLLM: Words = Words {
    name: "vLLM",
    missing: &reason::CHECK_VLLM_MISSING,
    broken: &reason::CHECK_VLLM_BROKEN,
};

fn not_started(interpreter: &Interpreter, words: &Words, error: &std::io::Error) -> Looked {
    let Interpreter { path, meant } = interpreter;
    let evidence = format!("{}: {error}", path.display());
    match (meant, error.kind()) {
        (true, std::io::ErrorKind::NotFound) => {
            Looked::Told(Reading::bad(&reason::CHECK_PYTHON_MISSING, evidence))
        }
        (false, std::io::ErrorKind::NotFound) => {
            Looked::Skipped(lacking(words, "this node has no Python"))
        }
        _ => Looked::Told(Reading::bad(&reason::CHECK_PYTHON_BROKEN, evidence)),
    }
}

/// Nothing says that it should be there.
fn lacking(words: &Words, why: &str) -> String {
    format!("{why}; this image brings no {}: {}", words.name, words.missing.advice)
}

fn imported(
    interpreter: &Interpreter,
    package: &str,
    words: &Words,
    run: &Run,
    within: Duration,
) -> Looked {
    let python = interpreter.path.display();
    let steps = steps(run);
    let Some(started) = steps.iter().find(|step| step.what == "python") else {
        let evidence = format!("{python} {}", ending(run, within));
        return Looked::Told(Reading::bad(&reason::CHECK_PYTHON_BROKEN, evidence));
    };
    let of = format!("{python} ({})", started.version.as_deref().unwrap_or("of unknown version"));
    let last = steps.iter().rev().find(|step| step.what == package);
    let broken = |why: &str| Looked::Told(Reading::bad(words.broken, format!("in {of}: {why}")));
    match last {
        Some(Step { state: State::Imported, version, .. }) => {
            let version = version.as_deref().unwrap_or("of unknown version");
            Looked::Told(Reading::good(format!("{version} in {of}")))
        }
        Some(Step { state: State::Missing, .. }) if interpreter.meant => {
            Looked::Told(Reading::bad(words.missing, format!("not installed in {of}")))
        }
        Some(Step { state: State::Missing, .. }) => {
            Looked::Skipped(lacking(words, &format!("not installed in {of}")))
        }
        Some(Step { state: State::Failed, why, .. }) => {
            broken(why.as_deref().unwrap_or("no reason told"))
        }
        Some(Step { state: State::Found, .. }) => {
            broken(&format!("while importing it, Python {}", ending(run, within)))
        }
        None => broken(&format!("before importing it, Python {}", ending(run, within))),
    }
}

fn plugins(run: &Run, over_efa: bool, within: Duration) -> Looked {
    let bad = |why: String| {
        Looked::Told(Reading::bad(
            &reason::CHECK_NIXL_BROKEN,
            format!("NIXL imports, and its agent does not start: {why}"),
        ))
    };
    let steps = steps(run);
    match steps.iter().find(|step| step.what == "plugins") {
        Some(Step { state: State::Imported, plugins, .. }) => {
            let missing: Vec<&str> = PLUGINS
                .into_iter()
                .filter(|wanted| !plugins.iter().any(|plugin| plugin == wanted))
                .collect();
            let there = plugins.join(", ");
            let reading = if missing.is_empty() {
                Reading::default()
            } else {
                let found = if there.is_empty() { "none" } else { &there };
                let evidence = format!("{} is missing; NIXL finds {found}", missing.join(" and "));
                let reason = match over_efa && missing.contains(&FOR_EFA) {
                    true => &reason::CHECK_NIXL_LIBFABRIC_MISSING,
                    false => &reason::CHECK_NIXL_PLUGIN_MISSING,
                };
                Reading::bad(reason, evidence)
                    .field("missing", missing)
                    .field("present", plugins.clone())
            };
            Looked::Told(reading.value(there))
        }
        Some(step) => bad(step.why.clone().unwrap_or_default()),
        None => bad(format!("Python {}", ending(run, within))),
    }
}

fn steps(run: &Run) -> Vec<Step> {
    let ours = run.lines.iter().filter_map(|line| line.strip_prefix(PREFIX));
    ours.filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// How it ended, as the end of a sentence.
fn ending(run: &Run, within: Duration) -> String {
    let how = match run.status {
        None => format!("took longer than {} s", within.as_secs_f64()),
        Some(status) if status.success() => "ended without a word of ours".to_owned(),
        Some(status) => format!("ended with {status}"),
    };
    match &run.last_words {
        Some(words) => format!("{how}; last words: {words}"),
        None => how,
    }
}

#[cfg(test)]
mod tests;
