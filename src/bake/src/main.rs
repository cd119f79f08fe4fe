//! `nixl-bake`: parse, read, talk to AWS, print. Diagnostics and progress go
//! to stderr, the result to stdout.

use clap::Parser as _;
use nixl_bake::blueprint::Blueprint;
use nixl_bake::cli::{Cli, Command, Input};
use nixl_bake::cloud::Cloud;
use nixl_bake::content::Content;
use nixl_bake::error::BakeError;
use nixl_bake::flow::{self, Options, Pace};
use nixl_bake::progress::Console;
use nixl_bake::{base, list, output, plan, validate};
use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

/// Ended by Ctrl-C: 128 + SIGINT, as shells have it.
const INTERRUPTED: u8 = 130;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_env("NIXL_LOG")
                .unwrap_or_else(|_| "error,nixl_bake=warn".into()),
        )
        .with_writer(std::io::stderr)
        .init();

    let console = Console::new();
    let result = tokio::select! {
        result = run(&cli, &console) => result,
        _ = tokio::signal::ctrl_c() => {
            console.finish();
            eprintln!("{}", interrupted(&console));
            return ExitCode::from(INTERRUPTED);
        }
    };
    console.finish();
    match result {
        Ok((text, code)) => match writeln!(std::io::stdout(), "{text}") {
            Ok(()) => code,
            Err(error) => {
                eprintln!("nixl-bake: cannot print the result: {error}");
                ExitCode::FAILURE
            }
        },
        Err(error) => {
            eprintln!("nixl-bake: {error}");
            ExitCode::FAILURE
        }
    }
}

fn interrupted(console: &Console) -> String {
    match console.build() {
        Some(arn) => format!(
            "\nnixl-bake: stopped watching; the build goes on in Image Builder. Run the same command again to come back to it ({arn})"
        ),
        None => "\nnixl-bake: stopped; no build was started. Run the same command again, it goes on from what is there".to_owned(),
    }
}

/// The result, and the exit code that goes with it.
async fn run(cli: &Cli, console: &Console) -> Result<(String, ExitCode), BakeError> {
    let text = match &cli.command {
        Command::Validate { recipe, output } => {
            let report = validate::validate(recipe);
            let code = if report.problems.is_empty() { 0 } else { 1 };
            return Ok((output::validated(&report, *output), ExitCode::from(code)));
        }
        Command::Build { input, common, timeout_minutes } => {
            let (cloud, blueprint) = prepare(input, common.region.as_deref()).await?;
            let options = Options {
                deadline: Duration::from_secs(timeout_minutes * 60),
                pace: Pace::default(),
            };
            let baked = flow::bake(&cloud, &blueprint, console, options).await?;
            console.finish();
            if baked.reused {
                eprintln!("image {} already has this content, nothing to bake", baked.ami_id);
            }
            output::baked(&baked, common.output)
        }
        Command::Plan { input, common } => {
            let (cloud, blueprint) = prepare(input, common.region.as_deref()).await?;
            let plan = plan::plan(&cloud, &blueprint, Pace::default()).await?;
            output::plan(&plan, common.output)
        }
        Command::List { common } => {
            let cloud = Cloud::connect(common.region.as_deref()).await?;
            output::list(&list::list(&cloud).await?, common.output)
        }
    };
    Ok((text, ExitCode::SUCCESS))
}

/// Reads all files before the first call: a typo costs no connection.
async fn prepare(input: &Input, region: Option<&str>) -> Result<(Cloud, Blueprint), BakeError> {
    let content = Content::load(&input.recipe, &input.noded)?;
    let cloud = Cloud::connect(region).await?;
    let base_ami = base::resolve(&cloud, &content.recipe).await?;
    let blueprint = Blueprint::new(&content, &base_ami, &cloud)?;
    Ok((cloud, blueprint))
}
