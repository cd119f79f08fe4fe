//! `nixl-noded mlflow-test`: asks an MLflow server everything that a training or
//! benchmark asks, in eight steps, and says where it ends.

mod place;
mod show;

use crate::mlflow::permission::permission;
use anyhow::Context as _;
use clap::builder::NonEmptyStringValueParser;
use jiff::Timestamp;
use nixl_cluster::mlflow::TOKEN_VARIABLE;
use nixl_mlflow::TrackingResource;
use nixl_tracking::selftest::{EXPERIMENT, Owner, SelfTest, Verdict};
use nixl_tracking::{Client, Endpoint, EndpointError};
use place::{Given, Place};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// Options of `mlflow-test`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The token, if one is wanted, is read from MLFLOW_TRACKING_TOKEN. On a node of nixl that has \
    MLflow nothing has to be said or set: address and token are read from /run/nixl."
)]
pub struct Args {
    /// Where MLflow answers, e.g. http://127.0.0.1:5000; by default this node's endpoint.
    #[arg(long, value_name = "URL", env = "MLFLOW_TRACKING_URI",
          value_parser = endpoint_or_nothing)]
    tracking_uri: Option<String>,
    /// File with the token in its only line, in the place of MLFLOW_TRACKING_TOKEN.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Experiment for the test's run; made if there is none.
    #[arg(long, value_name = "NAME", default_value = EXPERIMENT,
          value_parser = NonEmptyStringValueParser::new())]
    experiment: String,
    /// How long each call may take.
    #[arg(long, value_name = "SECONDS", default_value_t = 30,
          value_parser = clap::value_parser!(u64).range(1..=600))]
    timeout: u64,
    /// How to show it.
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
    /// ARN behind the endpoint, by which a missing permission is named.
    #[arg(long, value_name = "ARN", env = "MLFLOW_TRACKING_ARN", hide = true)]
    tracking_arn: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Output {
    /// For people.
    Text,
    /// For programs: `nixl_tracking::selftest::Report`.
    Json,
}

/// Tests and prints; whether all eight steps passed.
///
/// # Errors
/// If it cannot begin or be printed.
pub fn run(args: &Args) -> anyhow::Result<bool> {
    let place = place(args)?;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("no runtime")?;
    let report = runtime.block_on(async {
        let (mut int, mut term) =
            (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        let interrupted = async move {
            tokio::select! {
                _ = int.recv() => {}
                _ = term.recv() => {}
            }
        };
        anyhow::Ok(test(args, place).run(interrupted).await)
    })?;
    let told = match args.output {
        Output::Json => format!("{}\n", serde_json::to_string_pretty(&report)?),
        Output::Text => show::text(&report, crate::terminal::Terminal::of_stdout().colour),
    };
    match std::io::stdout().write_all(told.as_bytes()) {
        // Who has read enough is no fault.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => {}
        written => written.context("it cannot be printed")?,
    }
    Ok(report.verdict == Verdict::Pass)
}

/// A variable that is set to nothing is as good as none.
fn endpoint_or_nothing(url: &str) -> Result<String, EndpointError> {
    match url {
        "" => Ok(String::new()),
        url => url.parse::<Endpoint>().map(|_| url.to_owned()),
    }
}

fn place(args: &Args) -> anyhow::Result<Place> {
    let given = Given {
        uri: args.tracking_uri.clone(),
        arn: args.tracking_arn.clone(),
        token: std::env::var(TOKEN_VARIABLE).ok(),
        token_file: args.token_file.clone(),
    };
    Place::find(given, Path::new("/"))
}

fn test(args: &Args, place: Place) -> SelfTest {
    let Place { endpoint, token, arn } = place;
    let resource = arn.and_then(|arn| arn.parse::<TrackingResource>().ok());
    SelfTest {
        client: Client::new(endpoint, token, Duration::from_secs(args.timeout)),
        experiment: args.experiment.clone(),
        owner: Owner::this(),
        timestamp: Timestamp::now().strftime("%Y%m%d_%H%M%S").to_string(),
        allow: Box::new(move |call| resource.as_ref().map(|resource| permission(resource, call))),
    }
}
