//! The command line.

use crate::lock::Lock;
use crate::output::Format;
use crate::recipe::Account;
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
        /// Refuse to bake without a lock instead of making it.
        #[arg(long)]
        locked: bool,
        /// Bake only: leave the recipe's parameter and `[publish]` alone.
        #[arg(long)]
        no_publish: bool,
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
        /// As `build` with it: leave the recipe's parameter and `[publish]` alone.
        #[arg(long)]
        no_publish: bool,
    },
    /// Pin what the recipe leaves open: base AMI, downloads, daemon. Shows what changes.
    Lock {
        /// Recipe and lock.
        #[command(flatten)]
        paths: Paths,
        /// The daemon to pin; without, its pin stays.
        #[arg(long, value_name = "FILE", env = "NIXL_NODED")]
        noded: Option<PathBuf>,
        /// Look anew also at what is pinned already.
        #[arg(long)]
        update: bool,
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
    /// Show what is in an image.
    Show {
        /// AMI id.
        ami: String,
        /// Where and how.
        #[command(flatten)]
        common: Common,
    },
    /// Show what differs between two images.
    Diff {
        /// AMI id.
        from: String,
        /// AMI id.
        to: String,
        /// Where and how.
        #[command(flatten)]
        common: Common,
    },
    /// Remove old images with their snapshots; shows which, and does it with --yes.
    ///
    /// Only images that nixl-bake made in this account and region, never one that an
    /// instance, a launch template or the recipe's parameter uses, or that is shared. An
    /// image whose test failed goes unless it is the newest and could be tested again.
    Prune {
        /// Images of each recipe and architecture that stay, the newest.
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
        keep: u16,
        /// Only images of this recipe.
        #[arg(long, value_name = "NAME")]
        recipe: Option<String>,
        /// Also images whose test failed and could be tried again.
        #[arg(long)]
        failed: bool,
        /// Remove them.
        #[arg(long)]
        yes: bool,
        /// Where and how.
        #[command(flatten)]
        common: Common,
    },
    /// List the images there are, those whose test runs or failed among them.
    List {
        /// Those of all regions of the account.
        #[arg(long)]
        all_regions: bool,
        /// Where and how.
        #[command(flatten)]
        common: Common,
    },
}

/// What goes into the image.
#[derive(Debug, Args)]
pub struct Input {
    /// Recipe and lock.
    #[command(flatten)]
    pub paths: Paths,
    /// The node daemon to put into the image, built for it.
    #[arg(long, value_name = "FILE", env = "NIXL_NODED")]
    pub noded: PathBuf,
    /// Test the image on an instance of this type before it is distributed and published:
    /// every component's test.sh runs there. It is built on the recipe's type.
    #[arg(long, value_name = "INSTANCE_TYPE", value_parser = crate::recipe::parse_instance_type)]
    pub test_on: Option<String>,
    /// Accounts whose image of the same content will do, if they share it with this one;
    /// more than the recipe's `shared_by`.
    #[arg(long, value_name = "ACCOUNT", value_delimiter = ',', value_parser = account)]
    pub shared_by: Vec<Account>,
}

fn account(text: &str) -> Result<Account, String> {
    text.to_owned().try_into()
}

/// Recipe and lock.
#[derive(Debug, Args)]
pub struct Paths {
    /// Recipe; its component folders are beside it.
    #[arg(long, value_name = "FILE", default_value = "image/recipe.toml")]
    pub recipe: PathBuf,
    /// Folder of the recipe's lock [default: beside the recipe].
    #[arg(long, value_name = "FOLDER", env = "NIXL_BAKE_LOCK_DIR")]
    pub lock_dir: Option<PathBuf>,
}

impl Paths {
    /// Where the lock is.
    #[must_use]
    pub fn lock(&self) -> PathBuf {
        Lock::path(&self.recipe, self.lock_dir.as_deref())
    }
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
