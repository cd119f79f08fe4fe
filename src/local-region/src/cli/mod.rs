//! The command line.

mod calls;
mod client;
mod down;
mod env;
mod exec;
mod export;
mod fault;
mod half;
mod link;
mod link_routes;
mod logs;
mod machine;
mod machine_routes;
mod notice;
pub mod port_owner;
pub mod prerequisites;
mod pretend_routes;
mod rules;
mod serve;
mod set;
mod state;
mod status;
mod up;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};
use serde::{Deserialize, Serialize};

use crate::layout::{DEFAULT_CACHE_DIR, DEFAULT_STATE_DIR, Layout};
use crate::machine::Hardware;

/// A pretend AWS region on this computer, with real machines.
#[derive(Debug, Parser)]
#[command(name = "nixl-region", version, about)]
pub struct Cli {
    #[command(flatten)]
    place: Place,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Args)]
struct Place {
    /// Folder of the region's state; `down` removes it.
    #[arg(long, global = true, env = "NIXL_REGION_STATE_DIR", default_value = DEFAULT_STATE_DIR)]
    state_dir: PathBuf,
    /// Folder of the base image; it stays.
    #[arg(long, global = true, env = "NIXL_REGION_CACHE_DIR", default_value = DEFAULT_CACHE_DIR)]
    cache_dir: PathBuf,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Starts the region, unless it is up.
    Up(Settings),
    /// Shows endpoint and machines.
    Status {
        /// `table` or `json`.
        #[arg(long, default_value = "table")]
        output: status::Output,
    },
    /// Prints what makes AWS tools use the region: `eval "$(nixl-region env)"`.
    Env,
    /// Runs a command in a machine.
    Exec {
        /// Name tag or instance id.
        machine: String,
        /// Command and its arguments, after `--`.
        #[arg(last = true, required = true)]
        argv: Vec<String>,
    },
    /// Opens a shell in a machine.
    Shell {
        /// Name tag or instance id.
        machine: String,
    },
    /// Prints the region's log, or a machine's console.
    Logs {
        /// Name tag or instance id.
        machine: Option<String>,
        /// Goes on printing.
        #[arg(short, long)]
        follow: bool,
    },
    #[command(flatten)]
    Machine(machine::Command),
    #[command(flatten)]
    Link(link::Command),
    /// Makes calls fail, come late or lose their answer, and instances die on arrival.
    #[command(subcommand)]
    Fault(fault::Command),
    /// Announces to an instance what EC2 would: an interruption, a rebalance, a scheduled event.
    Notice {
        /// Name tag or instance id.
        machine: String,
        #[command(subcommand)]
        notice: crate::notices::Notice,
    },
    /// Sets windows of eventual consistency, capacity, clock, rules and throttling.
    #[command(subcommand)]
    Set(crate::settings::Setting),
    /// Shows what can be set, as it is.
    Get {
        /// `table` or `json`.
        #[arg(long, default_value = "table")]
        output: status::Output,
    },
    /// Shows the calls: who, what, outcome, latency, and which waited for which.
    Calls(calls::Options),
    /// Stops the region and removes all it made; also after it was killed.
    Down {
        /// Removes the cached base image too.
        #[arg(long)]
        purge: bool,
    },
    /// Lists what the region does as AWS does, and what it does not.
    Rules {
        /// `table` or `json`.
        #[arg(long, default_value = "table")]
        output: status::Output,
    },
    /// Makes the base image unless it is in the cache; prints its folder.
    BaseImage,
    /// Writes an image as files: its root filesystem, or a disk that starts by itself.
    Export(export::Options),
    /// The region itself; `up` starts it.
    #[command(hide = true)]
    Serve(Settings),
}

/// What instances are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum MachineKind {
    /// Machines of systemd-nspawn: needs root.
    #[default]
    Real,
    /// Records that only say what a script says: no root, no builds, no MLflow process.
    Pretend,
}

/// What `up` and the region it starts are told.
#[derive(Debug, Args)]
struct Settings {
    /// Port of the endpoint on 127.0.0.1.
    #[arg(long, default_value_t = 4577, value_parser = clap::value_parser!(u16).range(1..))]
    port: u16,
    /// Name of the region.
    #[arg(long, default_value = "us-east-1")]
    region: String,
    /// Python venv with MLflow in it (default: `venv` in the cache folder).
    #[arg(long, env = "NIXL_REGION_VENV")]
    venv: Option<PathBuf>,
    /// What instances are.
    #[arg(long, value_enum, default_value_t = MachineKind::Real)]
    machines: MachineKind,
    /// What pretend machines do and say, in TOML (default: they are paired as soon as they run).
    #[arg(long, value_name = "FILE", requires = "machines")]
    script: Option<PathBuf>,
    /// Gives each machine a disk of its own of this size, e.g. `8G`, for `fill-disk`.
    #[arg(long, value_name = "SIZE", value_parser = machine::size)]
    machine_disks: Option<u64>,
    /// Gives each machine a clock of its own, for `machine-clock`.
    #[arg(long)]
    machine_clocks: bool,
    /// Appends every exchange to this file, one line of JSON each, without secrets.
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
}

impl Settings {
    /// What holds for the region's life. The region has another working folder than who
    /// typed this.
    fn fixed(&self) -> anyhow::Result<state::Fixed> {
        Ok(state::Fixed {
            record: self.record.as_ref().map(std::path::absolute).transpose()?,
            machine_disks: self.machine_disks,
            machine_clocks: self.machine_clocks,
            machines: self.machines,
        })
    }
}

impl Cli {
    /// Runs it.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let layout = Layout::new(&self.place.state_dir)?;
        let cache_dir = std::path::absolute(&self.place.cache_dir)?;
        match self.command {
            Command::Up(settings) => up::run(&layout, &cache_dir, &settings),
            Command::Status { output } => status::run(&layout, output),
            Command::Env => env::run(&layout),
            Command::Exec { machine, argv } => exec::run(&layout, &machine, &argv),
            Command::Shell { machine } => exec::shell(&layout, &machine),
            Command::Logs { machine, follow } => logs::run(&layout, machine.as_deref(), follow),
            Command::Machine(command) => machine::run(&layout, &command),
            Command::Link(command) => link::run(&layout, &command),
            Command::Fault(command) => fault::run(&layout, command),
            Command::Notice { machine, notice } => notice::run(&layout, &machine, &notice),
            Command::Set(setting) => set::set(&layout, &setting),
            Command::Get { output } => set::get(&layout, output),
            Command::Calls(options) => calls::run(&layout, options),
            Command::Down { purge } => down::run(&layout, purge.then_some(&cache_dir)),
            Command::Rules { output } => rules::run(output),
            Command::BaseImage => up::base_image(&cache_dir),
            Command::Export(options) => export::run(&layout, &options),
            Command::Serve(settings) => serve::run(&layout, &cache_dir, &settings),
        }
    }
}

impl Settings {
    fn hardware(&self) -> Hardware {
        Hardware { disk_bytes: self.machine_disks, clocks: self.machine_clocks }
    }

    fn venv(&self, cache_dir: &std::path::Path) -> PathBuf {
        let venv = self.venv.clone().unwrap_or_else(|| cache_dir.join("venv"));
        // The region's process has another working folder than who typed this.
        std::path::absolute(&venv).unwrap_or(venv)
    }
}

#[cfg(test)]
mod tests;
