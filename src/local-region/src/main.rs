//! `nixl-region`: the local region (ARCHITECTURE.md).

use std::process::ExitCode;

use clap::Parser;
use nixl_local_region::cli::Cli;

fn main() -> ExitCode {
    match Cli::parse().run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("nixl-region: {error:#}");
            ExitCode::FAILURE
        }
    }
}
