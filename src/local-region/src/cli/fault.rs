//! `nixl-region fault …`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Subcommand;
use http::Method;
use serde_json::Value;

use super::client::ask;
use super::state;
use super::status::Output;
use crate::faults::arrival::DeadOnArrival;
use crate::faults::spec::Fault;
use crate::faults::{Active, Kind, file};
use crate::layout::Layout;

/// Where faults are set.
const FAULTS: &str = "/_region/faults";

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Sets a fault at calls, e.g. `ec2:RunInstances --nth 1 --drop after`.
    Add(Fault),
    /// Lets the next new instances die: pending, shutting-down, terminated, with a reason.
    DeadOnArrival(DeadOnArrival),
    /// Sets all faults of a file, or none if one is wrong.
    #[command(after_long_help = format!("Example:\n\n{}", file::EXAMPLE))]
    Load {
        /// TOML; `--help` shows an example with every key.
        file: PathBuf,
    },
    /// Shows the faults that are set, and how often each matched and fired.
    List {
        /// `table` or `json`.
        #[arg(long, default_value = "table")]
        output: Output,
    },
    /// Lets go the calls that faults hold.
    #[command(group(clap::ArgGroup::new("held").required(true)))]
    Release {
        /// Ids, as `list` shows them.
        #[arg(group = "held")]
        ids: Vec<String>,
        /// Of all faults.
        #[arg(long, group = "held")]
        all: bool,
    },
    /// Removes faults; what they hold goes on.
    #[command(group(clap::ArgGroup::new("which").required(true)))]
    Remove {
        /// Ids, as `list` shows them.
        #[arg(group = "which")]
        ids: Vec<String>,
        /// Removes all.
        #[arg(long, group = "which")]
        all: bool,
    },
}

pub(super) fn run(layout: &Layout, command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Add(fault) => add(layout, &[Kind::Fault(fault)]),
        Command::DeadOnArrival(arrival) => add(layout, &[Kind::DeadOnArrival(arrival)]),
        Command::Load { file } => add(layout, &read(&file)?),
        Command::List { output } => list(layout, output),
        Command::Release { ids, all: true } if ids.is_empty() => release_all(layout),
        Command::Release { ids, .. } => release(layout, &ids),
        Command::Remove { ids, all: true } if ids.is_empty() => clear(layout),
        Command::Remove { ids, .. } => remove(layout, &ids),
    }
}

fn read(path: &Path) -> anyhow::Result<Vec<Kind>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
    let kinds = file::parse(&text).with_context(|| path.display().to_string())?;
    if kinds.is_empty() {
        bail!("{} has no [[fault]] and no [[dead-on-arrival]]", path.display());
    }
    Ok(kinds)
}

fn add(layout: &Layout, kinds: &[Kind]) -> anyhow::Result<ExitCode> {
    for kind in kinds {
        kind.check().map_err(anyhow::Error::msg)?;
    }
    let body = serde_json::to_value(kinds)?;
    let credentials = state::credentials(layout)?;
    let ids: Vec<String> = ask(&credentials, Method::POST, FAULTS, Some(&body))?;
    println!("{}", ids.join("\n"));
    Ok(ExitCode::SUCCESS)
}

fn list(layout: &Layout, output: Output) -> anyhow::Result<ExitCode> {
    let active: Vec<Active> = ask(&state::credentials(layout)?, Method::GET, FAULTS, None)?;
    match output {
        Output::Json => println!("{}", serde_json::to_string_pretty(&active)?),
        Output::Table if active.is_empty() => println!("no faults"),
        Output::Table => {
            let mut table = comfy_table::Table::new();
            table.load_style(comfy_table::presets::NOTHING);
            table.set_header(["ID", "AT", "WHEN", "DOES", "MATCHED", "FIRED", "HOLDING"]);
            for one in active {
                let [at, when, does] = told(&one.kind);
                table.add_row([
                    one.id,
                    at,
                    when,
                    does,
                    one.matched.to_string(),
                    one.fired.to_string(),
                    one.holding.to_string(),
                ]);
            }
            println!("{table}");
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What it is meant for, when it fires, and what it does.
fn told(kind: &Kind) -> [String; 3] {
    match kind {
        Kind::Fault(fault) => {
            let whose = fault.caller.as_ref().map(|caller| format!(" of {caller}"));
            let when = match (fault.nth, fault.times) {
                (Some(nth), _) => format!("call {nth}"),
                (None, Some(times)) => format!("next {times}"),
                (None, None) => "always".to_owned(),
            };
            let delay = fault.delay.map(|delay| format!("{delay:#} later"));
            let hold = fault.hold.map(|when| when.name().to_owned());
            let effect = match (&fault.error, fault.effect().name()) {
                (Some(code), _) => Some(format!("error {code}")),
                (None, "delay") => None,
                (None, name) => Some(name.to_owned()),
            };
            let does: Vec<String> = hold.into_iter().chain(effect).chain(delay).collect();
            [fault.call.to_string() + &whose.unwrap_or_default(), when, does.join(", ")]
        }
        Kind::DeadOnArrival(arrival) => [
            format!("new {} in {}", arrival.instance_type, arrival.zone),
            format!("next {}", arrival.count),
            format!("dies: {}", arrival.reason),
        ],
    }
}

fn release(layout: &Layout, ids: &[String]) -> anyhow::Result<ExitCode> {
    let credentials = state::credentials(layout)?;
    for id in ids {
        let path = format!("{FAULTS}/{id}/release");
        let _: Value = ask(&credentials, Method::POST, &path, None)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn release_all(layout: &Layout) -> anyhow::Result<ExitCode> {
    let path = format!("{FAULTS}/release");
    let _: Value = ask(&state::credentials(layout)?, Method::POST, &path, None)?;
    Ok(ExitCode::SUCCESS)
}

fn remove(layout: &Layout, ids: &[String]) -> anyhow::Result<ExitCode> {
    let credentials = state::credentials(layout)?;
    for id in ids {
        let _: Value = ask(&credentials, Method::DELETE, &format!("{FAULTS}/{id}"), None)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn clear(layout: &Layout) -> anyhow::Result<ExitCode> {
    let _: Value = ask(&state::credentials(layout)?, Method::DELETE, FAULTS, None)?;
    Ok(ExitCode::SUCCESS)
}
