//! The command line.

use crate::output::Format;
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// Bakes the node image with EC2 Image Builder.
#[derive(Debug, Parser)]
#[command(name = "nixl-bake", version, about)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Bake the image, or find that it is baked already; prints the AMI id.
    Build {
        /// Input.
        #[command(flatten)]
        input: Input,
        /// Where and how.
        #[command(flatten)]
        common: Common,
        /// Longest wait for the build; it goes on afterwards.
        #[arg(long, value_name = "MINUTES", default_value_t = 240, value_parser = clap::value_parser!(u64).range(1..=2880))]
        timeout_minutes: u64,
    },
    /// Show what `build` would do; changes nothing.
    Plan {
        /// Input.
        #[command(flatten)]
        input: Input,
        /// Where and how.
        #[command(flatten)]
        common: Common,
    },
    /// Look at a recipe and all its components without AWS; tells all that is wrong.
    Validate {
        /// Recipe; its component folders are beside it.
        #[arg(long, value_name = "FILE", default_value = "image/recipe.toml")]
        recipe: PathBuf,
        /// Format of the result on stdout.
        #[arg(long, value_enum, default_value_t)]
        output: Format,
    },
    /// List the images there are.
    List {
        /// Where and how.
        #[command(flatten)]
        common: Common,
    },
}

/// What goes into the image.
#[derive(Debug, Args)]
pub struct Input {
    /// Recipe; its component folders are beside it.
    #[arg(long, value_name = "FILE", default_value = "image/recipe.toml")]
    pub recipe: PathBuf,
    /// The node daemon to put into the image, built for it.
    #[arg(long, value_name = "FILE", env = "NIXL_NODED")]
    pub noded: PathBuf,
}

/// Where and how.
#[derive(Debug, Args)]
pub struct Common {
    /// AWS region [default: what AWS_REGION or the profile says].
    #[arg(long)]
    pub region: Option<String>,
    /// Format of the result on stdout.
    #[arg(long, value_enum, default_value_t)]
    pub output: Format,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory as _;
        Cli::command().debug_assert();
    }
}
