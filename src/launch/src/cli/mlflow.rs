//! `mlflow`: the MLflow of a cluster by itself.

use super::browser;
use super::redirect::Redirect;
use super::{Cli, OnInterrupt, Output, with_changes, with_engine};
use crate::engine::{Engine, Power};
use crate::failure::Failure;
use crate::input::{self, KmsKeyArn, MlflowVersion, ServerIdle, ServerName, UsageError};
use crate::mlflow::text;
use crate::plan::{ServerSize, Spec, Wanted};
use crate::terminal::Terminal;
use anyhow::Context as _;
use clap::{Args, Subcommand};
use nixl_cluster::name::DEFAULT_TRACKING_SERVER;
use std::time::Duration;

/// A URL that nobody takes is dead by then.
const URL_LIFE: Duration = Duration::from_secs(300);
/// What SageMaker allows for a session of the UI.
const SESSION_SECS: std::ops::RangeInclusive<u64> = 1800..=43_200;

/// Flags of `mlflow`.
#[derive(Debug, Args)]
pub struct Mlflow {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Clone, Subcommand)]
enum What {
    /// Make MLflow without nodes: an App, or with --tracking-server a server; `up` uses it
    Up {
        /// A tracking server (about $469 a month, up to 25 minutes) in place of an App
        #[arg(long, value_name = "NAME", num_args = 0..=1, default_missing_value = DEFAULT_TRACKING_SERVER)]
        tracking_server: Option<ServerName>,
        /// Size of the tracking server, where it is created [default: small]
        #[arg(long, value_enum, value_name = "SIZE")]
        mlflow_size: Option<ServerSize>,
        /// Version of MLflow of the tracking server, where it is created
        #[arg(long, value_name = "VERSION")]
        mlflow_version: Option<MlflowVersion>,
        /// Stop the tracking server so long after the cluster's last node's end, e.g. 2h,
        /// or never; `up` starts it again [default: as it was told before, else never]
        #[arg(long, value_name = "TIME")]
        idle_stop: Option<ServerIdle>,
        /// KMS key that encrypts what is in its bucket [default: the one it has, else keys of S3]
        #[arg(long, value_name = "ARN")]
        kms_key: Option<KmsKeyArn>,
    },
    /// Show what there is of MLflow, its state and what it costs
    Status,
    /// Open the UI in this computer's browser
    Open {
        /// How long the UI stays open, 30m to 12h
        #[arg(long, value_name = "TIME", default_value = "12h", value_parser = session)]
        session: u32,
        /// Print the URL instead: it opens once, within 5 minutes, for whoever has it
        #[arg(long)]
        print: bool,
    },
    /// Remove server or App and its role; its bucket, with all runs' artifacts, is kept
    Down {
        /// Remove the bucket as well
        #[arg(long)]
        delete_bucket: bool,
    },
    /// Stop the cluster's tracking server: its hours cost no more, its data is kept
    Stop,
    /// Start it again
    Start,
}

fn session(text: &str) -> Result<u32, String> {
    let secs = super::duration(text)?.as_secs();
    let fits = Some(secs).filter(|secs| SESSION_SECS.contains(secs));
    fits.and_then(|secs| u32::try_from(secs).ok())
        .ok_or_else(|| format!("{text:?} is not between 30m and 12h"))
}

pub(super) async fn run(cli: &Cli, flags: &Mlflow) -> anyhow::Result<()> {
    match &flags.what {
        What::Up { tracking_server, mlflow_size, mlflow_version, idle_stop, kms_key } => {
            let how = (*mlflow_size, mlflow_version.clone());
            let wanted = input::mlflow(tracking_server.clone(), how, None, false);
            up(cli, wanted, *idle_stop, kms_key.clone().map(|key| key.0)).await
        }
        What::Down { delete_bucket } => down(cli, *delete_bucket).await,
        What::Status => status(cli).await,
        What::Open { session, print } => open(cli, *session, *print).await,
        What::Stop => power(cli, Power::Off).await,
        What::Start => power(cli, Power::On).await,
    }
}

async fn up(
    cli: &Cli,
    wanted: Result<Wanted, UsageError>,
    idle_stop: Option<ServerIdle>,
    kms_key: Option<String>,
) -> anyhow::Result<()> {
    let wanted = wanted.map_err(Failure::unchanged)?;
    let report = with_changes(cli, Some(OnInterrupt::Leave), async |engine| {
        let spec = Spec {
            mlflow: wanted,
            mlflow_idle_stop: idle_stop.map(|idle| idle.0),
            kms_key,
            ..Spec::new(engine.cluster.clone(), &engine.region)
        };
        engine.mlflow_up(&spec).await
    })
    .await?;
    match (cli.output, report) {
        (Output::Json, report) => println!("{}", serde_json::to_string_pretty(&report)?),
        (Output::Text, Some(report)) => println!("{} is {}", report.arn, report.status),
        (Output::Text, None) => {}
    }
    Ok(())
}

async fn down(cli: &Cli, with_bucket: bool) -> anyhow::Result<()> {
    let work = async |engine: &Engine<'_>| engine.mlflow_down(with_bucket).await;
    let removed = with_changes(cli, Some(OnInterrupt::Leave), work).await?;
    if cli.output == Output::Json {
        println!("{}", serde_json::to_string_pretty(&removed)?);
        return Ok(());
    }
    let flags = cli.flags();
    if removed.removed.is_empty() {
        println!("nothing of MLflow of cluster {} was there to remove", cli.cluster);
    }
    removed.removed.iter().for_each(|it| println!("removed: {it}"));
    removed.foreign.iter().for_each(|it| println!("not this cluster's, left alone: {it}"));
    for bucket in &removed.kept {
        let how = "`nixl-launch mlflow down --delete-bucket` removes it with all runs' artifacts";
        println!("kept: {bucket}; {}", flags.told(how));
    }
    Ok(())
}

async fn status(cli: &Cli) -> anyhow::Result<()> {
    let mut status = with_engine(cli, async |engine| engine.mlflow_status().await).await?;
    let flags = cli.flags();
    status.advice = status.advice.iter().map(|advice| flags.told(advice)).collect();
    match cli.output {
        Output::Json => println!("{}", serde_json::to_string_pretty(&status)?),
        Output::Text => print!("{}", text(&status, Terminal::of(&std::io::stdout()))),
    }
    Ok(())
}

async fn open(cli: &Cli, session_secs: u32, print: bool) -> anyhow::Result<()> {
    // Before a URL is made that nobody would take.
    let program = match browser::opener() {
        Some(program) => program,
        None if print => "",
        None => anyhow::bail!(
            "there is no screen to open it on: `--print` prints the URL, which opens once, within 5 minutes, for whoever has it"
        ),
    };
    let url = with_engine(cli, async |engine| engine.mlflow_url(session_secs).await).await?;
    if print {
        match cli.output {
            Output::Json => println!("{}", serde_json::json!({ "url": url })),
            Output::Text => println!("{url}"),
        }
        return Ok(());
    }
    let redirect = Redirect::bind().await.context("no port of this computer is free")?;
    browser::open(program, &redirect.address()?).with_context(|| program.to_owned())?;
    let taken = tokio::time::timeout(URL_LIFE, redirect.send_to(&url));
    tokio::select! {
        taken = taken => taken.context("the browser did not ask for it in 5 minutes")??,
        _ = tokio::signal::ctrl_c() => return Err(super::Interrupted.into()),
    }
    eprintln!("opened in the browser; the session ends in {} min", session_secs / 60);
    Ok(())
}

async fn power(cli: &Cli, power: Power) -> anyhow::Result<()> {
    let work = async |engine: &Engine<'_>| engine.power_tracking(power).await;
    let report = with_changes(cli, Some(OnInterrupt::Leave), work).await?;
    if cli.output == Output::Json {
        println!("{}", serde_json::to_string_pretty(&report)?);
        return Ok(());
    }
    println!("{} is {}", report.arn, report.status);
    if power == Power::Off {
        let kept = "its hours cost no more; its store and its bucket are kept and cost what they hold, until `nixl-launch down --mlflow`";
        println!("{}", cli.flags().told(kept));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_of_sagemakers_length() {
        assert_eq!(session("12h"), Ok(43_200));
        assert_eq!(session("30m"), Ok(1800));
        for bad in ["29m", "13h", "x", "-1h"] {
            assert!(session(bad).is_err(), "{bad}");
        }
    }
}
