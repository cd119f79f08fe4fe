//! `nixl-bake`: parse, read, talk to AWS, print. Diagnostics and progress go
//! to stderr, the result to stdout.

use clap::Parser as _;
use nixl_bake::cli::{Cli, Command, Common, Paths};
use nixl_bake::cloud::{Cloud, Door};
use nixl_bake::compare::Change;
use nixl_bake::content::Content;
use nixl_bake::daemon::Daemon;
use nixl_bake::error::BakeError;
use nixl_bake::flow::{self, Options, Pace};
use nixl_bake::lock::{self, Curl, Lock, Wants};
use nixl_bake::plan::{self, Plan};
use nixl_bake::prepare::{Prepared, Task, WithoutLock, prepare};
use nixl_bake::progress::{Console, Progress as _};
use nixl_bake::prune::{Prune, prune};
use nixl_bake::publish::publish;
use nixl_bake::{list, output, show, validate};
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
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
        Command::Build { input, common, locked, no_publish, timeout_minutes } => {
            let without_lock = if *locked { WithoutLock::Refuse } else { WithoutLock::Make };
            let deadline = Duration::from_secs(timeout_minutes * 60);
            let options = Options { deadline, pace: Pace::default() };
            let Prepared { task, wishes, regions } =
                prepare(input, common.region.as_deref(), console, without_lock).await?;
            let baked = match task {
                Task::Nothing(baked) => *baked,
                Task::Bake(cloud, blueprint) => {
                    flow::bake(&cloud, &blueprint, console, options).await?
                }
            };
            baked.check_test(input.test_on.as_deref())?;
            // What becomes of an image is its owner's to say.
            let published = if *no_publish || baked.shared_by.is_some() {
                None
            } else {
                Some(publish(&*regions, &wishes, &baked, console, options).await?)
            };
            console.finish();
            if baked.reused {
                eprintln!("{}", output::nothing(&baked.ami_id, baked.shared_by.as_deref()));
            }
            output::baked(&baked, published.as_ref(), common.output)
        }
        Command::Lock { paths, noded, update, common } => {
            let changes = make_lock(paths, noded.as_deref(), *update, common, console).await?;
            output::locked(&paths.lock(), &changes, common.output)
        }
        Command::Plan { input, common, no_publish } => {
            let Prepared { task, wishes, regions } =
                prepare(input, common.region.as_deref(), console, WithoutLock::Imagine).await?;
            let mut plan = match task {
                Task::Nothing(baked) => {
                    baked.check_test(input.test_on.as_deref())?;
                    Plan::nothing(*baked)
                }
                Task::Bake(cloud, blueprint) => {
                    plan::plan(&cloud, &blueprint, Pace::default()).await?
                }
            };
            if !no_publish && plan.shared_by.is_none() {
                plan.look_at_publishing(&*regions, &wishes, Pace::default()).await;
            }
            output::plan(&plan, common.output)
        }
        Command::Show { ami, common } => {
            let door = Door::open(common.region.as_deref()).await?;
            let regions = door.regions();
            let cloud = door.enter().await?;
            output::shown(&show::show(&cloud, &*regions, ami).await?, common.output)
        }
        Command::Diff { from, to, common } => {
            let cloud = Cloud::connect(common.region.as_deref()).await?;
            output::differs(&show::diff(&cloud, from, to).await?, common.output)
        }
        Command::Prune { keep, recipe, failed, yes, common } => {
            let door = Door::open(common.region.as_deref()).await?;
            let place = door.regions().place(&door.region);
            let wanted = Prune {
                keep: usize::from(*keep),
                recipe: recipe.clone(),
                failed: *failed,
                yes: *yes,
            };
            let pruned = prune(&place, &wanted, console, Pace::default()).await?;
            console.finish();
            output::pruned(&pruned, common.output)
        }
        Command::List { common, all_regions } => {
            let door = Door::open(common.region.as_deref()).await?;
            let regions = door.regions();
            let (mut entries, mut unread) = list::list(&regions.place(&door.region)).await?;
            if *all_regions {
                let (others, why) = list::list_elsewhere(&*regions, &door.region).await;
                entries.extend(others);
                unread.extend(why);
            }
            for why in unread {
                console.note(&format!("not looked at: {why}"));
            }
            output::list(&entries, common.output)
        }
    };
    Ok((text, ExitCode::SUCCESS))
}

/// Makes the lock agree with the recipe; what changes.
async fn make_lock(
    paths: &Paths,
    noded: Option<&Path>,
    update: bool,
    common: &Common,
    console: &Console,
) -> Result<Vec<Change>, BakeError> {
    let daemon = noded.map(Daemon::read).transpose()?;
    let content = match &daemon {
        Some(daemon) => Content::load(&paths.recipe, daemon)?,
        None => Content::read(&paths.recipe, Arc::default()).map_err(BakeError::several)?,
    };
    let path = paths.lock();
    let old = Lock::read(&path)?;
    let cloud = Cloud::connect(common.region.as_deref()).await?;
    let wants = Wants { content: &content, daemon: daemon.as_ref(), update };
    let before = old.clone().unwrap_or_default();
    let new = lock::make(&before, wants, &cloud, &Curl, console).await?;
    if old.as_ref() != Some(&new) {
        new.write(&path)?;
    }
    Ok(lock::diff(&before, &new))
}
