//! Launches a cluster, looks at it, takes it down.

use clap::Parser;
use nixl_launch::cli::{Cli, Exited, Output, Told, exit_code, failed, run};
use nixl_launch::command::Flags;
use nixl_launch::failure::{Failure, Left};
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let mut cli = Cli::parse();
    cli.check().unwrap_or_else(|error| error.exit());
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::try_from_env("NIXL_LOG").unwrap_or_else(|_| "off".into()))
        .with_writer(std::io::stderr)
        .init();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: no async runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    let outcome = runtime.block_on(run(&mut cli));
    // Nothing that is still open (a keep-alive connection) is waited for.
    runtime.shutdown_background();
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is::<Told>() => ExitCode::from(exit_code(&error)),
        Err(error) => {
            if let Some(exited) = error.downcast_ref::<Exited>() {
                return exited.into();
            }
            let flags = cli.flags();
            tell(&error, &flags);
            if cli.output == Output::Json {
                println!("{:#}", failed(&error, &flags));
            }
            ExitCode::from(exit_code(&error))
        }
    }
}

/// The error, and under it what is left and may cost money.
fn tell(error: &anyhow::Error, flags: &Flags) {
    eprintln!("error: {}", flags.told(&format!("{error:#}")));
    if let Some(failure) = error.downcast_ref::<Failure>()
        && failure.left != Left::Unchanged
    {
        eprintln!("{}", flags.told(&failure.left.told()));
    }
}
