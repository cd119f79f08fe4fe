//! The command line.

use crate::history::History;
use crate::link::show;
use crate::worker::child;
use crate::worker::sandbox::Cut;
use crate::{
    ack, check, environment, explain, gpu, health, journal, log, mlflow, mlflow_test, port, run,
};
use clap::{Parser, Subcommand};
use nixl_cluster::ProviderChoice;
use nixl_cluster::name::HEALTH_PORT;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;

/// Node daemon of nixl: registers this instance, pairs it over libfabric and
/// tells how it is on 127.0.0.1:9100.
#[derive(Debug, Parser)]
#[command(name = "nixl-noded", version)]
pub struct Cli {
    /// What to log, e.g. `debug` or `info,nixl_noded=debug`.
    #[arg(long, global = true, env = log::VARIABLE, default_value = log::DEFAULT,
          value_parser = checked_filter)]
    log: String,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the daemon, in the foreground, until SIGTERM.
    Run(RunArgs),
    /// Writes MLFLOW_TRACKING_ARN, _URI and _TOKEN to /etc/environment, profile.d and /run/nixl (root).
    Environment {
        /// Settings file.
        #[arg(long, value_name = "FILE", default_value = nixl_cluster::settings::PATH)]
        settings: PathBuf,
        /// Folder in whose place `/` is taken.
        #[arg(long, value_name = "DIR", default_value = "/")]
        root: PathBuf,
    },
    /// Owns the fabric for the daemon, which speaks to it on descriptor 3.
    #[command(hide = true)]
    FabricWorker {
        /// Provider that will be opened; the sandbox is cut for it.
        #[arg(long)]
        provider: ProviderChoice,
        /// libfabric that will be opened, if it is not in the usual places.
        #[arg(long, value_name = "FILE")]
        library: Option<PathBuf>,
    },
    /// Asks the NVIDIA driver for the daemon, which speaks to it on descriptor 3.
    #[command(hide = true)]
    GpuWorker {
        /// libnvidia-ml.so.1 to open, if it is not the loader's.
        #[arg(long, value_name = "FILE")]
        library: Option<PathBuf>,
    },
    /// Explains a reason code, or all of them.
    Explain(explain::Args),
    /// Asks the daemon on this node how it is; exit code 1 if it fails.
    Health {
        /// Where the daemon listens.
        #[arg(long, value_name = "ADDRESS:PORT", default_value_t = default_listen(),
              value_parser = port::parse)]
        listen: SocketAddr,
    },
    /// Acknowledges a reason: it stays on /health and no longer counts; exit code 1 if nothing has it.
    Ack(ack::Args),
    /// Shows what the daemon told the journal, newest last.
    Events(journal::Args),
    /// Looks at everything a node needs and says what to do; exit code 1 if anything fails.
    Check(check::Args),
    /// Passes what MLflow's clients ask on loopback on to SageMaker, signed as the node.
    MlflowEndpoint(mlflow::endpoint::Args),
    /// Opens MLflow.
    Mlflow(mlflow::command::Args),
    /// Shows how fast the link to each peer is, as tables and drawn; exit code 1 without a pair.
    Link(show::Args),
    /// Tests an MLflow server in eight steps, with one run; exit code 1 if any of them fails.
    MlflowTest(mlflow_test::Args),
}

/// Options of `run`.
#[derive(Debug, clap::Args)]
pub struct RunArgs {
    /// Settings file, written by user data.
    #[arg(long, value_name = "FILE", default_value = nixl_cluster::settings::PATH)]
    pub settings: PathBuf,
    /// Loopback address of the HTTP interface, unless systemd passes a socket.
    #[arg(long, value_name = "ADDRESS:PORT", default_value_t = default_listen(),
          value_parser = port::parse)]
    pub listen: SocketAddr,
    /// Folder in whose place `/` is taken for what is looked at on this node.
    #[arg(long, value_name = "DIR", default_value = "/", hide = true)]
    pub root: PathBuf,
}

pub(crate) fn default_listen() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, HEALTH_PORT).into()
}

fn checked_filter(text: &str) -> Result<String, String> {
    log::filter(text).map(|_| text.to_owned())
}

impl Cli {
    /// Does what was asked.
    ///
    /// # Errors
    /// With the chain of what went wrong.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        // The worker's stderr goes to the daemon, which keeps its last line.
        let filter = log::filter(&self.log).map_err(anyhow::Error::msg)?;
        match self.command {
            Command::Run(args) => {
                let history = History::default();
                log::install(filter, Some(&history));
                run::run(args, history)?;
            }
            Command::Environment { settings, root } => {
                log::install(filter, None);
                environment::run(&settings, &root)?;
            }
            Command::FabricWorker { provider, library } => {
                child::run(&Cut::Fabric { provider, library })?;
            }
            Command::GpuWorker { library } => gpu::child::run(library)?,
            Command::Explain(args) => print!("{}", explain::run(&args)?),
            Command::Events(args) => journal::run(&args)?,
            Command::Ack(args) => print!("{}", ack::run(&args)?),
            Command::Health { listen } => {
                let usable = health::run(listen)?;
                return Ok(if usable { ExitCode::SUCCESS } else { ExitCode::FAILURE });
            }
            Command::Check(args) => {
                let usable = check::run(&args)?;
                return Ok(if usable { ExitCode::SUCCESS } else { ExitCode::FAILURE });
            }
            Command::MlflowEndpoint(args) => {
                log::install(filter, None);
                mlflow::endpoint::run(&args)?;
            }
            Command::Mlflow(args) => print!("{}", mlflow::command::run(&args)?),
            Command::Link(args) => show::run(&args)?,
            Command::MlflowTest(args) => {
                let passed = mlflow_test::run(&args)?;
                return Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE });
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
