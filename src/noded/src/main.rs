//! `nixl-noded`: parses, hands over, prints the error chain.

use clap::Parser as _;
use std::process::ExitCode;

fn main() -> ExitCode {
    match nixl_noded::cli::Cli::parse().run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("nixl-noded: {error:#}");
            ExitCode::FAILURE
        }
    }
}
