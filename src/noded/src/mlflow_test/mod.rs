//! `nixl-noded mlflow-test`: asks an MLflow server everything that a training or
//! benchmark asks, in eight steps, and says where it ends.

mod show;

use crate::mlflow::permission::permission;
use anyhow::Context as _;
use clap::builder::NonEmptyStringValueParser;
use jiff::Timestamp;
use nixl_mlflow::TrackingResource;
use nixl_tracking::selftest::{EXPERIMENT, Owner, SelfTest, Verdict};
use nixl_tracking::{Client, Endpoint, Token};
use std::io::{ErrorKind, Write as _};
use std::path::PathBuf;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// Variable that MLflow's clients read the token from; an argument would be seen.
const TOKEN_VARIABLE: &str = "MLFLOW_TRACKING_TOKEN";

/// Options of `mlflow-test`.
#[derive(Debug, clap::Args)]
#[command(after_help = "The token, if one is wanted, is read from MLFLOW_TRACKING_TOKEN.")]
pub struct Args {
    /// Where MLflow answers, e.g. http://127.0.0.1:5000.
    #[arg(long, value_name = "URL", env = "MLFLOW_TRACKING_URI")]
    tracking_uri: Endpoint,
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
        anyhow::Ok(test(args).run(interrupted).await)
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

fn test(args: &Args) -> SelfTest {
    let token = match &args.token_file {
        Some(path) => Token::File(path.clone()),
        None => match std::env::var(TOKEN_VARIABLE) {
            Ok(token) if !token.is_empty() => Token::Value(token),
            _ => Token::None,
        },
    };
    let endpoint = args.tracking_uri.clone();
    let resource = args.tracking_arn.as_ref().and_then(|arn| arn.parse::<TrackingResource>().ok());
    SelfTest {
        client: Client::new(endpoint, token, Duration::from_secs(args.timeout)),
        experiment: args.experiment.clone(),
        owner: Owner::this(),
        timestamp: Timestamp::now().strftime("%Y%m%d_%H%M%S").to_string(),
        allow: Box::new(move |call| resource.as_ref().map(|resource| permission(resource, call))),
    }
}
