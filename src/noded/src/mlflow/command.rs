//! `nixl-noded mlflow`: what people ask about MLflow.

use crate::{cli, client, port};
use anyhow::bail;
use std::net::SocketAddr;
use std::time::Duration;

/// The daemon may have to make a URL first, which SageMaker may be slow to do.
const TIMEOUT: Duration = Duration::from_secs(40);

/// Options of `mlflow`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Prints a URL that opens MLflow in a browser: good once, for some minutes. Whoever has it gets in; only root and sudo's users are given one.
    Url {
        /// Where the daemon listens.
        #[arg(long, value_name = "ADDRESS:PORT", default_value_t = cli::default_listen(),
              value_parser = port::parse)]
        listen: SocketAddr,
    },
}

/// What was asked for.
///
/// # Errors
/// With the daemon's reason if there is no URL, or if it does not answer.
pub fn run(args: &Args) -> anyhow::Result<String> {
    let Command::Url { listen } = args.command;
    let answer = client::exchange(listen, "GET", "/mlflow", "", TIMEOUT)?;
    if answer.status == 302
        && let Some(url) = answer.header("location")
    {
        return Ok(format!("{url}\n"));
    }
    let told: Option<serde_json::Value> = serde_json::from_str(&answer.body).ok();
    let told = told.as_ref().and_then(|told| told["error"].as_str().zip(told["message"].as_str()));
    match told {
        Some((code, message)) => bail!("{code}: {message}"),
        None => bail!("HTTP {} from {listen} is no answer to this", answer.status),
    }
}
