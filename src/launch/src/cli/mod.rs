//! The command line: a file a command.

mod access;
mod audit;
mod browser;
mod connect;
mod doctor;
mod down;
mod emit;
mod exec;
mod extend;
mod forward;
mod interrupt;
mod list;
mod logs;
mod mlflow;
mod nodes;
mod plan;
mod reap;
mod redirect;
mod render_user_data;
mod status;
mod up;
mod wait;

pub use access::Exited;
pub use connect::Connect;
pub use down::Down;
pub use emit::{Emit, Form, Ranks};
pub use exec::Exec;
pub use extend::Extend;
pub use forward::{Dashboard, Forward};
pub use interrupt::OnInterrupt;
pub use logs::Logs;
pub use mlflow::Mlflow;
pub use nodes::{Nodes, RolesError};
pub use plan::PlanFlags;
pub use reap::Reap;
pub use render_user_data::RenderUserData;
pub use up::Up;
pub use wait::Wait;

use crate::command::Flags;
use crate::engine::{Engine, Pace, Removal};
use crate::failure::{Failure, Left, Problem};
use crate::input::{self, Asked, FileError, UsageError};
use crate::plan::{Plan, Spec};
use crate::progress::for_stderr;
use crate::report::Report;
use crate::terminal::Terminal;
use crate::{render, wiring};
use anyhow::bail;
use clap::error::ErrorKind;
use clap::{CommandFactory as _, Parser, Subcommand, ValueEnum};
use interrupt::interruptible;
use nixl_aws::Aws;
use nixl_cluster::ClusterName;
use std::path::PathBuf;
use std::time::Duration;

/// Launch a pair (or more) of nodes in one placement group and wait until they
/// are paired over the fabric.
#[derive(Debug, Parser)]
#[command(name = "nixl-launch", version, about)]
pub struct Cli {
    /// Name of the cluster [default: nixl]
    #[arg(long = "cluster", global = true, value_name = "CLUSTER")]
    pub given_cluster: Option<ClusterName>,
    /// The same, or what the file says, or the default
    #[arg(skip)]
    pub cluster: ClusterName,
    /// File that says what is asked for [default: nixl.toml, if it is there]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// What the file says
    #[arg(skip)]
    pub file: Asked,
    /// Region; otherwise what AWS_REGION or the profile says
    #[arg(long, global = true, value_parser = input::region)]
    pub region: Option<String>,
    /// Form of the result on stdout
    #[arg(long, global = true, value_enum, default_value_t = Output::Text)]
    pub output: Output,
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// Form of the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// Tables for people
    Text,
    /// One JSON document
    Json,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show what `up` would do, and every check; nothing is changed
    Plan(PlanFlags),
    /// Print what `up` would do for another tool; nothing is changed
    Emit(Emit),
    /// Make sure that the cluster is there and paired
    Up(Up),
    /// Show the cluster as it is
    Status,
    /// Show all clusters of the region
    List,
    /// Wait until the cluster is paired, reachable through SSM, or gone
    Wait(Wait),
    /// Look at everything that may be wrong and say what to do; exit code 1 if anything fails
    Doctor,
    /// Show everything of every cluster of the region; exit code 1 if anything costs
    /// money for nobody
    Audit,
    /// Show, open, stop or start the MLflow of the cluster
    Mlflow(Mlflow),
    /// Remove the cluster and prove that nothing is left
    Down(Down),
    /// Move the end of the cluster
    Extend(Extend),
    /// Find the clusters whose time is over, and take them down
    Reap(Reap),
    /// Open a login shell on a node
    Connect(Connect),
    /// Run a command on all nodes
    Exec(Exec),
    /// Show the nodes' journals as one
    Logs(Logs),
    /// Bring a port of a node to this computer
    Forward(Forward),
    /// Bring the page of a node to this computer
    Dashboard(Dashboard),
    /// Print the user data a node would get
    #[command(hide = true)]
    RenderUserData(RenderUserData),
}

fn duration(text: &str) -> Result<Duration, String> {
    let span: jiff::SignedDuration =
        text.parse().map_err(|_| format!("{text:?} is no duration; write e.g. 90s or 15m"))?;
    Duration::try_from(span).map_err(|_| format!("{text:?} is negative"))
}

impl Cli {
    /// What the parser cannot see: flags that do not go together.
    ///
    /// # Errors
    /// A usage error, as the parser's own.
    pub fn check(&self) -> Result<(), clap::Error> {
        let nodes = match &self.command {
            Command::Up(Up { asked: Asked { layout: nodes, .. }, .. })
            | Command::Plan(PlanFlags { asked: Asked { layout: nodes, .. }, .. })
            | Command::Emit(Emit { asked: Asked { layout: nodes, .. }, .. })
            | Command::RenderUserData(RenderUserData { nodes, .. }) => *nodes,
            _ => return Ok(()),
        };
        nodes.check().map_err(|error| Self::command().error(ErrorKind::ValueValidation, error))
    }
}

impl Cli {
    /// Reads the file. Region and cluster are a flag's, or a saved plan's, or the
    /// file's.
    fn settle(&mut self) -> anyhow::Result<()> {
        self.file = input::load(self.config.as_deref())?;
        if let Command::Up(Up { plan: Some(path), asked, .. }) = &self.command {
            if *asked != Asked::default() {
                return Err(Failure::unchanged(UsageError::PlanAndMore).into());
            }
            let spec = Plan::load(path)?.spec;
            let cluster = self.given_cluster.get_or_insert_with(|| spec.cluster.clone());
            let region = self.region.get_or_insert_with(|| spec.region.clone());
            if *cluster != spec.cluster || *region != spec.region {
                let planned = format!("{} in {}", spec.cluster, spec.region);
                let error =
                    UsageError::Planned { planned, asked: format!("{cluster} in {region}") };
                return Err(Failure::unchanged(error).into());
            }
        }
        self.defaults();
        Ok(())
    }

    /// What no flag says is the file's, or the default.
    fn defaults(&mut self) {
        let file = &self.file;
        let cluster = self.given_cluster.clone().or_else(|| file.cluster.clone());
        self.cluster = cluster.unwrap_or_default();
        self.region =
            self.region.take().or_else(|| file.region.as_ref().map(|region| region.0.clone()));
    }

    /// What a command that is suggested must say. Copied, it may run in another
    /// folder, where no file names a cluster or region.
    #[must_use]
    pub fn flags(&self) -> Flags {
        let set = ["AWS_REGION", "AWS_DEFAULT_REGION"]
            .map(std::env::var)
            .into_iter()
            .find_map(Result::ok);
        self.flags_where(set.as_deref())
    }

    fn flags_where(&self, region_set: Option<&str>) -> Flags {
        let built_in = ClusterName::default();
        let region = self.region.as_deref();
        // Without a flag another one that the file names would be meant.
        let other = |filed: &&ClusterName| **filed != self.cluster;
        let cluster_default = self.file.cluster.as_ref().filter(other).unwrap_or(&built_in);
        let filed = self.file.region.as_ref().map(|filed| filed.0.as_str());
        let region_default = filed.filter(|filed| Some(*filed) != region).or(region_set);
        Flags::new((&self.cluster, cluster_default), (region, region_default))
    }

    /// What is asked for by flags and file.
    fn spec(&self, flags: &Asked, engine: &Engine<'_>) -> Result<Spec, UsageError> {
        let asked = flags.clone().over(self.file.clone());
        asked.spec(&engine.cluster, &engine.region)
    }
}

/// Runs one command; the result goes to stdout.
///
/// # Errors
/// With everything a person needs to go on: a [`Failure`] where AWS was asked.
pub async fn run(cli: &mut Cli) -> anyhow::Result<()> {
    cli.settle()?;
    let cli = &*cli;
    match &cli.command {
        Command::Plan(flags) => plan::run(cli, flags).await,
        Command::Emit(flags) => emit::run(cli, flags).await,
        Command::Up(flags) => up::run(cli, flags).await,
        Command::Status => status::run(cli).await,
        Command::List => list::run(cli).await,
        Command::Wait(flags) => wait::run(cli, flags).await,
        Command::Doctor => doctor::run(cli).await,
        Command::Audit => audit::run(cli).await,
        Command::Mlflow(flags) => mlflow::run(cli, flags).await,
        Command::Down(flags) => down::run(cli, flags).await,
        Command::Extend(flags) => extend::run(cli, flags).await,
        Command::Reap(flags) => reap::run(cli, flags).await,
        Command::Connect(flags) => connect::run(cli, flags).await,
        Command::Exec(flags) => exec::run(cli, flags).await,
        Command::Logs(flags) => logs::run(cli, flags).await,
        Command::Forward(flags) => forward::forward(cli, flags).await,
        Command::Dashboard(flags) => forward::dashboard(cli, flags).await,
        Command::RenderUserData(flags) => {
            print!("{}", render_user_data::run(&cli.cluster, flags)?);
            Ok(())
        }
    }
}

/// Work that only reads: Ctrl-C drops it.
async fn with_engine<T>(
    cli: &Cli,
    work: impl AsyncFnOnce(&Engine<'_>) -> Result<T, Failure>,
) -> anyhow::Result<T> {
    with_services(cli, async |engine| {
        tokio::select! {
            outcome = work(engine) => Ok(outcome?),
            _ = tokio::signal::ctrl_c() => Err(Interrupted.into()),
        }
    })
    .await
}

/// Work that changes something: Ctrl-C asks it to end at the next good point,
/// and the cluster is taken down where a person wants that.
async fn with_changes<T>(
    cli: &Cli,
    on_interrupt: Option<OnInterrupt>,
    work: impl AsyncFnOnce(&Engine<'_>) -> Result<T, Failure>,
) -> anyhow::Result<T> {
    with_services(cli, async |engine| {
        let stop = engine.pace.stop.clone();
        let ended = interruptible(work(engine), &stop, engine.progress, on_interrupt).await;
        if !ended.down {
            return Ok(ended.outcome?);
        }
        stop.take_back();
        let removal = engine.down(Removal::default());
        let leave = Some(OnInterrupt::Leave);
        let removed = interruptible(removal, &stop, engine.progress, leave).await.outcome?;
        let lines = down::lines(cli.cluster.as_str(), &removed);
        lines.iter().for_each(|line| engine.progress.told(line));
        Err(Interrupted.into())
    })
    .await
}

async fn with_services<T>(
    cli: &Cli,
    work: impl AsyncFnOnce(&Engine<'_>) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let aws = Aws::load(cli.region.as_deref()).await;
    let Some(region) = aws.region().map(str::to_owned) else {
        bail!(
            "no region: set AWS_REGION or pass --region (for the local region: `eval \"$(nixl-region env)\"`)"
        );
    };
    let region =
        input::region(&region).map_err(|error| Failure::unchanged(UsageError::from(error)))?;
    let services = wiring::services(&aws);
    let progress = for_stderr(cli.flags());
    if let Some(doubt) = input::doubt_of_region(&region) {
        progress.told(&format!("note: {doubt}"));
    }
    let engine = Engine {
        services: &services,
        progress: progress.as_ref(),
        cluster: cli.cluster.clone(),
        region,
        pace: Pace::default(),
    };
    work(&engine).await
}

/// Ended by Ctrl-C, with nothing left to say.
#[derive(Debug, thiserror::Error)]
#[error("interrupted")]
pub struct Interrupted;

/// The result is on stdout already; the exit code says more.
#[derive(Debug, thiserror::Error)]
#[error("exit code {code}")]
pub struct Told {
    /// Exit code.
    pub code: u8,
}

/// Exit code of a failed command: 130 after Ctrl-C, as shells have it, 2 for what
/// was asked wrongly, else 1.
#[must_use]
pub fn exit_code(error: &anyhow::Error) -> u8 {
    if let Some(told) = error.downcast_ref::<Told>() {
        return told.code;
    }
    let by_person = error.is::<Interrupted>()
        || matches!(
            error.downcast_ref::<Failure>(),
            Some(Failure { problem: Problem::Interrupted, .. })
        );
    let by_usage = error.is::<FileError>()
        || matches!(
            error.downcast_ref::<Failure>(),
            Some(Failure { problem: Problem::Usage(_), .. })
        );
    match (by_person, by_usage) {
        (true, _) => 130,
        (_, true) => 2,
        _ => 1,
    }
}

/// A failed command as a document: `error` with a stable `code`, the `message`
/// and what is `left` (`state`: unchanged, clear, remaining with `resources`, or
/// unknown).
#[must_use]
pub fn failed(error: &anyhow::Error, flags: &Flags) -> serde_json::Value {
    let failure = error.downcast_ref::<Failure>();
    let code = match failure {
        Some(failure) => failure.problem.code(),
        None if error.is::<Interrupted>() => Problem::Interrupted.code(),
        None => "error",
    };
    let left = failure.map_or(&Left::Unchanged, |failure| &failure.left);
    let message = flags.told(&format!("{error:#}"));
    serde_json::json!({ "error": { "code": code, "message": message, "left": left } })
}

fn print_report(cli: &Cli, report: Report) -> anyhow::Result<()> {
    let flags = cli.flags();
    let report = Report {
        drift: flags.checks(report.drift),
        warnings: report.warnings.iter().map(|warning| flags.told(warning)).collect(),
        ..report
    };
    match cli.output {
        Output::Json => println!("{}", serde_json::to_string_pretty(&report)?),
        Output::Text => print!("{}", render::text(&report, Terminal::of(&std::io::stdout()))),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_copied_means_the_same_cluster() {
        let told = |args: &[&str], file: Option<(&str, &str)>| {
            let mut cli = Cli::try_parse_from(["nixl-launch", "down"].iter().chain(args)).unwrap();
            cli.file.cluster = file.map(|(cluster, _)| cluster.parse().unwrap());
            cli.file.region = file.map(|(_, region)| region.parse().unwrap());
            cli.defaults();
            cli.flags_where(Some("us-east-1")).told("`nixl-launch up`")
        };
        assert_eq!(told(&[], None), "`nixl-launch up`");
        assert_eq!(told(&["--cluster=nixl", "--region=us-east-1"], None), "`nixl-launch up`");
        assert_eq!(told(&["--region=eu-west-1"], None), "`nixl-launch up --region eu-west-1`");
        let file = Some(("a", "eu-west-1"));
        let whole = "`nixl-launch up --cluster a --region eu-west-1`";
        assert_eq!(told(&[], file), whole);
        assert_eq!(told(&["--cluster=a", "--region=eu-west-1"], None), whole);
        let other = told(&["--cluster=nixl", "--region=us-east-1"], file);
        assert_eq!(other, "`nixl-launch up --cluster nixl --region us-east-1`");
    }
}
